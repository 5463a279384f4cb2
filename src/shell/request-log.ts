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

/** How a worker's log comes to its page among the answers to calls: the requests since the last news, and all counts as they stand. */
interface RequestNews {
  readonly requestNews: RequestLog;
}

export function isRequestNews(data: unknown): data is RequestNews {
  return typeof data === 'object' && data !== null && 'requestNews' in data;
}

let refused = 0;
/** Origins of refused requests: the browser may time a refusal like a request. */
const refusedOrigins = new Set<string>();
const entries: PerformanceResourceTiming[] = [];

/** Starts listening; once a thread, first. `tell` is called each time it has grown. An observer has no buffer that could run full. */
export function logRequests(tell: () => void = () => undefined): void {
  addEventListener('securitypolicyviolation', ({ blockedURI }) => {
    refused++;
    if (URL.canParse(blockedURI)) refusedOrigins.add(new URL(blockedURI).origin);
    tell();
  });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry instanceof PerformanceResourceTiming) entries.push(entry);
    tell();
  }).observe({ type: 'resource', buffered: true });
}

/** `logRequests` of a worker, whose page keeps the log: a worker that has ended answers nothing. `sentBytes` counts the bodies that it has sent. */
export function logRequestsForPage(sentBytes: () => number = () => 0): void {
  let told = 0;
  logRequests(() => {
    const requestNews = { ...readRequestLog(told), sentBytes: sentBytes() };
    told = entries.length;
    postMessage({ requestNews } satisfies RequestNews);
  });
}

/**
 * Bytes of what came over the network, unpacked, so that a file counts as large as it is wherever its size is told.
 * A copy that this device had counts nothing, one that was only asked after counts the answer.
 */
export function receivedBytes({ transferSize, encodedBodySize, decodedBodySize }: Pick<PerformanceResourceTiming, 'transferSize' | 'encodedBodySize' | 'decodedBodySize'>): number {
  return transferSize > encodedBodySize ? Math.max(transferSize, decodedBodySize) : transferSize;
}

const isAsked = ({ name }: PerformanceResourceTiming) => !name.startsWith('blob:') && !name.startsWith('data:');

/** The log, its requests from the `from`th entry on. */
export function readRequestLog(from = 0): RequestLog {
  return {
    requests: entries.slice(from)
      .filter(isAsked)
      .map((entry) => {
        const url = new URL(entry.name);
        return { atMs: performance.timeOrigin + entry.startTime, what: url.pathname.split('/').at(-1) ?? '', receivedBytes: receivedBytes(entry), isOwnOrigin: url.origin === location.origin };
      }),
    refused,
    elsewhere: entries.filter((entry) => isAsked(entry) && !entry.name.startsWith(`${location.origin}/`) && new URL(entry.name).origin !== location.origin && !refusedOrigins.has(new URL(entry.name).origin)).length,
  };
}
