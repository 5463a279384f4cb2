import { expect, it } from 'vitest';
import type { RequestLog } from './request-log.ts';
import { hearRequests, keepSentBytes, workerRequestLogs } from './worker-requests.ts';

const log = (refused: number, ...whats: readonly string[]): RequestLog => ({ requests: whats.map((what, atMs) => ({ atMs, what, receivedBytes: 10, isOwnOrigin: true })), refused, elsewhere: 0 });
const told = () => workerRequestLogs().map(({ requests, refused, sentBytes }) => [requests.map(({ what }) => what), refused, sentBytes]);

function worker(life: string): (data: unknown) => void {
  const target = new EventTarget();
  hearRequests(target, life);
  return (data) => void target.dispatchEvent(new MessageEvent('message', { data }));
}

it('what a worker asked for is told after it has ended, each request once', () => {
  const first = worker('first life');
  first({ requestNews: log(0, 'config.json') });
  first({ requestNews: { ...log(1, 'model.safetensors'), sentBytes: 300 } });
  first({ id: 'call', value: 'an answer' });
  expect(told()).toEqual([[['config.json', 'model.safetensors'], 1, 300]]);
  // The worker is gone, and another asks for the same.
  worker('second life')({ requestNews: log(0, 'config.json') });
  expect(told()).toEqual([[['config.json', 'model.safetensors'], 1, 300], [['config.json'], 0, 0]]);
});

it('bytes that were sent never become fewer', () => {
  keepSentBytes('third life', 700);
  worker('third life')({ requestNews: { ...log(0), sentBytes: 500 } });
  expect(told().at(-1)).toEqual([[], 0, 700]);
});
