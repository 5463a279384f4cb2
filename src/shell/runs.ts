import { hideDerivable } from '../fairness/hide-derivable.ts';
import { completedStatement } from '../privacy/statement.ts';
import type { Checkpoint } from '../training/checkpoint.ts';
import { isPrivate, type Plan } from '../training/plan.ts';
import type { RunFacts } from '../training/run-facts.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { RunResults } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import type { ModelRecord, RunRecord } from './records.ts';
import { nextRunNumber } from './run-number.ts';
import { recordMissing } from './storage-errors.ts';
import { inTransaction } from './transaction.ts';

const nothing = { low: 0, central: 0, high: 0 };

/** Whether a run trained on the notes of this deal and held out the others: what was held out there may have been trained on else. A run of an older version did not write it down. */
export function isDealtAs({ splitId, isFromFile }: Pick<RunRecord, 'splitId' | 'isFromFile'>, ofNow: string): boolean {
  return splitId === undefined ? !isFromFile : splitId === ofNow;
}

/**
 * Whether a run can go on where it was interrupted. Not one of a file, which may say anything of itself; nor a private one that goes on from another model
 * without what that model was charged: its promise would be for the last steps alone.
 */
export function mayResume({ state, plan, inherited, isFromFile }: Pick<RunRecord, 'state' | 'plan' | 'inherited' | 'isFromFile'>): boolean {
  if (isFromFile || state === 'finished' || state === 'stopped' || state === 'failed') return false;
  return !isPrivate(plan) || plan.continues === undefined || (inherited?.length ?? 0) > 0;
}

/** Records a new run and counts it in its project, in one transaction. `more`: the notes that it was dealt, and what it takes over from an earlier run. */
export async function createRun(database: BedsideDatabase, projectId: string, plan: Plan, facts: RunFacts, steps: number, more: Pick<RunRecord, 'splitId' | 'inherited' | 'encoderSha256'> = {}): Promise<RunRecord> {
  return inTransaction(database, ['projects', 'runs'], 'readwrite', async (transaction) => {
    const projects = transaction.objectStore('projects');
    const project = await projects.get(projectId);
    if (!project) throw recordMissing('project');
    const run: RunRecord = {
      id: crypto.randomUUID(),
      projectId,
      number: nextRunNumber(project),
      state: 'running',
      plan,
      facts,
      startedAtMs: Date.now(),
      seconds: 0,
      stepsDone: 0,
      steps,
      epsilonRun: null,
      energyWh: nothing,
      carbonGrams: nothing,
      accuracy: null,
      macroF1: null,
      points: [],
      device: '',
      savedAtMs: null,
      ...more,
    };
    await Promise.all([projects.put({ ...project, runsStarted: run.number }), transaction.objectStore('runs').add(run)]);
    return run;
  });
}

export async function readRun(database: BedsideDatabase, runId: string): Promise<RunRecord> {
  const run = await inTransaction(database, ['runs'], 'readonly', (transaction) => transaction.objectStore('runs').get(runId));
  if (!run) throw recordMissing('run');
  return run;
}

export async function runsOfProject(database: BedsideDatabase, projectId: string): Promise<readonly RunRecord[]> {
  return inTransaction(database, ['runs'], 'readonly', (transaction) => transaction.objectStore('runs').index('projectId').getAll(projectId));
}

/** Updates a run unless its project has been deleted meanwhile: a deleted run must not come back. */
export async function saveRun(database: BedsideDatabase, run: RunRecord): Promise<void> {
  await inTransaction(database, ['runs'], 'readwrite', async (transaction) => {
    const runs = transaction.objectStore('runs');
    if (await runs.getKey(run.id)) await runs.put(run);
  });
}

/** The checkpoint and the run's line are saved together, so that both speak of the same step. */
export async function saveCheckpoint(database: BedsideDatabase, run: RunRecord, checkpoint: Checkpoint): Promise<void> {
  await inTransaction(
    database,
    ['runs', 'checkpoints'],
    'readwrite',
    async (transaction) => {
      const runs = transaction.objectStore('runs');
      if (!(await runs.getKey(run.id))) throw recordMissing('run');
      await Promise.all([runs.put(run), transaction.objectStore('checkpoints').put({ runId: run.id, projectId: run.projectId, checkpoint })]);
    },
    'strict',
  );
}

export async function readCheckpoint(database: BedsideDatabase, runId: string): Promise<Checkpoint | null> {
  const record = await inTransaction(database, ['checkpoints'], 'readonly', (transaction) => transaction.objectStore('checkpoints').get(runId));
  return record?.checkpoint ?? null;
}

/** The end of a run: its line, model and results appear and its checkpoint goes, in one transaction. */
export async function finishRun(database: BedsideDatabase, run: RunRecord, model: TrainedModel, encoderSha256: string, results: RunResults): Promise<void> {
  await inTransaction(
    database,
    ['runs', 'models', 'results', 'checkpoints'],
    'readwrite',
    async (transaction) => {
      const runs = transaction.objectStore('runs');
      if (!(await runs.getKey(run.id))) throw recordMissing('run');
      const keys = { runId: run.id, projectId: run.projectId };
      await Promise.all([
        runs.put(run),
        transaction.objectStore('models').put({ ...keys, model, encoderSha256 }),
        transaction.objectStore('results').put({ ...keys, results }),
        transaction.objectStore('checkpoints').delete(run.id),
      ]);
    },
    'strict',
  );
}

/** Puts other results in the place of a run's, unless its project has been deleted meanwhile. */
export async function keepResults(database: BedsideDatabase, run: RunRecord, results: RunResults): Promise<void> {
  await inTransaction(
    database,
    ['runs', 'results'],
    'readwrite',
    async (transaction) => {
      if (!(await transaction.objectStore('runs').getKey(run.id))) throw recordMissing('run');
      await transaction.objectStore('results').put({ runId: run.id, projectId: run.projectId, results });
    },
    'strict',
  );
}

export async function readModel(database: BedsideDatabase, runId: string): Promise<ModelRecord> {
  const record = await inTransaction(database, ['models'], 'readonly', (transaction) => transaction.objectStore('models').get(runId));
  if (!record) throw recordMissing('model');
  return record;
}

export async function readResults(database: BedsideDatabase, runId: string): Promise<RunResults> {
  const record = await inTransaction(database, ['results'], 'readonly', (transaction) => transaction.objectStore('results').get(runId));
  if (!record) throw recordMissing('results');
  // An older version kept what follows from the totals.
  return { ...record.results, groups: record.results.groups.map(hideDerivable), statement: completedStatement(record.results.statement) };
}
