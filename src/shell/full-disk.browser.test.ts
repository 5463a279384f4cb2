import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildDataset } from '../data/dataset.ts';
import { guessColumns, guessedRoles } from '../data/columns.ts';
import { sampleTable } from '../data/sample.ts';
import type { RunMessage } from './bedside.service.ts';
import { Crew } from './crew.ts';
import { openBedsideDatabase, type BedsideDatabase } from './database.ts';
import { nanoName } from './encoder-source.ts';
import { Guard } from './guard.ts';
import { LedgerKeeper } from './ledger-keeper.ts';
import { openLedgerStore, type DurableLedgerStore } from './ledger-store.ts';
import { createProject, saveDataset } from './projects.ts';
import { readCheckpoint } from './runs.ts';
import { withFullDisk } from './testing/full-disk.ts';
import { listen } from './testing/service-scenes.ts';

const nano = { name: nanoName, folder: '' };

describe('a full disk during a run', () => {
  let database: BedsideDatabase;
  let store: DurableLedgerStore;
  let crew: Crew;
  let guard: Guard;
  let names: readonly string[];

  beforeEach(async () => {
    names = [`full-disk-${crypto.randomUUID()}`, `full-disk-ledger-${crypto.randomUUID()}`];
    [database, store] = await Promise.all([openBedsideDatabase(names[0]), openLedgerStore(names[1])]);
    crew = new Crew('wasm', nano, 1);
    // The guard on this thread, so that its disk can be filled; its trainers are workers as ever.
    guard = new Guard(database, new LedgerKeeper(store, database), nano, async () => guard.connect(await crew.ports()));
  });
  afterEach(async () => {
    crew.dismiss();
    database.close();
    store.close();
    await Promise.all(names.map((name) => deleteDB(name)));
  });

  async function start(steps: number) {
    const table = sampleTable();
    const roles = guessedRoles(guessColumns(table));
    const { id } = await createProject(database, table, true);
    await saveDataset(database, id, roles, buildDataset(table, roles));
    const { plan } = await guard.proposePlan(id);
    if (plan.kind !== 'full-batch-head') throw new Error(plan.kind);
    const run = listen();
    const runId = await guard.startRun(id, { ...plan, steps }, run.onMessage);
    await run.pastStep(2);
    return { id, run, runId };
  }

  const pausedByDisk = (message: RunMessage) => message.kind === 'paused' && message.failure?.code === 'storage/quota-exceeded';

  it.each([
    ['the ledger cannot be written', ['entries', 'heads']],
    ['the checkpoint cannot be written', ['checkpoints', 'runs']],
  ])('pauses when %s, with words, loses nothing, and goes on when there is room', async (_name, stores) => {
    const { id, run, runId } = await start(40);
    let before = 0;
    await withFullDisk(async () => {
      expect(pausedByDisk(await run.next('paused'))).toBe(true);
      const { entries, isChainIntact } = await guard.ledger();
      expect(isChainIntact).toBe(true);
      before = entries.filter(({ event }) => event.kind === 'charge' && event.purpose === 'gradient').length;
      expect(before).toBeGreaterThanOrEqual((await readCheckpoint(database, runId))!.step);
    }, stores);
    await guard.active(runId).resume();
    expect(await run.end).toMatchObject({ kind: 'finished' });
    const { entries } = await guard.ledger();
    // Each step was charged once: the refused write was not a charge, and was made when there was room.
    expect(entries.filter(({ event }) => event.kind === 'charge' && event.purpose === 'gradient')).toHaveLength(40);
    expect((await guard.results(id, runId)).run.stepsDone).toBe(40);
  });
});
