import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildDataset } from '../data/dataset.ts';
import type { RawTable } from '../data/table.ts';
import { fullBatchHeadPlan } from '../training/propose.ts';
import { openBedsideDatabase, type BedsideDatabase } from './database.ts';
import { LedgerKeeper } from './ledger-keeper.ts';
import { openLedgerStore, type DurableLedgerStore } from './ledger-store.ts';
import { createProject, readProject, saveDataset } from './projects.ts';
import { createRun } from './runs.ts';

const roles = { note: 'text', kind: 'label', who: 'person' } as const;
const plan = fullBatchHeadPlan({ trainingUnits: 16, trainingRows: 32, heldOutUnits: 4, heldOutRows: 8, classes: 2, unit: 'person', encoderLayers: 6, maximumLength: 64, heldOutShare: 0.2, seed: 1, epsilon: 1, delta: 1e-5 });
/** 40 notes of 20 persons; those at `shared` are word for word in the file `first`. */
const fileOf = (name: string, shared: readonly number[] = []): RawTable => ({
  fileName: `${name}.csv`, format: 'csv', encoding: 'utf-8', header: ['note', 'kind', 'who'], unreadable: [],
  rows: Array.from({ length: 40 }, (_, i) => ({ row: i + 2, cells: [`${shared.includes(i) ? 'first' : name} note ${i}`, i % 2 ? 'a' : 'b', `${name} person ${i >> 1}`] })),
});

describe('notes of a project that another data set holds too', () => {
  let name: string;
  let database: BedsideDatabase;
  let store: DurableLedgerStore;
  let keeper: LedgerKeeper;
  beforeEach(async () => {
    name = `common-test-${crypto.randomUUID()}`;
    [database, store] = await Promise.all([openBedsideDatabase(name), openLedgerStore(`${name}-ledger`)]);
    keeper = new LedgerKeeper(store, database);
  });
  afterEach(async () => {
    database.close();
    store.close();
    await Promise.all([deleteDB(name), deleteDB(`${name}-ledger`)]);
  });

  async function project(of: RawTable): Promise<string> {
    const { id } = await createProject(database, of, false);
    await saveDataset(database, id, roles, buildDataset(of, roles));
    return id;
  }
  const read = (id: string) => readProject(database, id);
  async function train(id: string, of = plan): Promise<void> {
    const run = await createRun(database, id, of, { trainingRows: 32, trainingUnits: 16, heldOutUnits: 4, labels: ['a', 'b'], isSynthetic: false, codeVersion: 'test' }, of.steps);
    await (await keeper.openRun(await read(id), of, run.id, 'started')).charges.charge('training', 0, 'gradient', { kind: 'gaussian', noiseMultiplier: 4 });
  }
  const elsewhere = async (id: string) => (await keeper.budgetOf(await read(id))).elsewhere;

  it('are told with the project that trained on them, and no declaration is offered', async () => {
    await train(await project(fileOf('first')));
    const sharing = await project(fileOf('second', [7, 20]));
    const budget = await keeper.budgetOf(await read(sharing));
    expect(budget).toMatchObject({ hasUndeclared: false, elsewhere: [{ projectName: 'first', notes: 2, persons: 0, isAll: false, rows: [9, 22], isNamedOtherwise: true, clipNorms: 4 }] });
    expect(budget.epsilonSpent).toBeGreaterThan(4);
    // The same file without them can be declared.
    const apart = await project(fileOf('second'));
    expect(await keeper.budgetOf(await read(apart))).toMatchObject({ hasUndeclared: true, elsewhere: [] });
    expect((await keeper.declareDisjoint(await read(apart))).epsilonSpent).toBe(0);
  });

  it('are not told of the project itself, whose notes were dealt otherwise', async () => {
    const id = await project(fileOf('first'));
    await train(id, { ...plan, unit: 'row' });
    expect((await keeper.budgetOf(await read(id))).epsilonSpent).toBeGreaterThan(0);
    expect(await elsewhere(id)).toEqual([]);
    // Nor where nobody remembers that run.
    await database.clear('runs');
    expect(await elsewhere(id)).toEqual([]);
  });

  it('are told without a name where the project is gone', async () => {
    await train(await project(fileOf('first')));
    const sharing = await project(fileOf('second', [7]));
    await database.clear('runs');
    expect(await elsewhere(sharing)).toMatchObject([{ projectName: null, notes: 1, rows: [9] }]);
  });
});
