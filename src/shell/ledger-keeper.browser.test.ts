import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildDataset } from '../data/dataset.ts';
import { sampleTable } from '../data/sample.ts';
import type { ColumnRole, RawTable } from '../data/table.ts';
import { BedsideError } from '../ground/errors.ts';
import { LedgerState } from '../privacy/balance.ts';
import { composedEpsilon } from '../privacy/composition.ts';
import { forSeveralUnits } from '../privacy/exposure.ts';
import { keyIdOf } from '../privacy/unit-hash.ts';
import type { FullBatchHeadPlan } from '../training/plan.ts';
import { heldOutCharges, plannedCharges } from '../training/planned-charges.ts';
import type { BedsideDatabase } from './database.ts';
import { LedgerKeeper } from './ledger-keeper.ts';
import type { DurableLedgerStore } from './ledger-store.ts';
import { createProject, readProject, saveDataset } from './projects.ts';
import { createRun } from './runs.ts';
import { keeperPlan as plan, openKeeperScene, type KeeperScene } from './testing/keeper-scene.ts';

const table: RawTable = {
  fileName: 'notes.csv', format: 'csv', encoding: 'utf-8', header: ['note', 'summary', 'kind', 'who', 'visit'], unreadable: [],
  rows: Array.from({ length: 40 }, (_, i) => ({ row: i + 2, cells: [`note ${i}`, `summary ${i}`, i % 2 ? 'a' : 'b', `p${i >> 1}`, `v${i}`] })),
};
const roles = { note: 'text', summary: 'ignore', kind: 'label', who: 'person', visit: 'ignore' } as const;
const otherTable: RawTable = { ...table, fileName: 'others.csv', rows: table.rows.map(({ row, cells }) => ({ row, cells: cells.map((cell, column) => (column === 2 ? cell : `other ${cell}`)) })) };

describe('a private run and its ledger', () => {
  let database: BedsideDatabase;
  let store: DurableLedgerStore;
  let keeper: LedgerKeeper;
  let close: KeeperScene['close'];
  beforeEach(async () => {
    ({ database, store, keeper, close } = await openKeeperScene());
  });
  afterEach(() => close());

  async function project(of = table): Promise<string> {
    const { id } = await createProject(database, of, false);
    await confirm(id, roles, of);
    return id;
  }
  const confirm = (id: string, columns: Readonly<Record<string, ColumnRole>>, of = table) => saveDataset(database, id, columns, buildDataset(of, columns));
  const read = (id: string) => readProject(database, id);

  /** Charges what a run of the plan charges, until it is refused; what of it was not accepted. */
  async function chargeAll(id: string, of: FullBatchHeadPlan): Promise<{ readonly left: number; readonly code: string | null }> {
    const { trainingUnits, classes } = await keeper.subject(await read(id), of);
    const { charges } = await keeper.openRun(await read(id), of, crypto.randomUUID(), 'started');
    const mechanisms = plannedCharges(of, trainingUnits, classes).flatMap(({ mechanism, count }) => Array.from({ length: count }, () => mechanism));
    for (const [step, mechanism] of mechanisms.entries()) {
      const code = await charges.charge('training', step, 'gradient', mechanism).then(() => null, (error: unknown) => (error instanceof BedsideError ? error.code : 'another error'));
      if (code !== null) return { left: mechanisms.length - step, code };
    }
    return { left: 0, code: null };
  }

  it('goes on over the notes that it was charged for, and over no others', async () => {
    const id = await project();
    const started = await keeper.openRun(await readProject(database, id), plan, 'run', 'started');
    await started.charges.charge('training', 0, 'feature-mean', { kind: 'gaussian', noiseMultiplier: 20 });
    const resumed = await keeper.openRun(await readProject(database, id), plan, 'run', 'resumed');
    await resumed.charges.charge('held-out', 0, 'charged-validation', { kind: 'gaussian', noiseMultiplier: 9 });
    expect(resumed.charged().training).toEqual([{ mechanism: { kind: 'gaussian', noiseMultiplier: 20 }, count: 1 }]);
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

  it('tells of the score that a run will end with, until it has been charged, and of none that does not fit', async () => {
    const id = await project();
    const scored: FullBatchHeadPlan = { ...plan, epsilon: 0.5, validationEpsilon: 2 };
    const { epsilonAfter, epsilonTrainingAfter, epsilonHeldOutAfter } = await keeper.afterRun(await read(id), scored);
    expect(epsilonAfter).toBe(epsilonHeldOutAfter);
    expect(epsilonTrainingAfter).toBeCloseTo(0.5, 6);
    expect(epsilonHeldOutAfter).toBeCloseTo(2, 6);
    const run = await keeper.openRun(await read(id), scored, 'run', 'started');
    expect(run.ahead(0)!.end).toBeCloseTo(epsilonAfter, 9);
    const [{ mechanism } = { mechanism: null }] = heldOutCharges(scored);
    await run.charges.charge('held-out', scored.steps, 'charged-validation', mechanism!);
    expect(run.budget().epsilonHeldOut).toBeCloseTo(epsilonAfter, 9);
    expect(run.ahead(0)!.end).toBeCloseTo(epsilonAfter, 9);
    const dear: FullBatchHeadPlan = { ...scored, validationEpsilon: 9 };
    const without = await keeper.afterRun(await read(id), dear);
    expect(without).toMatchObject({ scoreFits: false, fitsBudget: true });
    expect(without.epsilonHeldOutAfter).toBeCloseTo(epsilonAfter, 9);
    expect((await keeper.openRun(await read(id), dear, 'other', 'started')).ahead(0)!.end).toBeCloseTo(without.epsilonAfter, 9);
  });

  it('tells that a search that was cut off will be charged anew', async () => {
    const id = await project();
    const search: FullBatchHeadPlan = { ...plan, epsilon: 3, search: { meanRuns: 2, scoreEpsilon: 2 } };
    const { trainingUnits, classes } = await keeper.subject(await read(id), search);
    const [mean, runs] = plannedCharges(search, trainingUnits, classes).map(({ mechanism }) => mechanism);
    const begun = await keeper.openRun(await read(id), search, 'run', 'started');
    const price = begun.ahead(0)!.end;
    await begun.charges.charge('training', 0, 'feature-mean', mean!);
    expect(begun.ahead(0)!.end).toBeCloseTo(price, 9);
    await begun.charges.charge('training', 1, 'search', runs!);
    expect(begun.ahead(0)!.end).toBeCloseTo(price, 9);
    const resumed = await keeper.openRun(await read(id), search, 'run', 'resumed');
    const { end } = resumed.ahead(0)!;
    expect(end).toBeGreaterThan(1.2 * price);
    await keeper.setBudget(await read(id), 20);
    await resumed.charges.charge('training', 0, 'feature-mean', mean!);
    expect(resumed.ahead(0)!.end).toBeCloseTo(end, 9);
    await resumed.charges.charge('training', 1, 'search', runs!);
    expect([resumed.budget().epsilonSpent, resumed.ahead(0)!.end].map((epsilon) => epsilon.toFixed(9))).toEqual([end, end].map((epsilon) => epsilon.toFixed(9)));
  });

  it('lets the worst person pay under both namings where the person column was switched', async () => {
    const id = await project();
    const visits = { ...roles, who: 'ignore', visit: 'person' } as const;
    const [training, validation] = [{ kind: 'gaussian', noiseMultiplier: 20 }, { kind: 'gaussian', noiseMultiplier: 30 }] as const;
    await (await keeper.openRun(await read(id), plan, 'by patient', 'started')).charges.charge('training', 0, 'gradient', training);
    await confirm(id, visits);
    await (await keeper.openRun(await read(id), plan, 'by visit', 'started')).charges.charge('held-out', 0, 'charged-validation', validation);
    await confirm(id, roles);
    // Two visits each, and both may be held out there.
    const both = composedEpsilon([{ mechanism: training, count: 1 }, { mechanism: forSeveralUnits(validation, 2), count: 1 }], 1e-5).epsilon;
    expect(await keeper.budgetOf(await read(id))).toMatchObject({ epsilonSpent: both, isUnitMixed: true });
  });

  it('forecasts that a run does not fit exactly where its last charge would be refused, by the limit of another data set too', async () => {
    const [id, other] = [await project(), await project(otherTable)];
    await (await keeper.openRun(await read(other), plan, 'earlier', 'started')).charges.charge('training', 0, 'gradient', { kind: 'gaussian', noiseMultiplier: 10 });
    const { epsilonAfter } = await keeper.afterRun(await read(id), plan);
    expect(epsilonAfter).toBeLessThan(4);
    await keeper.setBudget(await read(other), epsilonAfter * 0.999);
    expect((await keeper.budgetOf(await read(id))).isTighterElsewhere).toBe(true);
    expect((await keeper.budgetOf(await read(other))).isTighterElsewhere).toBe(false);
    const forecast = await keeper.afterRun(await read(id), plan);
    expect(forecast.fitsBudget).toBe(false);
    expect(forecast.epsilonAfter).toBeCloseTo(epsilonAfter, 12);
    expect(forecast.overElsewhere!.epsilonLimit).toBeCloseTo(epsilonAfter * 0.999, 12);
    expect(await chargeAll(id, plan)).toEqual({ left: 1, code: 'budget/exhausted-elsewhere' });
    // What was charged stays; what is left by all limits just fits.
    const left = await keeper.epsilonLeft(await read(id));
    expect(left).toBeLessThan(0.2);
    await keeper.setBudget(await read(other), 3);
    const more = await keeper.epsilonLeft(await read(id));
    const again = { ...plan, epsilon: more * 0.999 };
    expect(await keeper.afterRun(await read(id), again)).toMatchObject({ fitsBudget: true, overElsewhere: null });
    expect((await keeper.afterRun(await read(id), { ...plan, epsilon: more * 1.01 })).fitsBudget).toBe(false);
    expect(await chargeAll(id, again)).toEqual({ left: 0, code: null });
  });

  it('says how much of what a plan asks for is left beside samples, in few tries: each composes losses anew', async () => {
    const id = await project();
    await keeper.setBudget(await read(id), 20);
    const { charges } = await keeper.openRun(await read(id), plan, 'sampled', 'started');
    for (let step = 1; step <= 3; step++) await charges.charge('training', step, 'gradient', { kind: 'poisson-gaussian', samplingRate: 0.1, noiseMultiplier: 1 });
    const tries = vi.spyOn(LedgerState.prototype, 'refusal');
    try {
      expect(await keeper.epsilonLeft(await read(id), { atMost: 3, within: 0.005 })).toBe(3);
      expect(tries).toHaveBeenCalledTimes(1);
      await keeper.setBudget(await read(id), 3);
      tries.mockClear();
      const left = await keeper.epsilonLeft(await read(id), { atMost: 3, within: 0.01 });
      expect(tries.mock.calls.length).toBeLessThanOrEqual(4);
      expect(left).toBeGreaterThan(1);
      expect(left).toBeLessThan(3);
      // As a proposal has it: in hundredths, rounded down. All of its charges are accepted, and a little more would not be.
      const proposed = { ...plan, epsilon: Math.floor(left * 100) / 100 };
      expect((await keeper.afterRun(await read(id), proposed)).fitsBudget).toBe(true);
      expect((await keeper.afterRun(await read(id), { ...plan, epsilon: left + 0.011 })).fitsBudget).toBe(false);
      expect(await chargeAll(id, proposed)).toEqual({ left: 0, code: null });
    } finally {
      tries.mockRestore();
    }
  });

  it('forecasts at the delta that the run will be charged at', async () => {
    const id = await project();
    const stricter = { ...plan, delta: 1e-8 };
    const { epsilonAfter } = await keeper.afterRun(await read(id), stricter);
    expect(await chargeAll(id, stricter)).toEqual({ left: 0, code: null });
    expect((await keeper.budgetOf(await read(id))).epsilonSpent).toBeCloseTo(epsilonAfter, 9);
  });

  it('holds a new limit for the same notes however they were dealt, and for no others', async () => {
    const [id, other] = [await project(), await project(otherTable)];
    const plans = [plan, { ...plan, unit: 'row' }, { ...plan, heldOutShare: 0.4 }] as const;
    const limits = () => Promise.all(plans.map(async (one) => (await keeper.openRun(await read(id), one, crypto.randomUUID(), 'started')).budget().epsilonLimit));
    await limits();
    await confirm(id, { ...roles, note: 'ignore', summary: 'text' });
    // The same project read from another column: only its run tells whose rows these are.
    const run = await createRun(database, id, plan, { trainingRows: 32, trainingUnits: 16, heldOutUnits: 4, labels: ['a', 'b'], isSynthetic: false, codeVersion: 'test' }, plan.steps);
    await (await keeper.openRun(await read(id), plan, run.id, 'started')).charges.charge('training', 0, 'gradient', { kind: 'gaussian', noiseMultiplier: 50 });
    await confirm(id, roles);
    await keeper.openRun(await read(other), plan, 'other', 'started');
    for (const limit of [2, 7]) {
      await keeper.setBudget(await read(id), limit);
      expect(await limits()).toEqual([limit, limit, limit]);
      await confirm(id, { ...roles, note: 'ignore', summary: 'text' });
      expect((await keeper.budgetOf(await read(id))).epsilonLimit).toBe(limit);
      await confirm(id, roles);
      expect((await keeper.budgetOf(await read(other))).epsilonLimit).toBe(4);
    }
  });

  it('begins a run at the limit that a share of another tab has left, taken while the run was entered', async () => {
    for (const of of [plan, { ...plan, delta: 1e-6 }]) {
      const id = await project(of === plan ? table : otherTable);
      const there = new LedgerKeeper(store, database);
      let isTaken = false;
      const slow: DurableLedgerStore = {
        ...store,
        append: async (entries, after) => {
          if (!isTaken) {
            isTaken = true;
            await there.share(await read(id), 1);
          }
          return store.append(entries, after);
        },
      };
      const run = await new LedgerKeeper(slow, database).openRun(await read(id), of, crypto.randomUUID(), 'started');
      expect(run.budget()).toMatchObject({ epsilonLimit: 3, delta: Math.min(5e-6, of.delta) });
      expect((await keeper.budgetOf(await read(id))).epsilonLimit).toBe(3);
      await keeper.erase();
    }
  });

  it('hashes under the new key once another tab has erased the ledger', async () => {
    const id = await project();
    const { splitId } = await keeper.subject(await read(id));
    await new LedgerKeeper(store, database).erase();
    const { splitId: anew, cohorts } = await keeper.subject(await read(id));
    expect(anew).not.toBe(splitId);
    expect(cohorts[0].keyId).toBe(keyIdOf(await store.installationKey()));
  });

  it('holds a declaration for every deal of the same rows, also later and under another person column, and against no data set that comes later', async () => {
    const [other, id] = [await project(otherTable), await project()];
    const spend = async (of: string, one: FullBatchHeadPlan) => (await keeper.openRun(await read(of), one, crypto.randomUUID(), 'started')).charges.charge('training', 0, 'gradient', { kind: 'gaussian', noiseMultiplier: 4 });
    const spent = async (one: FullBatchHeadPlan) => (await keeper.openRun(await read(id), one, crypto.randomUUID(), 'started')).budget().epsilonSpent;
    await spend(other, plan);
    expect((await keeper.budgetOf(await read(other))).hasUndeclared).toBe(false);
    // One deal is known before.
    const known: FullBatchHeadPlan = { ...plan, unit: 'row' };
    expect(await spent(known)).toBeGreaterThan(0);
    expect((await keeper.budgetOf(await read(id))).hasUndeclared).toBe(true);
    expect(await keeper.declareDisjoint(await read(id))).toMatchObject({ epsilonSpent: 0, hasUndeclared: false });
    for (const one of [plan, known, { ...plan, heldOutShare: 0.4 }, { ...known, heldOutShare: 0.3 }]) expect(await spent(one)).toBe(0);
    await confirm(id, { ...roles, who: 'ignore', visit: 'person' });
    expect(await spent(plan)).toBe(0);
    // Other texts are other rows: nothing was said of them.
    await confirm(id, { ...roles, note: 'ignore', summary: 'text' });
    expect(await spent(plan)).toBeGreaterThan(0);
    await confirm(id, roles);

    const third = await project({ ...otherTable, rows: otherTable.rows.map(({ row, cells }) => ({ row, cells: cells.map((cell, column) => (column === 2 ? cell : `third ${cell}`)) })) });
    await spend(third, plan);
    for (const one of [plan, { ...plan, heldOutShare: 0.4 }, { ...plan, heldOutShare: 0.25 }]) expect(await spent(one)).toBeGreaterThan(0);
    expect((await keeper.budgetOf(await read(id))).hasUndeclared).toBe(true);
  });

  it('takes nothing from the budget of real notes for the built-in sample, nor the other way round', async () => {
    const sample = sampleTable();
    const columns = { note: 'text', specialty: 'label', patient: 'person' } as const;
    // What a project says of itself tells nothing.
    const { id: made } = await createProject(database, sample, false);
    await confirm(made, columns, sample);
    const changed: RawTable = { ...sample, rows: sample.rows.slice(1) };
    const { id: edited } = await createProject(database, changed, true);
    await confirm(edited, columns, changed);
    const id = await project();
    for (const of of [made, id]) await (await keeper.openRun(await read(of), plan, crypto.randomUUID(), 'started')).charges.charge('training', 0, 'gradient', { kind: 'gaussian', noiseMultiplier: of === made ? 2 : 8 });
    const alone = (noiseMultiplier: number) => composedEpsilon([{ mechanism: { kind: 'gaussian', noiseMultiplier }, count: 1 }], 1e-5).epsilon;
    expect(await keeper.budgetOf(await read(id))).toMatchObject({ epsilonSpent: alone(8), hasUndeclared: false });
    expect((await keeper.budgetOf(await read(made))).epsilonSpent).toBe(alone(2));
    expect((await keeper.budgetOf(await read(edited))).epsilonSpent).toBeGreaterThan(alone(2));
  });

  it('promises nothing to persons where no column names them', async () => {
    const id = await project();
    await confirm(id, { ...roles, who: 'ignore' });
    await expect(keeper.openRun(await readProject(database, id), plan, 'run', 'started')).rejects.toMatchObject({ code: 'training/no-persons' });
    expect((await store.read()).entries).toEqual([]);
  });
});
