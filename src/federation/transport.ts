import { tooLarge, unreachable } from './errors.ts';
import type { Courier } from './coordinator-client.ts';
import type { Transport } from './fleet-client.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A call that has not been answered by then counts as lost. Longest: one chunk over a slow line. */
const TIMEOUT_MS = 60_000;

/**
 * Asks the federation's origin with fetch. Sends no cookies, follows no redirects, keeps nothing in the cache, and reads no more than was allowed.
 * `origin` without a slash at its end; empty for the page's own.
 */
export function fetchTransport(origin: string, send: Fetch = (url, init) => fetch(url, init)): Transport & Courier {
  const exchange: Courier['exchange'] = async ({ method, path, headers, body, maximumAnswerBytes }) => {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    try {
      const response = await send(origin + path, { method, headers, ...(body ? { body: body.value } : {}), signal, credentials: 'omit', redirect: 'error', cache: 'no-store', referrerPolicy: 'no-referrer' });
      const answer = await readAtMost(response, maximumAnswerBytes);
      if (answer === null) throw tooLarge(`bytes from ${path}`, maximumAnswerBytes, maximumAnswerBytes + 1);
      return { status: response.status, contentType: response.headers.get('content-type') ?? '', date: response.headers.get('date') ?? '', body: answer };
    } catch (error) {
      if (error instanceof Error && error.name === 'BedsideError') throw error;
      throw unreachable(path);
    } finally {
      // Ends a body that was not read to its end.
      abort.abort();
    }
  };
  return { exchange, post: (request) => exchange({ ...request, method: 'POST' }) };
}

/** The whole body, or null as soon as it is too long. */
async function readAtMost(response: Response, maximumBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  if (Number(response.headers.get('content-length') ?? 0) > maximumBytes) return null;
  if (response.body === null) return new Uint8Array(0);
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > maximumBytes) return null;
    parts.push(next.value);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
