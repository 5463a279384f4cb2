import type { SilenceReport } from './bedside.service.ts';
import { defaultEncoderName, nanoName } from './encoder-source.ts';
import { modelCacheName } from './model-cache.ts';
import type { RequestLog } from './request-log.ts';

/** Where a made-up word is sent to show that the browser refuses. Reserved for examples by RFC 2606. */
const elsewhere = 'https://example.org/';

/** Whether the app's files and the model are here, so that the network can be cut. */
export async function isReadyOffline(encoderName: string): Promise<boolean> {
  if (!('serviceWorker' in navigator) || navigator.serviceWorker.controller === null) return false;
  if (encoderName === nanoName) return true;
  const cache = await caches.open(modelCacheName);
  return (await cache.match(new URL(`models/${encoderName || defaultEncoderName}/model.safetensors`, document.baseURI).href)) !== undefined;
}

const madeUpWord = 'bedside-made-up-word';
let sentBytes = 0;

/** Joins the logs of the page and its workers, of those too that have ended. No request of ours has a body but those to a federation that was joined, and the try below, whose bytes are counted where it got through. */
export function silenceOf(logs: readonly RequestLog[], sinceMs: number, isReady: boolean): SilenceReport {
  const requests = logs.flatMap((log) => log.requests).sort((a, b) => a.atMs - b.atMs);
  return {
    sinceMs,
    requests: requests.filter((request) => request.isOwnOrigin).map(({ atMs, what, receivedBytes }) => ({ atMs, what, receivedBytes })),
    sentBytes: logs.reduce((sum, log) => sum + (log.sentBytes ?? 0), sentBytes),
    elsewhere: logs.reduce((sum, log) => sum + log.elsewhere, 0),
    refused: logs.reduce((sum, log) => sum + log.refused, 0),
    isReadyOffline: isReady,
  };
}

/** Tries to send one made-up word. `connect-src 'self'` makes the browser refuse before anything leaves. */
export async function trySending(): Promise<'refused' | 'sent'> {
  try {
    await fetch(elsewhere, { method: 'POST', body: madeUpWord, mode: 'no-cors', credentials: 'omit' });
    sentBytes += madeUpWord.length;
    return 'sent';
  } catch {
    return 'refused';
  }
}
