import { chargesOfRun } from '../training/charged-parts.ts';
import { evaluateHeldOut } from '../training/evaluate.ts';
import { pooledCharges, pooledStatement, type PooledOrigin } from '../training/received-model.ts';
import type { TrainedHead } from '../training/trained-model.ts';
import type { Task } from '../federation/task.ts';
import type { LedgerEvent } from '../privacy/events.ts';
import type { RunResults } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import type { Participant } from './federation-fit.ts';
import { federationRunId } from './federation-source.ts';
import { summaryOfRun } from './project-summary.ts';
import type { RunRecord } from './records.ts';
import { factsOf, type RunData } from './run-data.ts';
import { nextRunNumber } from './run-number.ts';
import { recordMissing } from './storage-errors.ts';
import { inTransaction } from './transaction.ts';

export interface PooledModel {
  readonly task: Task;
  readonly taskHash: string;
  readonly version: number;
  readonly round: number;
  readonly model: TrainedHead;
  /** Of the held-out rows: [rows, C]. */
  readonly logits: Float32Array;
}

export interface PooledRunFacts {
  readonly encoderSha256: string;
  readonly device: string;
  readonly events: readonly LedgerEvent[];
  readonly answered: readonly number[];
}

const nothing = { low: 0, central: 0, high: 0 };

/**
 * Saves a model that came back as a finished run of its project, whole or not at all. What it says of epsilon is what this device was charged, by its
 * ledger; scores are of the held-out notes, for the owner's eyes. Resolves to the run's id.
 */
export async function keepPooledRun(database: BedsideDatabase, { project, dataset, subject, plan }: Participant, { heldOutNotes }: Pick<RunData, 'heldOutNotes'>, pooled: PooledModel, facts: PooledRunFacts): Promise<string> {
  const { task, taskHash, version, round, model, logits } = pooled;
  const charges = pooledCharges(chargesOfRun(facts.events, federationRunId(taskHash)).training, facts.answered);
  const ownRounds = charges.reduce((sum, { count }) => sum + count, 0);
  const origin: PooledOrigin = { federation: task.name, coordinator: task.coordinator, taskHash, version, rounds: round, ownRounds };
  const statement = pooledStatement(task, model, charges, plan.unit);
  const evaluation = evaluateHeldOut(logits, heldOutNotes, task.labels, dataset.groupColumns, plan.seed).value;
  const { accuracy, macroF1 } = evaluation.classification;
  return inTransaction(
    database,
    ['projects', 'runs', 'models', 'results'],
    'readwrite',
    async (transaction) => {
      const projects = transaction.objectStore('projects');
      const record = await projects.get(project.id);
      if (!record) throw recordMissing('project');
      const run: RunRecord = {
        id: crypto.randomUUID(), projectId: project.id, number: nextRunNumber(record), state: 'finished', plan, facts: { ...factsOf(dataset, subject), labels: task.labels }, encoderSha256: facts.encoderSha256,
        startedAtMs: Date.now(), seconds: 0, stepsDone: ownRounds, steps: task.rounds, epsilonRun: statement.isPrivate ? statement.epsilon : null,
        energyWh: nothing, carbonGrams: nothing, accuracy, macroF1, points: [], device: facts.device, savedAtMs: Date.now(), pooled: origin,
      };
      const results: RunResults = { run: summaryOfRun(run), labels: task.labels, ...evaluation, releasedAccuracy: null, statement, energyWh: nothing, carbonGrams: nothing };
      const keys = { runId: run.id, projectId: project.id };
      await Promise.all([
        projects.put({ ...record, runsStarted: run.number }),
        transaction.objectStore('runs').add(run),
        transaction.objectStore('models').put({ ...keys, model, encoderSha256: facts.encoderSha256 }),
        transaction.objectStore('results').put({ ...keys, results }),
      ]);
      return run.id;
    },
    'strict',
  );
}
