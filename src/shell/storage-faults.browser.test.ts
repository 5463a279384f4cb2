import { openDB } from 'idb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPrivate, type FullBatchHeadPlan } from '../training/plan.ts';
import { openBedsideDatabase } from './database.ts';
import { trainingLockName } from './live-runs.ts';
import { readCheckpoint, runsOfProject } from './runs.ts';
import { openGuardHere, type GuardHere } from './testing/guard-here.ts';
import { listen } from './testing/service-scenes.ts';
import { storageFaults, watchStorage, type StorageFault, type StoragePoint } from './testing/storage-points.ts';

const steps = 4;

/** A run says that it has ended a moment before it lets the next one begin. */
async function untilFree(): Promise<void> {
  await navigator.locks.request(trainingLockName, () => undefined);
}

/** Keys of noise streams, as they are handed to the browser. */
function watchKeys(): { readonly seen: readonly string[]; readonly stop: () => void } {
  const seen: string[] = [];
  const { importKey } = SubtleCrypto.prototype;
  Object.assign(SubtleCrypto.prototype, {
    importKey(this: SubtleCrypto, ...args: Parameters<SubtleCrypto['importKey']>) {
      const [, secret, algorithm] = args;
      if (algorithm === 'AES-CTR' && secret instanceof Uint8Array) seen.push(secret.join());
      return Reflect.apply(importKey, this, args);
    },
  });
  return { seen, stop: () => Object.assign(SubtleCrypto.prototype, { importKey }) };
}

describe('the browser takes a transaction away from a run', () => {
  let here: GuardHere;
  let id: string;
  let plan: FullBatchHeadPlan;
  let points: readonly StoragePoint[];
  const keys = watchKeys();
  let lives = 0;

  beforeAll(async () => {
    here = await openGuardHere('wasm');
    const proposed = await here.propose();
    id = proposed.id;
    plan = { ...proposed.plan, steps, epsilon: 0.1, validationEpsilon: 0.1 };
    expect(isPrivate(plan)).toBe(true);
    await here.guard.setBudget(id, 100);
    // Once to warm up what is cached, once to count.
    for (const _ of [0, 1]) points = (await live(-1, null)).points;
    expect(points.length).toBeGreaterThan(3 * steps);
  });
  afterAll(async () => {
    keys.stop();
    await here.close();
  });

  /** Starts a run with one fault ahead, until it ends, or is told that it may go on. Null where it could not be entered. */
  async function live(at: number, fault: StorageFault | null): Promise<{ readonly runId: string | null; readonly end: string; readonly points: readonly StoragePoint[] }> {
    await untilFree();
    const run = listen();
    const watch = watchStorage(at, fault);
    try {
      const runId = await here.guard.startRun(id, plan, run.onMessage).catch(() => null);
      if (runId === null) return { runId, end: 'not entered', points: watch.passed };
      lives++;
      const first = await Promise.race([run.end, run.next('paused')]);
      if (first.kind === 'paused') await here.guard.active(runId).resume();
      return { runId, end: (await run.end).kind, points: watch.passed };
    } finally {
      watch.stop();
    }
  }

  const chargesOf = async (runId: string, purpose: string) => {
    const { entries, isChainIntact } = await here.guard.ledger();
    expect(isChainIntact).toBe(true);
    return entries.filter(({ event }) => event.kind === 'charge' && event.runId === runId && event.purpose === purpose).length;
  };

  it.each(storageFaults)('%s: charged at least what is saved, and the run goes on in a new page', async (fault) => {
    const tried = [...points.entries()].filter(([, { isWrite }]) => isWrite || fault !== 'the disk is full');
    console.log(`${fault}: tried at ${tried.length} of ${points.length} transactions`);
    expect(tried.length).toBeGreaterThan(2 * steps);
    for (const [at, { stores }] of tried) {
      const name = `transaction ${at}, ${stores}`;
      const { runId, end } = await live(at, fault);
      await here.reload();
      // What could not be entered costs nothing. If it is on record it is offered to be gone on with, as what was cut off is.
      const left = (await runsOfProject(here.database, id)).find(({ state }) => state === 'running' || state === 'interrupted');
      if (runId === null && !left) continue;
      const isOver = runId !== null && end === 'finished';
      const cutOff = runId ?? left!.id;
      const [saved, charged] = [(await readCheckpoint(here.database, cutOff))?.step ?? 0, await chargesOf(cutOff, 'gradient')];
      expect(charged, name).toBeGreaterThanOrEqual(isOver ? steps : saved);
      if (!isOver) {
        expect(end, name).toBe(runId === null ? 'not entered' : 'failed');
        const again = listen();
        await untilFree();
        await here.guard.resumeRun(id, cutOff, again.onMessage);
        lives++;
        expect(await again.end, name).toMatchObject({ kind: 'finished' });
      }
      expect((await here.guard.results(id, cutOff)).run.stepsDone, name).toBe(steps);
      const total = await chargesOf(cutOff, 'gradient');
      expect(total, name).toBeGreaterThanOrEqual(steps);
      expect(total, name).toBeLessThanOrEqual(steps + 1);
      expect(await chargesOf(cutOff, 'charged-validation'), name).toBeGreaterThanOrEqual(1);
    }
    expect(keys.seen).toHaveLength(lives);
    expect(new Set(keys.seen).size).toBe(lives);
  });
});

describe('another version of the app', () => {
  it('in a tab that does not let go of the database is asked to be closed, and its closing lets this one open', async () => {
    const name = `blocked-${crypto.randomUUID()}`;
    // A hung tab of an older version: it does not hear that a newer one waits.
    const older = await openDB(name, 1, { upgrade: (database) => void database.createObjectStore('projects', { keyPath: 'id' }) });
    await expect(openBedsideDatabase(name)).rejects.toMatchObject({ code: 'storage/upgrade-blocked', family: 'storage' });
    older.close();
  });

  it('that upgrades the databases in the middle of a run ends it with words; after that the run goes on', async () => {
    const here = await openGuardHere('wasm');
    try {
      const { id, runId, run } = await here.start((plan) => ({ ...plan, steps: 200 }));
      const names = (await indexedDB.databases()).flatMap(({ name, version }) => (name?.startsWith('test-') && version ? [{ name, version }] : []));
      // Both are taken over by a version that then fails to install, which leaves the old one.
      for (const { name, version } of names) {
        const fail = (transaction: { readonly done: Promise<void>; abort(): void }) => {
          transaction.done.catch(() => undefined);
          transaction.abort();
        };
        await expect(openDB(name, version + 1, { upgrade: (_database, _old, _new, transaction) => fail(transaction) })).rejects.toThrow();
      }
      expect(await run.end).toMatchObject({ kind: 'failed', code: 'storage/closed' });
      await here.reload();
      await untilFree();
      const again = listen();
      await here.guard.resumeRun(id, runId, again.onMessage);
      expect(await again.end).toMatchObject({ kind: 'finished' });
      const { entries, isChainIntact } = await here.guard.ledger();
      expect(isChainIntact).toBe(true);
      const gradients = entries.filter(({ event }) => event.kind === 'charge' && event.purpose === 'gradient').length;
      expect([200, 201]).toContain(gradients);
    } finally {
      await here.close();
    }
  });
});
