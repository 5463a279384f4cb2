import { releasableBecause, type Releasable } from '../privacy/doors.ts';
import type { Mechanism } from '../privacy/events.ts';
import type { KeyStream } from '../privacy/noise.ts';
import { drawNoise, noiseMechanism, type NoiseLaw } from '../privacy/noise-laws.ts';
import { noiseMu } from './full-batch-head.ts';
import { largestIndex } from './held-out-score.ts';
import { isBudgetRefusal, type ChargePort } from './session-input.ts';
import { streamTensors } from './stream-tensors.ts';
import type { TokenizedUnit } from './trainer.ts';

/** Accuracy on the held-out part after noise that the ledger was charged for. */
export interface ReleasedAccuracy {
  readonly value: number;
  /** 95 % interval: sampling and noise together. */
  readonly low: number;
  readonly high: number;
  readonly epsilon: number;
}

/** A unit's share of right rows is counted on this grid, so that the sum is an exact integer. */
export const unitShare = 2 ** 20;

/** What the held-out part is charged for a score of this epsilon. */
export function validationMechanism({ epsilon, delta, noiseLaw = 'rounded-gaussian' }: ValidationBudget): Mechanism {
  return noiseMechanism(noiseLaw, 1 / noiseMu(noiseLaw, epsilon, delta));
}

export interface ValidationBudget {
  readonly epsilon: number;
  readonly delta: number;
  readonly noiseLaw?: NoiseLaw;
}

/** Sum over units of each one's share of right rows, in parts of `unitShare`: an integer, of which one unit has a say of `unitShare` at most. */
export function rightShares(logits: Float32Array, heldOut: readonly TokenizedUnit[], classes: number): number {
  let sum = 0;
  let row = 0;
  for (const unit of heldOut) {
    let hits = 0;
    for (const { label } of unit.rows) if (largestIndex(logits, row++, classes) === label) hits++;
    sum += Math.floor((unitShare * hits) / unit.rows.length);
  }
  return sum;
}

/**
 * Charged validation: the sum over held-out units of each unit's share of right rows, plus N(0, 1 / mu^2), over the public number of units.
 * Guarantee: sensitivity 1 a unit (a person's rows share one vote), charged to the held-out part before the noise is drawn. Held-out units never train, so it composes in parallel with training.
 * Returns null, having released nothing, where the held-out part's budget is gone.
 * Shapes: logits [rows, C], rows in the order of `heldOut`.
 */
export async function releaseAccuracy(
  logits: Float32Array,
  heldOut: readonly TokenizedUnit[],
  classes: number,
  budget: ValidationBudget,
  door: { readonly charges: ChargePort; readonly keys: KeyStream },
  step: number,
): Promise<Releasable<ReleasedAccuracy> | null> {
  const mechanism = validationMechanism(budget);
  const { noiseMultiplier } = mechanism;
  const sum = rightShares(logits, heldOut, classes);
  try {
    await door.charges.charge('held-out', step, 'charged-validation', mechanism);
  } catch (error) {
    if (isBudgetRefusal(error)) return null;
    throw error;
  }
  const [noise] = await drawNoise(budget.noiseLaw ?? 'rounded-gaussian', door.keys, step, streamTensors.validation, 1, noiseMultiplier * unitShare);
  const units = heldOut.length;
  const value = Math.min(1, Math.max(0, (sum + noise!) / unitShare / units));
  // Variance of the share p(1 - p) / n, with p kept off the ends so that a perfect score keeps an interval, plus that of the noise.
  const p = Math.min(1 - 1 / (units + 2), Math.max(1 / (units + 2), value));
  const half = 1.959963984540054 * Math.sqrt((p * (1 - p)) / units + (noiseMultiplier / units) ** 2);
  return releasableBecause('charged', { value, low: Math.max(0, value - half), high: Math.min(1, value + half), epsilon: budget.epsilon });
}
