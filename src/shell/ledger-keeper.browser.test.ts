import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildDataset } from '../data/dataset.ts';
import type { ColumnRole, RawTable } from '../data/table.ts';
import { fullBatchHeadPlan } from '../training/propose.ts';
import { openBedsideDatabase, type BedsideDatabase } from './database.ts';
import { LedgerKeeper } from './ledger-keeper.ts';
import { openLedgerStore, type DurableLedgerStore } from './ledger-store.ts';
import { createProject, readProject, saveDataset } from './projects.ts';

const table: RawTable = {
  fileName: 'notes.csv', format: 'csv', encoding: 'utf-8', header: ['note', 'summary', 'kind', 'who'], unreadable: [],
  rows: Array.from({ length: 40 }, (_, i) => ({ row: i + 2, cells: [`note ${i}`, `summary ${i}`, i % 2 ? 'a' : 'b', `p${i >> 1}`] })),
};
const roles = { note: 'text', summary: 'ignore', kind: 'label', who: 'person' } as const;
const plan = fullBatchHeadPlan({ trainingUnits: 16, trainingRows: 32, heldOutUnits: 4, heldOutRows: 8, classes: 2, unit: 'person', encoderLayers: 6, maximumLength: 64, heldOutShare: 0.2, seed: 1, epsilon: 1, delta: 1e-5 });

describe('a private run and its ledger', () => {
  let name: string;
  let database: BedsideDatabase;
  let store: DurableLedgerStore;
  let keeper: LedgerKeeper;
  beforeEach(async () => {
    name = `keeper-test-${crypto.randomUUID()}`;
    [database, store] = await Promise.all([openBedsideDatabase(name), openLedgerStore(`${name}-ledger`)]);
    keeper = new LedgerKeeper(store, database);
  });
  afterEach(async () => {
    database.close();
    store.close();
    await Promise.all([deleteDB(name), deleteDB(`${name}-ledger`)]);
  });

  async function project(): Promise<string> {
    const { id } = await createProject(database, table, false);
    await confirm(id, roles);
    return id;
  }
  const confirm = (id: string, columns: Readonly<Record<string, ColumnRole>>) => saveDataset(database, id, columns, buildDataset(table, columns));

  it('goes on over the notes that it was charged for, and over no others', async () => {
    const id = await project();
    const started = await keeper.openRun(await readProject(database, id), plan, 'run', 'started');
    await started.charges.charge('training', 0, 'feature-mean', { kind: 'gaussian', noiseMultiplier: 20 });
    const resumed = await keeper.openRun(await readProject(database, id), plan, 'run', 'resumed');
    await resumed.charges.charge('held-out', 0, 'charged-validation', { kind: 'gaussian', noiseMultiplier: 9 });
    expect(resumed.charged()).toEqual([{ mechanism: { kind: 'gaussian', noiseMultiplier: 20 }, count: 1 }]);
    await confirm(id, { ...roles, note: 'ignore', summary: 'text' });
    await expect(keeper.openRun(await readProject(database, id), plan, 'run', 'resumed')).rejects.toMatchObject({ code: 'training/data-changed' });
    // Another run may well begin there.
    await expect(keeper.openRun(await readProject(database, id), plan, 'other', 'started')).resolves.toBeDefined();
    await confirm(id, roles);
    await expect(keeper.openRun(await readProject(database, id), plan, 'run', 'resumed')).resolves.toBeDefined();
  });

  it('tells what lies ahead of a run in one sum with what earlier runs spent', async () => {
    const id = await project();
    const earlier = await keeper.openRun(await readProject(database, id), plan, 'earlier', 'started');
    await earlier.charges.charge('training', 0, 'gradient', { kind: 'gaussian', noiseMultiplier: 2 });
    const { epsilonAfter } = await keeper.afterRun(await readProject(database, id), plan);
    const run = await keeper.openRun(await readProject(database, id), plan, 'run', 'started');
    const spent = run.budget().epsilonSpent;
    const start = run.ahead(0)!;
    expect(start.next).toBeGreaterThan(spent);
    expect(start.next).toBeLessThan(start.end);
    expect(start.end).toBeCloseTo(epsilonAfter, 9);
    expect(run.ahead(plan.steps - 1)!.next).toBeCloseTo(run.ahead(plan.steps - 1)!.end, 12);
  });

  it('promises nothing to persons where no column names them', async () => {
    const id = await project();
    await confirm(id, { ...roles, who: 'ignore' });
    await expect(keeper.openRun(await readProject(database, id), plan, 'run', 'started')).rejects.toMatchObject({ code: 'training/no-persons' });
    expect((await store.read()).entries).toEqual([]);
  });
});
