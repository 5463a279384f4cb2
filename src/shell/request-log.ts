/** What this thread has asked of the network, from its own performance entries. */
export interface RequestLog {
  readonly requests: readonly { readonly atMs: number; readonly what: string; readonly receivedBytes: number; readonly isOwnOrigin: boolean }[];
  /** Requests the Content-Security-Policy refused. */
  readonly refused: number;
}

let refused = 0;
const entries: PerformanceResourceTiming[] = [];

/** Starts listening; once a thread, first. An observer has no buffer that could run full. */
export function logRequests(): void {
  addEventListener('securitypolicyviolation', () => refused++);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry instanceof PerformanceResourceTiming) entries.push(entry);
  }).observe({ type: 'resource', buffered: true });
}

export function readRequestLog(): RequestLog {
  return {
    requests: entries
      .filter((entry) => !entry.name.startsWith('blob:') && !entry.name.startsWith('data:'))
      .map((entry) => {
        const url = new URL(entry.name);
        return { atMs: performance.timeOrigin + entry.startTime, what: url.pathname.split('/').at(-1) ?? '', receivedBytes: entry.transferSize, isOwnOrigin: url.origin === location.origin };
      }),
    refused,
  };
}
