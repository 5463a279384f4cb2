import type { Charge } from '../privacy/composition.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import { clipNormsMoved } from '../privacy/shared-unit.ts';
import { buildStatement, type PrivacyStatement } from '../privacy/statement.ts';
import { atLeast } from './charged-parts.ts';
import { foldedHead } from './federated-projection.ts';
import { federatedFeatures, federatedPlan, type FederatedHead, type FederatedTask } from './federated-task.ts';
import { largestIndex } from './held-out-score.ts';
import { samplerErrorOf } from './sampler-error.ts';
import type { TrainedHead } from './trained-model.ts';

/** Where a model came from that was not trained here alone. Public facts. */
export interface PooledOrigin {
  /** Name of the federation's task, and who runs it. */
  readonly federation: string;
  readonly coordinator: string;
  readonly taskHash: string;
  readonly version: number;
  /** Rounds of the federation until this release, and how many of them this device was charged for. */
  readonly rounds: number;
  readonly ownRounds: number;
}

/** The numbers of a federation's model as a model like any other, over whole features. Shapes: weights [C, k + 1]. */
export function pooledHead(task: Pick<FederatedTask, 'labels'>, head: FederatedHead, weights: Float32Array): TrainedHead {
  return { kind: 'head', labels: task.labels, maximumLength: head.maximumLength, features: federatedFeatures(head), mean: Float32Array.from(head.publicMean), biasInput: head.biasInput, weights: foldedHead(head, weights) };
}

/** The best of the models kept so far, the newest of equals: beside the last one alone, each might be a little worse for ever. */
export function bestKept<Model extends { readonly isKept: boolean; readonly accuracy: { readonly value: number | null } }>(models: readonly Model[]): Model | undefined {
  return models.filter(({ isKept }) => isKept).reduce<Model | undefined>((best, one) => (best !== undefined && (best.accuracy.value ?? 0) > (one.accuracy.value ?? 0) ? best : one), undefined);
}

/**
 * Whether a model does worse on the same rows than another by more than chance explains: of the rows on which just one of the two is right, the excess
 * for the other over two standard errors of it (McNemar's statistic above 2). Few rows therefore roll nothing back that is not far worse; equal ones keep the new model.
 * Shapes: logits [rows, C].
 */
export function isWorse(logits: Float32Array, than: Float32Array, actual: readonly number[], classes: number): boolean {
  let lost = 0;
  let won = 0;
  actual.forEach((label, row) => {
    const [isRight, wasRight] = [largestIndex(logits, row, classes) === label, largestIndex(than, row, classes) === label];
    if (wasRight && !isRight) lost++;
    if (isRight && !wasRight) won++;
  });
  return lost - won > 2 * Math.sqrt(lost + won);
}

/** What a federation was charged by the ledger, and never less than the rounds that this device answered: the ledger may have been erased since. `answered`: their noise multipliers. */
export function pooledCharges(charged: readonly Charge[], answered: readonly number[]): readonly Charge[] {
  return atLeast(answered.map((noiseMultiplier) => ({ mechanism: { kind: 'gaussian', noiseMultiplier }, count: 1 })), charged);
}

/**
 * What this device's own updates in a pooled model cost, by its ledger: the other participants' notes are theirs to account for. `charges` are those
 * of this federation; none where the device answered no round. `unit`: what the ledger counts by; where the participant is the task's unit, each of these moves
 * the sum by as much, and so the statement is theirs.
 */
export function pooledStatement(task: FederatedTask, model: TrainedHead, charges: readonly Charge[], unit: PrivacyUnit): PrivacyStatement {
  const steps = charges.reduce((sum, { count }) => sum + count, 0);
  // A later or stricter round may have had more noise than was agreed; the least is said.
  const noiseMultiplier = charges.reduce((least, { mechanism }) => Math.min(least, mechanism.noiseMultiplier), steps === 0 ? task.noiseMultiplier : Infinity);
  // The noise is so much wider, and the sampler's error grows no faster.
  const moved = clipNormsMoved(task.unit);
  return buildStatement({
    charges, steps, noiseMultiplier, delta: task.delta, unit, samplingRate: 1, clipNorm: moved * task.clipNorm, validationEpsilon: null, isSecureNoise: true,
    ...(task.head === undefined ? {} : { samplerError: moved * samplerErrorOf(federatedPlan(task, task.head, unit), model, charges) }),
  });
}
