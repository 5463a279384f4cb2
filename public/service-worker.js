// Serves the app's own files from one cache, so that everything works with the network cut.
// The model is not here: it has its own cache, filled and checked by the app.
// The build replaces the two lines below with the version and the list of files.
const version = 'development';
const files = [];

const cacheName = `bedside-app-${version}`;
const cachePrefix = 'bedside-app-';

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(cacheName).then(async (cache) => {
      // 'no-cache' asks the server again, so that a version is never put together from two.
      await Promise.all(
        files.map(async (file) => {
          const response = await fetch(file, { cache: 'no-cache' });
          if (!response.ok) throw new Error(`${file}: ${response.status}`);
          await cache.put(file, response);
        }),
      );
    }),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches.keys().then(async (names) => {
      await Promise.all(names.filter((name) => name.startsWith(cachePrefix) && name !== cacheName).map((name) => caches.delete(name)));
      await self.clients.claim();
    }),
  );
});

async function answer(request) {
  const cache = await caches.open(cacheName);
  // A host may vary its answers by Origin or Accept-Encoding; the kept one serves all.
  const found = await cache.match(request.mode === 'navigate' ? 'index.html' : request, { ignoreSearch: true, ignoreVary: true });
  return found ?? fetch(request);
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin || files.length === 0) return;
  if (url.pathname.startsWith(`${new URL(self.registration.scope).pathname}models/`)) return;
  event.respondWith(answer(request));
});
