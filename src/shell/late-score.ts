/** A score that may leave with a model, charged after its run: a click of its own, on the run's own held-out part. */
import { BedsideError } from '../ground/errors.ts';
import type { Dataset } from '../data/table.ts';
import { oncePerTensor, type KeyStream } from '../privacy/key-stream.ts';
import { releaseAccuracy } from '../training/charged-validation.ts';
import { noiseLawOf, type PrivatePlan } from '../training/plan.ts';
import type { Split } from '../training/split.ts';
import { statementAtEnd } from '../training/statement.ts';
import type { RunResults } from './bedside.service.ts';
import type { EncoderFacts } from './encoder.ts';
import { lateScoreEpsilon, mayBeScored } from './late-score-offer.ts';
import type { RunLedger } from './ledger-keeper.ts';
import type { ModelRecord, ProjectRecord, RunRecord } from './records.ts';
import { prepareRunData } from './run-data.ts';
import type { TrainingCrew } from './training-crew.ts';

function scoreRefused(): BedsideError {
  return new BedsideError('budget/score-refused', 'budget', 'The held-out part has too little of its budget left for this score. Nothing was charged or released.', 'Keep the model without a score that may leave, or raise the limit in the knowledge of what that gives up.');
}

function hasScore(): BedsideError {
  return new BedsideError('training/has-score', 'input', 'This run has its score already, or can have none.', 'Look at the results of the run.');
}

export interface LateScoreParts {
  readonly run: Pick<RunRecord, 'state' | 'stepsDone' | 'inherited' | 'isFromFile'>;
  readonly plan: PrivatePlan;
  readonly project: Pick<ProjectRecord, 'sentences'>;
  readonly dataset: Pick<Dataset, 'labels'>;
  readonly split: Split;
  readonly trainingUnits: number;
  readonly model: Pick<ModelRecord, 'model'>;
  readonly results: RunResults;
  readonly encoder: Pick<EncoderFacts, 'tokenizer'>;
  readonly crew: Pick<TrainingCrew, 'modelLogits'>;
  /** Opens the run in the ledger, which writes there that it goes on: asked for once nothing is left that would refuse. */
  readonly openLedger: () => Promise<Pick<RunLedger, 'charges' | 'charged' | 'end'>>;
  /** A stream under a key that nobody has used. */
  readonly createKeys: () => Promise<KeyStream>;
}

/**
 * Charges the held-out part for a score, durably, draws its noise under a fresh key, and returns the run's results with it.
 * Guarantee: sensitivity and law are those of a score charged at a run's end; it composes in parallel with training. A score that is lost before it is kept stays charged.
 */
export async function chargeScore({ run, plan, project, dataset, split, trainingUnits, model: { model }, results, encoder, crew, openLedger, createKeys }: LateScoreParts): Promise<RunResults> {
  if (!mayBeScored(results, run)) throw hasScore();
  const { heldOut } = await prepareRunData(dataset, { training: [], heldOut: split.heldOut }, plan, project.sentences, encoder.tokenizer, () => undefined);
  const logits = await crew.modelLogits(model, heldOut.flatMap(({ rows }) => rows.map(({ ids }) => ids)));
  const ledger = await openLedger();
  const keys = oncePerTensor(await createKeys());
  const released = await releaseAccuracy(logits, heldOut, dataset.labels.length, { epsilon: lateScoreEpsilon, delta: plan.delta, noiseLaw: noiseLawOf(plan) }, { charges: ledger.charges, keys }, run.stepsDone);
  await ledger.end(run.state === 'stopped' ? 'stopped' : 'finished');
  if (released === null) throw scoreRefused();
  const statement = statementAtEnd(plan, { unit: plan.unit, trainingUnits, classes: dataset.labels.length }, { stepsDone: run.stepsDone, model }, ledger.charged(), run.inherited);
  const epsilon = statement.isPrivate && statement.validation ? statement.validation.epsilon : released.value.epsilon;
  return { ...results, statement, releasedAccuracy: { ...released.value, epsilon } };
}
