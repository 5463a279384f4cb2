import { describe, expect, it } from 'vitest';
import { isRequestNews, logRequests, readRequestLog, receivedBytes } from './request-log.ts';

describe('the log of requests', () => {
  it('has these fields and no others, and of an address its last name alone: never what was asked for', async () => {
    logRequests();
    await fetch(new URL('no-such-folder/no-such-file.txt?note=Jane+Roe#P-001', location.href)).catch(() => undefined);
    await expect.poll(() => readRequestLog().requests.some(({ what }) => what === 'no-such-file.txt')).toBe(true);
    const log = readRequestLog();
    expect(Object.keys(log).sort().filter((name) => name !== 'sentBytes')).toEqual(['elsewhere', 'refused', 'requests']);
    for (const request of log.requests) expect(Object.keys(request).sort()).toEqual(['atMs', 'isOwnOrigin', 'receivedBytes', 'what']);
    const said = JSON.stringify(log);
    for (const text of ['Jane', 'note=', 'P-001', 'no-such-folder']) expect(said).not.toContain(text);
  });
});

describe('bytes received', () => {
  it('are those of the file where it came over the network, packed or not, and none where it was here', () => {
    const file = { encodedBodySize: 21_000_000, decodedBodySize: 22_879_896 };
    expect(receivedBytes({ ...file, transferSize: 21_000_300 })).toBe(22_879_896);
    expect(receivedBytes({ encodedBodySize: 700, decodedBodySize: 700, transferSize: 1000 })).toBe(1000);
    expect(receivedBytes({ ...file, transferSize: 0 })).toBe(0);
    // Asked whether it is still the same: the headers of the answer alone.
    expect(receivedBytes({ ...file, transferSize: 300 })).toBe(300);
  });

  it('tells news of a worker from answers to calls', () => {
    expect([{ id: 'a', value: 1 }, null, 'text', undefined].map(isRequestNews)).toEqual([false, false, false, false]);
  });
});
