import { describe, expect, it } from 'vitest';
import type { RequestLog } from './request-log.ts';
import { silenceOf } from './silence.ts';

const own = { atMs: 2, what: 'index.js', receivedBytes: 10, isOwnOrigin: true };
const page: RequestLog = { requests: [own], refused: 1, elsewhere: 0 };
const worker: RequestLog = { requests: [{ ...own, atMs: 1, what: 'model.safetensors' }, { ...own, isOwnOrigin: false }], refused: 2, elsewhere: 1 };

describe('the report of silence', () => {
  it('joins what the page and its workers asked for, refused, and reached elsewhere', () => {
    const report = silenceOf([page, worker], 1, true);
    expect(report.requests.map(({ what }) => what)).toEqual(['model.safetensors', 'index.js']);
    expect(report).toMatchObject({ refused: 3, elsewhere: 1, sentBytes: 0, isReadyOffline: true });
  });

  it('counts nothing elsewhere where nothing went there', () => {
    expect(silenceOf([page], 1, false)).toMatchObject({ elsewhere: 0, isReadyOffline: false });
  });
});
