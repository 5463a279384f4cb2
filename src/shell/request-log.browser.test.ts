import { describe, expect, it } from 'vitest';
import { logRequests, readRequestLog } from './request-log.ts';

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
