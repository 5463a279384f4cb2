import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chainEvents } from '../privacy/chain.ts';
import type { RunEvent } from '../privacy/events.ts';
import { Ledger } from '../privacy/ledger.ts';
import { openNodeLedgerStore } from './node-ledger-store.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bedside-ledger-'));
  path = join(folder, 'deep', 'ledger.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (id: string): RunEvent => ({ kind: 'run', id, runId: 'r', state: 'started' });
const open = () => Ledger.open(openNodeLedgerStore(path), () => 5);
async function withEntries(count: number): Promise<void> {
  const ledger = await open();
  for (let i = 0; i < count; i++) await ledger.append([run(`event ${i}`)]);
}

describe('the ledger file', () => {
  it('is there again for the next command, unbroken', async () => {
    await withEntries(3);
    const ledger = await open();
    expect(ledger.isChainIntact).toBe(true);
    expect(ledger.entries.map(({ event }) => event.id)).toEqual(['event 0', 'event 1', 'event 2']);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it('refuses to append after a head that another command has moved', async () => {
    await withEntries(1);
    const store = openNodeLedgerStore(path);
    const { head } = await store.read();
    await withEntries(2);
    await expect(store.append(chainEvents([run('late')], head, 5), head)).rejects.toMatchObject({ code: 'storage/ledger-moved-on' });
    expect(readFileSync(path, 'utf8')).not.toContain('late');
  });

  it('counts entries whose head was not written any more', async () => {
    await withEntries(2);
    const head = readFileSync(`${path}.head`, 'utf8');
    await (await open()).append([run('event 2')]);
    writeFileSync(`${path}.head`, head);
    const ledger = await open();
    expect(ledger.isChainIntact).toBe(true);
    expect(ledger.entries).toHaveLength(3);
    await ledger.append([run('event 3')]);
    expect((await open()).entries).toHaveLength(4);
  });

  it('drops a line that was cut short, which nobody was told of', async () => {
    await withEntries(2);
    appendFileSync(path, '{"sequence":2,"even');
    const ledger = await open();
    expect(ledger.isChainIntact).toBe(true);
    await ledger.append([run('event 2')]);
    expect((await open()).entries.map(({ event }) => event.id)).toEqual(['event 0', 'event 1', 'event 2']);
  });

  it('counts as all spent where entries, the head, or the middle of the chain are missing', async () => {
    await withEntries(3);
    const whole = readFileSync(path, 'utf8');
    const lines = whole.split('\n');
    truncateSync(path, lines[0]!.length + 1);
    expect((await open()).isChainIntact).toBe(false);
    writeFileSync(path, `${lines[0]}\n${lines[2]}\n`);
    expect((await open()).isChainIntact).toBe(false);
    writeFileSync(path, whole.replace('event 1', 'event 7'));
    expect((await open()).isChainIntact).toBe(false);
    writeFileSync(path, whole);
    expect((await open()).isChainIntact).toBe(true);
    rmSync(`${path}.head`);
    expect((await open()).isChainIntact).toBe(false);
  });

  it('takes over the lock of a command that was killed', async () => {
    await withEntries(1);
    // No process has this number: it is above the largest that systems give out.
    writeFileSync(`${path}.lock`, '99999999');
    await (await open()).append([run('after')]);
    expect((await open()).entries).toHaveLength(2);
  });

  it('keeps its hash key, for its owner alone', async () => {
    const store = openNodeLedgerStore(path);
    const key = await store.installationKey();
    expect(key).toHaveLength(32);
    expect(await openNodeLedgerStore(path).installationKey()).toEqual(key);
    expect(statSync(`${path}.key`).mode & 0o077).toBe(0);
  });

  it('makes the key once, also where several commands are the first', async () => {
    const keys = await Promise.all(Array.from({ length: 6 }, () => openNodeLedgerStore(path).installationKey()));
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
  });

  it('makes an empty key anew where no entry depends on it, and puts another in place of none', async () => {
    mkdirSync(dirname(path));
    writeFileSync(`${path}.key`, '');
    expect(await openNodeLedgerStore(path).installationKey()).toHaveLength(32);
    await withEntries(1);
    const stores = () => openNodeLedgerStore(path).installationKey();
    for (const [text, message] of [['', /is empty; expected 64/], ['not a key\n', /holds no key; expected 64/], ['abcd', /holds no key/]] as const) {
      writeFileSync(`${path}.key`, text);
      await expect(stores()).rejects.toMatchObject({ code: 'storage/ledger-key', message: expect.stringMatching(message) });
      expect(readFileSync(`${path}.key`, 'utf8')).toBe(text);
    }
  });

  it('begins where a full disk left an empty head and no entry; an empty head beside entries is a disagreement', async () => {
    mkdirSync(dirname(path));
    writeFileSync(`${path}.head`, '');
    await withEntries(2);
    expect((await open()).entries).toHaveLength(2);
    writeFileSync(`${path}.head`, '');
    expect((await open()).isChainIntact).toBe(false);
  });

  it('says of a head that is no head what it is', async () => {
    await withEntries(1);
    writeFileSync(`${path}.head`, '{"count":');
    await expect(openNodeLedgerStore(path).read()).rejects.toMatchObject({ code: 'storage/ledger-unreadable' });
  });
});
