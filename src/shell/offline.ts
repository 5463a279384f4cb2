/** Lets a service worker keep the app's own files, so that it works without a network. Only in the built app. */
export async function workOffline(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  try {
    await navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI));
  } catch {
    // A host may forbid service workers: the app then needs its server, and says that it is not ready offline.
  }
}
