import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildDataset } from '../data/dataset.ts';
import type { RawTable } from '../data/table.ts';
import type { BedsideDatabase } from './database.ts';
import type { LedgerKeeper } from './ledger-keeper.ts';
import { createProject, readProject, saveDataset } from './projects.ts';
import { createRun } from './runs.ts';
import { keeperPlan as plan, openKeeperScene, type KeeperScene } from './testing/keeper-scene.ts';

const roles = { note: 'text', kind: 'label', who: 'person' } as const;
/** 40 notes of 20 persons; those at `shared` are word for word in the file `first`. */
const fileOf = (name: string, shared: readonly number[] = []): RawTable => ({
  fileName: `${name}.csv`, format: 'csv', encoding: 'utf-8', header: ['note', 'kind', 'who'], unreadable: [],
  rows: Array.from({ length: 40 }, (_, i) => ({ row: i + 2, cells: [`${shared.includes(i) ? 'first' : name} note ${i}`, i % 2 ? 'a' : 'b', `${name} person ${i >> 1}`] })),
});

describe('notes of a project that another data set holds too', () => {
  let database: BedsideDatabase;
  let keeper: LedgerKeeper;
  let close: KeeperScene['close'];
  beforeEach(async () => {
    ({ database, keeper, close } = await openKeeperScene());
  });
  afterEach(() => close());

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
