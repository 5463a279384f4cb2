import type { BertShape } from '../engine/model/weights.ts';
import type { MapSettings } from '../ground/orthonormal-map.ts';
import { gaussianEpsilon } from '../privacy/gaussian.ts';
import type { LedgerEvent, PrivacyUnit } from '../privacy/events.ts';
import type { SharedUnit } from '../privacy/shared-unit.ts';
import { featureLength } from './features.ts';
import { beyondTask, unfitTask } from './federated-errors.ts';
import { headInputs } from './federated-projection.ts';
import type { FullBatchHeadPlan } from './plan.ts';
import type { FeatureSettings, TokenizedUnit } from './trainer.ts';

/** What the shared numbers mean: a head [C, k + 1] over frozen unit features [D] that are centred by a public mean and, with a projection, mapped to k numbers; without one k is D. */
export interface FederatedHead {
  readonly maximumLength: number;
  readonly featureLayers: readonly number[];
  readonly featureWeights: readonly number[];
  readonly publicMean: readonly number[];
  readonly biasInput: number;
  /** The same public map for all, before the clip. */
  readonly projection?: MapSettings;
}

/** The agreed task as far as training knows it. */
export interface FederatedTask {
  readonly labels: readonly string[];
  /** SHA-256 of the base model's weights, hexadecimal. */
  readonly baseModel: string;
  readonly coordinates: number;
  readonly rounds: number;
  readonly unit: SharedUnit;
  readonly clipNorm: number;
  /** Standard deviation of a round's noise over what a unit may move the sum by (`clipNormsMoved`), at least. */
  readonly noiseMultiplier: number;
  readonly delta: number;
  readonly updateNormBound: number;
  readonly head?: FederatedHead;
}

/** What one round is trained with: the agreed terms or stricter ones. */
export interface FederatedTerms {
  readonly round: number;
  readonly clipNorm: number;
  readonly noiseMultiplier: number;
  readonly updateNormBound: number;
}

/** What the task must fit. */
export interface FederatedData {
  readonly training: readonly TokenizedUnit[];
  /** What a charge protects, by the ledger's cohort. */
  readonly unit: PrivacyUnit;
  /** SHA-256 of the weights that the trainers have. */
  readonly baseModel: string;
}

export function federatedFeatures(head: FederatedHead): FeatureSettings {
  return { layers: head.featureLayers, weights: head.featureWeights, isUnitLength: true };
}

/**
 * Holds a task to the model and the notes, before anything is read.
 * @throws `training/federated-task`.
 */
export function checkFederatedTask(task: FederatedTask, data: FederatedData, shape: BertShape): FederatedHead {
  const { head, labels, coordinates, unit, baseModel } = task;
  if (head === undefined) throw unfitTask('shared numbers', 'a head over frozen features', 'something else');
  if (baseModel !== data.baseModel) throw unfitTask('base model', data.baseModel.slice(0, 12), baseModel.slice(0, 12));
  if (unit !== 'participant' && unit !== data.unit) throw unfitTask('unit of privacy', data.unit, unit);
  if (!head.featureLayers.every((layer) => Number.isInteger(layer) && layer >= 1 && layer <= shape.layers) || head.featureLayers.length !== head.featureWeights.length) throw unfitTask('feature layers', `layers from 1 to ${shape.layers} with a weight each`, head.featureLayers.join(', '));
  const length = featureLength(federatedFeatures(head), shape.width);
  if (head.publicMean.length !== length) throw unfitTask('public mean', `${length} numbers`, String(head.publicMean.length));
  const inputs = headInputs(head);
  if (inputs > length) throw unfitTask('projection', `at most ${length} numbers`, String(inputs));
  if (coordinates !== labels.length * (inputs + 1)) throw unfitTask('number of coordinates', String(labels.length * (inputs + 1)), String(coordinates));
  if (data.training.length === 0) throw unfitTask('notes', 'one unit or more', 'none');
  for (const { rows } of data.training) {
    for (const { ids, label } of rows) {
      if (ids.length > head.maximumLength) throw unfitTask('longest note', `${ids.length} word pieces, as the notes were cut`, String(head.maximumLength));
      if (!(Number.isInteger(label) && label >= 0 && label < labels.length)) throw unfitTask('labels', 'those of the notes', 'others');
    }
  }
  return head;
}

/** What is clipped as one: the units of the notes, or all of them together. */
export function sharedUnits({ unit }: Pick<FederatedTask, 'unit'>, training: readonly TokenizedUnit[]): readonly TokenizedUnit[] {
  return unit === 'participant' ? [{ unit: 0, rows: training.flatMap(({ rows }) => rows) }] : training;
}

/**
 * Holds a round to the task: nothing looser than what was agreed, whoever asks.
 * @throws `training/federated-terms`.
 */
export function checkFederatedTerms(task: FederatedTask, { round, clipNorm, noiseMultiplier, updateNormBound }: FederatedTerms, model: Float32Array): void {
  if (!(Number.isInteger(round) && round >= 1 && round <= task.rounds)) throw beyondTask('round', `1 to ${task.rounds}`, String(round));
  // Written so that NaN is refused too.
  if (!(clipNorm > 0 && clipNorm <= task.clipNorm)) throw beyondTask('clip norm', `at most ${task.clipNorm}`, String(clipNorm));
  if (!(noiseMultiplier >= task.noiseMultiplier && Number.isFinite(noiseMultiplier))) throw beyondTask('noise multiplier', `at least ${task.noiseMultiplier}`, String(noiseMultiplier));
  if (!(updateNormBound > 0 && updateNormBound <= task.updateNormBound)) throw beyondTask('norm bound', `at most ${task.updateNormBound}`, String(updateNormBound));
  if (model.length !== task.coordinates) throw beyondTask('model length', String(task.coordinates), String(model.length));
  if (!model.every(Number.isFinite)) throw beyondTask('model', 'finite numbers', 'others');
}

/**
 * The task as the recipe of full-batch heads sees it: every round one noisy step, the mean given, the start and the step size the server's.
 * Epsilon is that of all rounds together, exact for Gaussians. `unit`: what the ledger counts by, of which a participant has many.
 */
export function federatedPlan(task: FederatedTask, head: FederatedHead, unit: PrivacyUnit): FullBatchHeadPlan {
  return {
    kind: 'full-batch-head', maximumLength: head.maximumLength, unit, heldOutShare: 0, seed: 0,
    epsilon: gaussianEpsilon(Math.sqrt(task.rounds) / task.noiseMultiplier, task.delta), delta: task.delta, steps: task.rounds, clipNorm: task.clipNorm,
    meanShare: 0, labelScale: 0, biasInput: head.biasInput, averageLast: 0, maximumNu: 0,
    featureLayers: head.featureLayers, featureWeights: head.featureWeights, validationEpsilon: null,
  };
}

/** Rounds that the ledger was charged for under this run: those that are not trained again after a reload. */
export function chargedRounds(events: readonly LedgerEvent[], runId: string): readonly number[] {
  return events.flatMap((event) => (event.kind === 'charge' && event.runId === runId ? [event.step] : []));
}
