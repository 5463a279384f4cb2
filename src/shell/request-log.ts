/** What this thread has asked of the network, from its own performance entries. */
export interface RequestLog {
  readonly requests: readonly { readonly atMs: number; readonly what: string; readonly receivedBytes: number; readonly isOwnOrigin: boolean }[];
  /** Requests the Content-Security-Policy refused. */
  readonly refused: number;
  /** Requests to other origins that it did not refuse. */
  readonly elsewhere: number;
  /** Bytes of request bodies; absent where none was sent. */
  readonly sentBytes?: number;
}

let refused = 0;
/** Origins of refused requests: the browser may time a refusal like a request. */
const refusedOrigins = new Set<string>();
const entries: PerformanceResourceTiming[] = [];

/** Starts listening; once a thread, first. An observer has no buffer that could run full. */
export function logRequests(): void {
  addEventListener('securitypolicyviolation', ({ blockedURI }) => {
    refused++;
    if (URL.canParse(blockedURI)) refusedOrigins.add(new URL(blockedURI).origin);
  });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry instanceof PerformanceResourceTiming) entries.push(entry);
  }).observe({ type: 'resource', buffered: true });
}

export function readRequestLog(): RequestLog {
  const asked = entries.filter((entry) => !entry.name.startsWith('blob:') && !entry.name.startsWith('data:'));
  return {
    requests: asked
      .map((entry) => {
        const url = new URL(entry.name);
        return { atMs: performance.timeOrigin + entry.startTime, what: url.pathname.split('/').at(-1) ?? '', receivedBytes: entry.transferSize, isOwnOrigin: url.origin === location.origin };
      }),
    refused,
    elsewhere: asked.filter((entry) => new URL(entry.name).origin !== location.origin && !refusedOrigins.has(new URL(entry.name).origin)).length,
  };
}
