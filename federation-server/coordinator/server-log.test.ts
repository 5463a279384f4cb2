import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerLog } from './server-log.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bedside-log-'));
  path = join(folder, 'server.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const access = '2026-11-26T04:57:18.530Z INFO [uvicorn.access] 127.0.0.1:56376 - "POST /v1/fleet/pull-messages HTTP/1.1" 200\n';
/** As Flower says it, in one line. */
const refused = String.raw`ERROR : [/v1/fleet/activate-node][ApiError:2004] Attempted to register SuperNode with public key: b'-----BEGIN PUBLIC KEY-----\nMHYwEAYH\n-----END PUBLIC KEY-----\n', exception: none` + '\n';

describe('server.log', () => {
  it('has neither a line for every call nor anybody\'s key, wherever the pieces of the output end', () => {
    const said = `Starting\n${access}${refused}${access}Ended\n`;
    for (const size of [1, 7, 64, said.length]) {
      rmSync(path, { force: true });
      const log = new ServerLog(path);
      for (let at = 0; at < said.length; at += size) log.output(said.slice(at, at + size));
      expect(readFileSync(path, 'utf8')).toBe(`Starting\nERROR : [/v1/fleet/activate-node][ApiError:2004] Attempted to register SuperNode with public key: b'a key', exception: none\nEnded\n`);
    }
  });

  it('keeps one older file, is no longer than it may be, and goes on where it was', () => {
    new ServerLog(path, 100).line('x'.repeat(59));
    const log = new ServerLog(path, 100);
    for (let line = 0; line < 20; line++) log.line(`${line}`.padStart(39, '.'));
    expect(statSync(path).size).toBeLessThanOrEqual(100);
    expect(readFileSync(path, 'utf8')).toContain('.19\n');
    expect(existsSync(`${path}.1`)).toBe(true);
    expect(existsSync(`${path}.2`)).toBe(false);
  });

  it('cuts a line without an end, and a key that was cut off with it', () => {
    const log = new ServerLog(path);
    log.output(`-----BEGIN PUBLIC KEY-----${'k'.repeat(20_000)}`);
    log.output('k'.repeat(20_000));
    log.output('\n');
    expect(readFileSync(path, 'utf8')).toBe('a key\n');
  });
});
