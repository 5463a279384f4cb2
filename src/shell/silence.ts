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

/** Joins the logs of the page and its workers. Nothing but reading is asked of the own origin: no request of ours has a body. */
export function silenceOf(logs: readonly RequestLog[], isReady: boolean): SilenceReport {
  const requests = logs.flatMap((log) => log.requests).sort((a, b) => a.atMs - b.atMs);
  return {
    requests: requests.filter((request) => request.isOwnOrigin).map(({ atMs, what, receivedBytes }) => ({ atMs, what, receivedBytes })),
    sentBytes: 0,
    refused: logs.reduce((sum, log) => sum + log.refused, 0),
    isReadyOffline: isReady,
  };
}

/** Tries to send one made-up word. `connect-src 'self'` makes the browser refuse before anything leaves. */
export async function trySending(): Promise<'refused' | 'sent'> {
  try {
    await fetch(elsewhere, { method: 'POST', body: 'bedside-made-up-word', mode: 'no-cors', credentials: 'omit' });
    return 'sent';
  } catch {
    return 'refused';
  }
}
