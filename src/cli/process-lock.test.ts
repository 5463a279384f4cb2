import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cohortsOf } from '../privacy/cohort.ts';
import { Ledger } from '../privacy/ledger.ts';
import { openNodeLedgerStore } from './node-ledger-store.ts';
import { withProcessLock } from './process-lock.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bedside-lock-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

// No process has this number: it is above the largest that systems give out.
const dead = '99999999';
const busy = () => new Error('busy');

describe('withProcessLock', () => {
  it('lets one at a time in, and leaves nothing behind', async () => {
    const lock = join(folder, 'a.lock');
    let inside = 0;
    let most = 0;
    await Promise.all(Array.from({ length: 5 }, () => withProcessLock(lock, busy, async () => {
      most = Math.max(most, ++inside);
      await new Promise((resume) => setTimeout(resume, 5));
      inside--;
    })));
    expect(most).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['a lock of the version before', { 'a.lock': dead }],
    ['a lock', { 'a.lock': `${dead} 1-2` }],
    ['a lock whose heir died as well', { 'a.lock': `${dead} 1-2`, [`a.lock.${dead}-1-2`]: `${dead} 3-4` }],
    ['a lock whose heir\'s heir died as well', { 'a.lock': `${dead} 1-2`, [`a.lock.${dead}-1-2`]: `${dead} 3-4`, [`a.lock.${dead}-1-2.${dead}-3-4`]: `${dead} 5-6` }],
  ])('takes over %s, for one of many', async (_name, files) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    let inside = 0;
    let most = 0;
    await Promise.all(Array.from({ length: 4 }, () => withProcessLock(join(folder, 'a.lock'), busy, async () => {
      most = Math.max(most, ++inside);
      await new Promise((resume) => setTimeout(resume, 5));
      inside--;
    })));
    expect(most).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not take over a lock that no command of ours wrote, nor remove one that another made meanwhile', async () => {
    const lock = join(folder, 'a.lock');
    writeFileSync(lock, 'my notes');
    await expect(withProcessLock(lock, busy, () => Promise.resolve())).rejects.toThrow('busy');
    expect(readFileSync(lock, 'utf8')).toBe('my notes');
    rmSync(lock);
    await withProcessLock(lock, busy, async () => writeFileSync(lock, `${process.pid} another`));
    expect(readFileSync(lock, 'utf8')).toBe(`${process.pid} another`);
  }, 20_000);
});

describe('three commands after one that was killed', () => {
  it('are each told what the ledger holds', async () => {
    const rows = Array.from({ length: 20 }, (_, i) => ({ row: i.toString(16).padStart(32, '0'), person: null }));
    const { events } = cohortsOf({ unit: 'row', keyId: 'k', training: rows, heldOut: [], declarationId: null });
    const paths = Array.from({ length: 12 }, (_, round) => join(folder, `${round}`, 'ledger.jsonl'));
    for (const path of paths) {
      mkdirSync(dirname(path));
      const ledger = await Ledger.open(openNodeLedgerStore(path), Date.now);
      await ledger.append([...events, { kind: 'budget', id: 'b', cohortIds: events.map(({ cohortId }) => cohortId), epsilonLimit: 40, delta: 1e-5 }]);
      // What a kill in the middle of a charge leaves.
      writeFileSync(`${path}.lock`, dead);
      appendFileSync(path, '{"sequence":3,"rec');
    }
    const startMs = Date.now() + 4000;
    const told = await Promise.all(['one', 'two', 'three'].map((id) => new Promise<string[]>((resolve) => {
      let text = '';
      const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'testing', 'charge-at-once.ts'), id, String(startMs), '300', events[0].cohortId, ...paths], { stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString(); });
      child.on('exit', () => resolve(text.trim().split('\n')));
    })));
    for (const [round, path] of paths.entries()) {
      const ledger = await Ledger.open(openNodeLedgerStore(path), Date.now);
      const charges = ledger.entries.filter(({ event }) => event.kind === 'charge').length;
      expect({ round, told: told.map((lines) => lines[round]), charges, isIntact: ledger.isChainIntact }).toEqual({ round, told: ['charged', 'charged', 'charged'], charges: 3, isIntact: true });
    }
  }, 60_000);
});
