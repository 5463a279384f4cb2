import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { deleteDB, openDB } from 'idb';
import { afterEach, describe, expect, it } from 'vitest';
import { buildDataset } from '../data/dataset.ts';
import { sampleTable } from '../data/sample.ts';
import type { RawTable } from '../data/table.ts';
import { gaussianMu } from '../privacy/gaussian.ts';
import { buildStatement } from '../privacy/statement.ts';
import { evaluateHeldOut } from '../training/evaluate.ts';
import { fullBatchHeadPlan } from '../training/propose.ts';
import { openBedsideDatabase, type BedsideDatabase } from './database.ts';
import { LedgerKeeper, type RunLedger } from './ledger-keeper.ts';
import { openLedgerStore, type DurableLedgerStore } from './ledger-store.ts';
import { exportProject, importProject } from './project-file.ts';
import { summaryOfRun } from './project-summary.ts';
import { createProject, duplicateProject, readProject, saveDataset } from './projects.ts';
import type { RunRecord } from './records.ts';

const table: RawTable = {
  fileName: 'notes.csv', format: 'csv', encoding: 'utf-8', header: ['note', 'kind', 'who'], unreadable: [],
  rows: Array.from({ length: 40 }, (_, i) => ({ row: i + 2, cells: [`note ${i}`, i % 2 ? 'a' : 'b', `p${i >> 1}`] })),
};
const roles = { note: 'text', kind: 'label', who: 'person' } as const;
const planOf = (epsilon: number, delta: number) => fullBatchHeadPlan({ trainingUnits: 16, trainingRows: 32, heldOutUnits: 4, heldOutRows: 8, classes: 2, unit: 'person', encoderLayers: 6, maximumLength: 64, heldOutShare: 0.2, seed: 1, epsilon, delta });

/** One browser of one person: projects and ledger with a key of its own. */
interface Installation {
  readonly name: string;
  readonly database: BedsideDatabase;
  readonly store: DurableLedgerStore;
  readonly keeper: LedgerKeeper;
}

describe('a project file and its share of the budget', () => {
  const open: Installation[] = [];
  async function installation(): Promise<Installation> {
    const name = `share-test-${crypto.randomUUID()}`;
    const [database, store] = await Promise.all([openBedsideDatabase(name), openLedgerStore(`${name}-ledger`)]);
    open.push({ name, database, store, keeper: new LedgerKeeper(store, database) });
    return open.at(-1)!;
  }
  afterEach(async () => {
    for (const { name, database, store } of open.splice(0)) {
      database.close();
      store.close();
      await Promise.all([deleteDB(name), deleteDB(`${name}-ledger`)]);
    }
  });

  async function withNotes(): Promise<{ readonly here: Installation; readonly id: string }> {
    const here = await installation();
    const { id } = await createProject(here.database, table, false);
    await saveDataset(here.database, id, roles, buildDataset(table, roles));
    return { here, id };
  }
  const project = ({ database }: Installation, id: string) => readProject(database, id);
  const budget = async (here: Installation, id: string) => here.keeper.budgetOf(await project(here, id));
  const left = async (here: Installation, id: string) => here.keeper.epsilonLeft(await project(here, id));
  const shareable = async (here: Installation, id: string) => (await here.keeper.shareable(await project(here, id))).epsilon;
  const file = async (here: Installation, id: string, epsilon?: number) => (await exportProject(here.database, here.keeper, id, epsilon)).value;
  const opened = (here: Installation, from: Blob) => importProject(here.database, here.keeper, from);

  /** Charges one release of this epsilon to the training part, as a run does. */
  async function spend(here: Installation, id: string, epsilon: number): Promise<RunLedger> {
    const { delta } = await budget(here, id);
    const run = await here.keeper.openRun(await project(here, id), planOf(epsilon, delta), crypto.randomUUID(), 'started');
    await run.charges.charge('training', 0, 'gradient', { kind: 'gaussian', noiseMultiplier: (1 + 1e-12) / gaussianMu(epsilon, delta) });
    return run;
  }

  it('takes the share from here, and lets the copy spend that much', async () => {
    const { here, id } = await withNotes();
    await spend(here, id, 1);
    const before = await left(here, id);
    const saved = await file(here, id, 1.5);
    expect(await budget(here, id)).toMatchObject({ epsilonLimit: 2.5, allowance: null });
    expect(await left(here, id)).toBeLessThan(before - 0.5);

    const there = await installation();
    const copy = await opened(there, saved);
    expect(await budget(there, copy)).toMatchObject({ epsilonLimit: 4, allowance: { epsilon: 1.5, epsilonSpent: 0 } });
    expect((await budget(there, copy)).delta).toBe((await budget(here, id)).delta);
    expect(await left(there, copy)).toBeCloseTo(1.5, 4);
    const { delta } = await budget(there, copy);
    expect(await there.keeper.afterRun(await project(there, copy), planOf(1.5, delta))).toMatchObject({ fitsBudget: true });
    expect(await there.keeper.afterRun(await project(there, copy), planOf(1.6, delta))).toMatchObject({ fitsBudget: false });
    const run = await spend(there, copy, 1.5);
    expect((await budget(there, copy)).allowance!.epsilonSpent).toBeCloseTo(1.5, 6);
    await expect(run.charges.charge('training', 1, 'gradient', { kind: 'gaussian', noiseMultiplier: 40 })).rejects.toMatchObject({ code: 'budget/allowance-exhausted', family: 'budget' });
    // The held-out part pays for itself, out of the same share.
    await run.charges.charge('held-out', 1, 'charged-validation', { kind: 'gaussian', noiseMultiplier: 40 });
    // A duplicate has no budget of its own.
    const twin = await duplicateProject(there.database, copy);
    await expect(spend(there, twin.id, 0.1)).rejects.toMatchObject({ code: 'budget/allowance-exhausted' });
  });

  it('lets a copy without a share train nothing privately, and one with a share that comes later', async () => {
    const { here, id } = await withNotes();
    const there = await installation();
    const copy = await opened(there, await file(here, id));
    expect(await budget(there, copy)).toMatchObject({ allowance: { epsilon: 0, epsilonSpent: 0 } });
    expect(await left(there, copy)).toBe(0);
    await expect(there.keeper.checkAllowance(await project(there, copy), planOf(1, 1e-5))).rejects.toMatchObject({ code: 'budget/no-allowance' });
    await expect(spend(there, copy, 0.1)).rejects.toMatchObject({ code: 'budget/no-allowance' });
    // The origin has lost nothing.
    expect(await left(here, id)).toBe(4);
    await spend(here, id, 1);
    const better = await opened(there, await file(here, id, 0.5));
    for (const one of [copy, better]) expect(await budget(there, one)).toMatchObject({ allowance: { epsilon: 0.5, epsilonSpent: 0 } });
    await spend(there, copy, 0.5);
  });

  it('that comes later takes the place of one of nothing also where the person column was changed in between', async () => {
    const here = await installation();
    const visits: RawTable = { ...table, header: [...table.header, 'visit'], rows: table.rows.map(({ row, cells }) => ({ row, cells: [...cells, `v${row % 7}`] })) };
    const { id: other } = await createProject(here.database, visits, false);
    const byVisit = { ...roles, who: 'ignore', visit: 'person' } as const;
    const byPatient = { ...roles, visit: 'ignore' } as const;
    await saveDataset(here.database, other, byVisit, buildDataset(visits, byVisit));
    const there = await installation();
    await opened(there, await file(here, other, 0));
    await saveDataset(here.database, other, byPatient, buildDataset(visits, byPatient));
    const copy = await opened(there, await file(here, other, 1));
    expect((await budget(there, copy)).allowance).toEqual({ epsilon: 1, epsilonSpent: 0 });
    await spend(there, copy, 0.9);
  });

  it('is not believed that its rows are of nobody, unless they are the built-in sample', async () => {
    const marked = async (from: Blob): Promise<Blob> => {
      const entries = unzipSync(new Uint8Array(await from.arrayBuffer()));
      const ledger = JSON.parse(strFromU8(entries['ledger.json']!)) as { cohorts: { event: object }[] };
      for (const cohort of ledger.cohorts) cohort.event = { ...cohort.event, isAboutNobody: true };
      return new Blob([new Uint8Array(zipSync({ ...entries, 'ledger.json': strToU8(JSON.stringify(ledger)) }))]);
    };
    const cohortMarks = async ({ store }: Installation) => (await store.read()).entries.flatMap(({ event }) => (event.kind === 'cohort' ? [event.isAboutNobody ?? false] : []));
    const { here, id } = await withNotes();
    await spend(here, id, 1);
    const there = await installation();
    await opened(there, await marked(await file(here, id)));
    expect(new Set(await cohortMarks(there))).toEqual(new Set([false]));

    const sample = sampleTable();
    const sampleRoles = { note: 'text', specialty: 'label', patient: 'person' } as const;
    const { id: made } = await createProject(here.database, sample, false);
    await saveDataset(here.database, made, sampleRoles, buildDataset(sample, sampleRoles));
    await spend(here, made, 2);
    const copy = await opened(there, await file(here, made));
    expect(await cohortMarks(there)).toContain(true);
    // It came without a share, and keeps no real notes from training.
    expect((await budget(there, copy)).allowance).toMatchObject({ epsilon: 0 });
    const real: RawTable = { ...table, rows: table.rows.map(({ row }) => ({ row, cells: [`real ${row}`, row % 2 ? 'a' : 'b', `q${row}`] })) };
    const elsewhere = await installation();
    await opened(elsewhere, await file(here, made));
    const { id: own } = await createProject(elsewhere.database, real, false);
    await saveDataset(elsewhere.database, own, roles, buildDataset(real, roles));
    expect(await budget(elsewhere, own)).toMatchObject({ epsilonSpent: 0, allowance: null, hasUndeclared: false });
  });

  it('that would leave a data set of this device nothing to spend is opened when that is wanted, and not before', async () => {
    const [{ here, id }, there] = [await withNotes(), await installation()];
    const other = await createProject(there.database, { ...table, rows: table.rows.map((row, i) => ({ ...row, cells: [`other ${i}`, row.cells[1]!, `q${i >> 1}`] })) }, false);
    await saveDataset(there.database, other.id, roles, buildDataset({ ...table, rows: table.rows.map((row, i) => ({ ...row, cells: [`other ${i}`, row.cells[1]!, `q${i >> 1}`] })) }, roles));
    await spend(there, other.id, 2);
    await here.keeper.setBudget(await project(here, id), 50);
    await spend(here, id, 40);
    const saved = await file(here, id);
    const before = await budget(there, other.id);
    await expect(opened(there, saved)).rejects.toMatchObject({ code: 'project/exhausts-others', family: 'budget', values: { count: 1, left: 0 } });
    expect([await budget(there, other.id), (await there.database.getAll('projects')).length]).toEqual([before, 1]);
    await importProject(there.database, there.keeper, saved, true);
    expect((await budget(there, other.id)).epsilonSpent).toBeGreaterThan(40);
    // What is past its limit already stops nothing.
    await opened(there, saved);
  });

  it('is refused, and nothing of it taken in, where a run of it is said to promise less than its releases come to', async () => {
    const [{ here, id }, there] = [await withNotes(), await installation()];
    const run = await spend(here, id, 1);
    const { delta } = await budget(here, id);
    const plan = planOf(1, delta);
    const statement = buildStatement({ charges: run.charged().training, delta, unit: 'person', samplingRate: 1, noiseMultiplier: 4, steps: 1, clipNorm: 0.3, validationEpsilon: null, isSecureNoise: true });
    const runId = 'told';
    const nothing = { low: 0, central: 0, high: 0 };
    const record: RunRecord = { id: runId, projectId: id, number: 1, state: 'finished', plan, startedAtMs: 0, seconds: 0, stepsDone: 1, steps: 1, epsilonRun: 1, energyWh: nothing, carbonGrams: nothing, accuracy: null, macroF1: null, points: [], device: '', savedAtMs: null };
    await here.database.put('runs', record);
    const evaluation = evaluateHeldOut(new Float32Array(0), [], ['a', 'b'], [], 1).value;
    const keep = (said: object) => here.database.put('results', { runId, projectId: id, results: { run: summaryOfRun(record), labels: ['a', 'b'], ...evaluation, releasedAccuracy: null, statement: { ...statement, ...said }, energyWh: nothing, carbonGrams: nothing } });
    await keep({ epsilon: 0.1, mu: 0.01 });
    const before = (await there.keeper.entries()).entries.length;
    await expect(opened(there, await file(here, id))).rejects.toMatchObject({ code: 'project/promise-too-small', values: { run: 1, found: 0.1, expected: 1 } });
    expect([(await there.database.getAll('projects')).length, (await there.keeper.entries()).entries.length]).toEqual([0, before]);
    // As it was made it is taken in, and what follows from its releases is worked out there.
    await keep({ mu: 0.01, accountantSettings: 'certified' });
    await opened(there, await file(here, id));
    const [taken] = await there.database.getAll('results');
    expect(taken!.results.statement).toEqual(statement);
  });

  it('is refused with a limit that is none', async () => {
    const [{ here, id }, there] = [await withNotes(), await installation()];
    const entries = unzipSync(new Uint8Array(await (await file(here, id)).arrayBuffer()));
    const text = strFromU8(entries['project.json']!);
    expect(text).toContain('"epsilonLimit":4');
    for (const limit of ['{"$number":"Infinity"}', '{"$number":"NaN"}', '-1', '"4"']) {
      const changed = { ...entries, 'project.json': strToU8(text.replace('"epsilonLimit":4', `"epsilonLimit":${limit}`)) };
      await expect(opened(there, new Blob([new Uint8Array(zipSync(changed))])), limit).rejects.toMatchObject({ code: 'input/project-file' });
    }
    expect(await there.database.getAll('projects')).toEqual([]);
  });

  it('brings nothing where it comes from, and nothing when it is opened twice', async () => {
    const { here, id } = await withNotes();
    await spend(here, id, 1);
    const without = await file(here, id);
    const saved = await file(here, id, 1);
    const before = await budget(here, id);
    for (const one of [saved, without]) await opened(here, one);
    expect(await budget(here, id)).toEqual(before);
    expect(before.allowance).toBeNull();

    const there = await installation();
    const copy = await opened(there, saved);
    await spend(there, copy, 1);
    const spent = await budget(there, copy);
    const again = await opened(there, saved);
    expect(await budget(there, again)).toEqual(spent);
    // Back at home, what the copy spent counts as well, and home stays home.
    const home = await opened(here, await file(there, copy));
    expect(await budget(here, home)).toMatchObject({ allowance: null, epsilonLimit: before.epsilonLimit });
    expect((await budget(here, home)).epsilonSpent).toBeGreaterThan(before.epsilonSpent);
  });

  it('comes home without the limit that the copy set for itself, higher or lower', async () => {
    const { here, id } = await withNotes();
    const there = await installation();
    const copy = await opened(there, await file(here, id, 2));
    const before = await budget(here, id);
    for (const limit of [20, 4, 0.5]) {
      await there.keeper.setBudget(await project(there, copy), limit);
      const home = await opened(here, await file(there, copy));
      expect(await budget(here, home)).toMatchObject({ epsilonLimit: before.epsilonLimit, delta: before.delta });
    }
    expect(before.epsilonLimit).toBe(2);
    await spend(there, copy, 0.4);
    await opened(here, await file(there, copy));
    expect(await left(here, id)).toBeLessThan(2);
  });

  it('gives of what it brought to a further copy', async () => {
    const { here, id } = await withNotes();
    const [there, elsewhere] = [await installation(), await installation()];
    const copy = await opened(there, await file(here, id, 2));
    expect(await shareable(there, copy)).toBeCloseTo(2, 12);
    const second = await opened(elsewhere, await file(there, copy, 0.75));
    expect(await budget(there, copy)).toMatchObject({ allowance: { epsilon: 1.25 } });
    expect(await budget(elsewhere, second)).toMatchObject({ allowance: { epsilon: 0.75 } });
    await expect(file(there, copy, 1.3)).rejects.toMatchObject({ code: 'settings/share-too-large' });
    // The first origin gave up what the second copy holds: its file is known there.
    const home = await opened(here, await file(elsewhere, second));
    expect((await budget(here, home)).allowance).toBeNull();
  });

  it('is lost where the file cannot be written, and says so; nothing is lost where more is asked than is left', async () => {
    const { here, id } = await withNotes();
    const failing = exportProject(here.database, here.keeper, id, 1, () => {
      throw new Error('out of memory');
    });
    await expect(failing).rejects.toMatchObject({ code: 'storage/share-lost', values: { epsilon: 1 } });
    expect((await budget(here, id)).epsilonLimit).toBe(3);
    await expect(file(here, id, 3.5)).rejects.toMatchObject({ code: 'settings/share-too-large' });
    await expect(file(here, id, Number.NaN)).rejects.toMatchObject({ code: 'settings/out-of-range' });
    expect((await budget(here, id)).epsilonLimit).toBe(3);
  });

  it('gives nothing where no columns say which notes there are', async () => {
    const here = await installation();
    const { id } = await createProject(here.database, table, false);
    await expect(file(here, id, 1)).rejects.toMatchObject({ code: 'settings/share-too-large' });
    const there = await installation();
    expect(await project(there, await opened(there, await file(here, id)))).toMatchObject({ noteCount: null });
  });

  it('can be saved from a damaged ledger, without a share', async () => {
    const { here, id } = await withNotes();
    await spend(here, id, 1);
    const broken = await openDB(`${here.name}-ledger`);
    await broken.clear('heads');
    broken.close();
    const keeper = new LedgerKeeper(here.store, here.database);
    await expect(exportProject(here.database, keeper, id, 1)).rejects.toMatchObject({ code: 'budget/ledger-broken' });
    const there = await installation();
    expect(await budget(there, await opened(there, (await exportProject(here.database, keeper, id)).value))).toMatchObject({ allowance: { epsilon: 0 } });
  });

  /** The file with one part changed. */
  async function changed(from: Blob, part: string, change: (value: Record<string, unknown>) => Record<string, unknown>): Promise<Blob> {
    const entries = unzipSync(new Uint8Array(await from.arrayBuffer()));
    entries[`${part}.json`] = strToU8(JSON.stringify(change(JSON.parse(strFromU8(entries[`${part}.json`]!)) as Record<string, unknown>)));
    return new Blob([new Uint8Array(zipSync(entries))]);
  }

  it('of the first version opens as a copy that brought nothing, and at home as ever', async () => {
    const { here, id } = await withNotes();
    await spend(here, id, 1);
    const older = await changed(await changed(await file(here, id), 'project', (value) => ({ ...value, version: 1 })), 'ledger', ({ cohorts, events }) => ({ cohorts, events }));
    const there = await installation();
    for (let time = 0; time < 2; time++) expect(await budget(there, await opened(there, older))).toMatchObject({ allowance: { epsilon: 0 } });
    const before = await budget(here, id);
    expect(await budget(here, await opened(here, older))).toEqual(before);
  });

  it('of a later version, or without what it brings, is refused', async () => {
    const { here, id } = await withNotes();
    const saved = await file(here, id);
    const there = await installation();
    await expect(opened(there, await changed(saved, 'project', (value) => ({ ...value, version: 3 })))).rejects.toMatchObject({ code: 'input/project-file-newer' });
    await expect(opened(there, await changed(saved, 'ledger', ({ cohorts, events }) => ({ cohorts, events })))).rejects.toMatchObject({ code: 'input/project-file' });
    expect((await there.store.read()).entries).toEqual([]);
  });
});
