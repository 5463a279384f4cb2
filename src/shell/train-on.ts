/** Training on from an ended run of a project: whether it is on offer, by which plan, what it would cost, and what the run takes over. */
import type { Dataset } from '../data/table.ts';
import { BedsideError } from '../ground/errors.ts';
import type { Charge } from '../privacy/composition.ts';
import { isPrivate, type Plan } from '../training/plan.ts';
import { statementOf } from '../training/statement.ts';
import { chargesBehind, trainOnObstacle, trainOnPlan, type EndedRun } from '../training/train-on.ts';
import type { TrainOnObstacle, TrainOnOffer } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import type { LedgerKeeper } from './ledger-keeper.ts';
import type { ProjectRecord, RunRecord } from './records.ts';
import { runPrice } from './run-price.ts';
import { readRun } from './runs.ts';

const because: Readonly<Record<TrainOnObstacle, string>> = {
  'nothing-trained': 'it has trained nothing',
  search: 'which settings the best run of a search had is kept secret',
  balance: 'it helped rare labels, and the weights before that are not kept',
  pooled: 'its model was made by many devices together',
  'from-file': 'it came with a project file, and its held-out notes are others than here',
  'not-ended': 'it has not ended',
  'older-version': 'an older version of Bedside made it, and which notes it held out was not written down',
  'other-notes': 'the notes or their columns were changed or the ledger was erased since, so notes that it trained on may be held out now',
  'other-model': 'another base model is in use now',
};

function cannotTrainOn(number: number, obstacle: TrainOnObstacle): BedsideError {
  return new BedsideError('training/cannot-train-on', 'settings', `Run ${number} cannot be trained on from: ${because[obstacle]}. Nothing was charged.`, 'Train from the start.', { number, obstacle });
}

function otherPlan(): BedsideError {
  return new BedsideError('training/other-train-on-plan', 'settings', 'This plan goes on from a run, and is not the plan that goes on from it. Nothing was charged.', 'Open the results of the run and train on from there.');
}

export interface TrainOnParts {
  readonly database: BedsideDatabase;
  readonly ledger: LedgerKeeper;
  readonly encoderSha256: () => Promise<string>;
}

/** A run as its plan's successor is made of it; null where it was not written down. */
function endedRun({ id, number, plan, stepsDone, facts }: RunRecord): EndedRun | null {
  return facts ? { id, number, plan, stepsDone, trainingUnits: facts.trainingUnits, classes: facts.labels.length } : null;
}

async function planFrom({ ledger, encoderSha256 }: TrainOnParts, project: ProjectRecord, run: RunRecord, dataset?: Dataset): Promise<{ readonly plan: Plan } | { readonly obstacle: TrainOnObstacle }> {
  if (run.pooled) return { obstacle: 'pooled' };
  if (run.isFromFile) return { obstacle: 'from-file' };
  if (run.state !== 'finished' && run.state !== 'stopped') return { obstacle: 'not-ended' };
  const obstacle = trainOnObstacle(run.plan, run.stepsDone);
  if (obstacle) return { obstacle };
  const ended = endedRun(run);
  if (!ended || run.splitId === undefined || run.encoderSha256 === undefined) return { obstacle: 'older-version' };
  // A note that was trained on and is held out now would make every score of the new run too good. The name of a deal says which notes, persons and parts they are.
  const { splitId, classes } = await ledger.subject(project, run.plan, dataset);
  if (splitId !== run.splitId || classes !== ended.classes) return { obstacle: 'other-notes' };
  if (run.encoderSha256 !== (await encoderSha256())) return { obstacle: 'other-model' };
  return { plan: trainOnPlan(ended) };
}

/** What the model that a plan goes on from was charged, by the ledger and by what it took over itself; nothing for the others. */
export async function chargesBefore(database: BedsideDatabase, ledger: LedgerKeeper, { continues }: Plan): Promise<readonly Charge[]> {
  if (!continues) return [];
  const run = await readRun(database, continues.runId);
  const ended = endedRun(run);
  return ended ? chargesBehind(ended, (await ledger.chargesOf(run.id)).training, run.inherited ?? []) : [];
}

/** One more epoch from the end of a run: the plan for it, and its price by the ledger of now. */
export async function trainOnOffer(parts: TrainOnParts, project: ProjectRecord, run: RunRecord): Promise<TrainOnOffer> {
  const found = await planFrom(parts, project, run);
  if ('obstacle' in found) return { offer: null, obstacle: found.obstacle };
  const { plan } = found;
  if (!isPrivate(plan)) return { offer: { plan, price: null }, obstacle: null };
  const { database, ledger } = parts;
  const [budget, after, before, subject] = [await ledger.budgetOf(project), await ledger.afterRun(project, plan), await chargesBefore(database, ledger, plan), await ledger.subject(project, plan)];
  const statement = statementOf(plan, { unit: plan.unit, trainingUnits: subject.trainingUnits, classes: subject.classes }, before);
  return { offer: { plan, price: { ...runPrice(budget, after), epsilonModel: statement.isPrivate ? statement.epsilon : 0 } }, obstacle: null };
}

/**
 * What a run that goes on takes over; nothing for a plan that starts from the beginning. To be called on the very notes that it will read.
 * @throws `training/cannot-train-on` where the earlier run cannot be gone on from, `training/other-train-on-plan` where the plan is not the one that was offered; nothing has been charged.
 */
export async function takenOver(parts: TrainOnParts, project: ProjectRecord, plan: Plan, dataset: Dataset): Promise<Pick<RunRecord, 'inherited' | 'encoderSha256'>> {
  if (!plan.continues) return {};
  const run = await readRun(parts.database, plan.continues.runId);
  if (run.projectId !== project.id) throw otherPlan();
  const found = await planFrom(parts, project, run, dataset);
  if ('obstacle' in found) throw cannotTrainOn(run.number, found.obstacle);
  if (JSON.stringify(found.plan) !== JSON.stringify(plan)) throw otherPlan();
  const inherited = await chargesBefore(parts.database, parts.ledger, plan);
  // Steps of another encoder's features would be lost: the run ends before anything is charged where that has changed.
  return { ...(inherited.length > 0 ? { inherited } : {}), ...(run.encoderSha256 === undefined ? {} : { encoderSha256: run.encoderSha256 }) };
}
