import type { StorageReport } from './bedside.service.ts';
import { modelCacheName } from './model-cache.ts';
import type { StoredBytes } from './table-service.ts';

/** Bytes in Cache Storage, by the lengths that the responses state. */
async function cachedBytes(name: string): Promise<{ bytes: number; count: number }> {
  if (!(await caches.has(name))) return { bytes: 0, count: 0 };
  const cache = await caches.open(name);
  const responses = await Promise.all((await cache.keys()).map((request) => cache.match(request)));
  return { bytes: responses.reduce((sum, response) => sum + Number(response?.headers.get('Content-Length') ?? 0), 0), count: responses.length };
}

/** What is kept here and of how much; asks the browser not to clear it by itself. */
export async function storageReport(stored: StoredBytes, ledger: { readonly bytes: number; readonly count: number }): Promise<StorageReport> {
  const isPersistent = (await navigator.storage.persisted()) || (await navigator.storage.persist());
  const [{ usage = 0, quota = 0 }, encoder] = await Promise.all([navigator.storage.estimate(), cachedBytes(modelCacheName)]);
  return {
    usedBytes: usage,
    quotaBytes: quota,
    isPersistent,
    parts: [
      { part: 'projects', ...stored.projects },
      { part: 'models', ...stored.models },
      { part: 'features', ...stored.features },
      { part: 'caches', ...encoder },
      { part: 'ledger', ...ledger },
    ],
  };
}

/** Gives back what can be had again: the encoder, from the app's own origin. Notes, models and the ledger stay. */
export async function clearCaches(): Promise<void> {
  await caches.delete(modelCacheName);
}
