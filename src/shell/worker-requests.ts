import { isRequestNews, type RequestLog } from './request-log.ts';

interface KeptLog extends RequestLog {
  requests: RequestLog['requests'][number][];
  refused: number;
  elsewhere: number;
  sentBytes: number;
}

/** What each worker of this page has told of its requests, by the name of its life: one that has ended answers nothing, and what it asked for stays told. */
const logs = new Map<string, KeptLog>();

function logOf(life: string): KeptLog {
  const log = logs.get(life) ?? { requests: [], refused: 0, elsewhere: 0, sentBytes: 0 };
  logs.set(life, log);
  return log;
}

export function keepSentBytes(life: string, bytes: number): void {
  const log = logOf(life);
  log.sentBytes = Math.max(log.sentBytes, bytes);
}

/** Keeps what the worker tells of its requests, from its start to its end. */
export function hearRequests(worker: EventTarget, life: string): void {
  worker.addEventListener('message', (event) => {
    if (!(event instanceof MessageEvent) || !isRequestNews(event.data)) return;
    const { requests, refused, elsewhere, sentBytes = 0 } = event.data.requestNews;
    const log = logOf(life);
    log.requests.push(...requests);
    [log.refused, log.elsewhere] = [refused, elsewhere];
    keepSentBytes(life, sentBytes);
  });
}

/** Of all workers that this page has had. */
export function workerRequestLogs(): readonly RequestLog[] {
  return [...logs.values()];
}
