/**
 * Adaptive clipping (Andrew, Thakkar, McMahan and Ramaswamy 2021, arXiv 1905.03871): a clip norm that follows a quantile of the units' norms, by a noisy count of
 * those that were not clipped. No plan trains with it today, because the clip norm of the full-batch head is fixed in the plan, as a public fact.
 */
import { checkPositive, checkProbability } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';

/** How the noise of one step is shared between the sum of the gradients and the count of unclipped units. */
export interface AdaptiveNoise {
  /** z: of the two releases together, as the accountant takes it. */
  readonly noiseMultiplier: number;
  /** sigma_b: standard deviation of the noise on the count, in units. */
  readonly countNoise: number;
}

/**
 * Noise multiplier z_D of the gradients so that they and the count together cost what one Gaussian of multiplier z does: z^-2 = z_D^-2 + (2 sigma_b)^-2.
 * The count is the sum of b - 1/2 over the units, b being 1 for a unit that was not clipped: one unit moves it by 1/2, so its multiplier is 2 sigma_b.
 * Throws `privacy/count-noise` where the count alone costs all of z or more. Source: Theorem 1.
 */
export function gradientNoiseMultiplier({ noiseMultiplier, countNoise }: AdaptiveNoise): number {
  checkPositive('noise multiplier', noiseMultiplier);
  checkPositive('noise on the count', countNoise);
  const left = (1 - noiseMultiplier / (2 * countNoise)) * (1 + noiseMultiplier / (2 * countNoise));
  if (!(left > 0)) {
    throw new BedsideError('privacy/count-noise', 'settings', `The noise on the count must be more than half the noise multiplier, ${noiseMultiplier / 2}, found ${countNoise}.`, 'Raise the noise on the count: a twentieth of the expected batch is usual.', { noiseMultiplier, countNoise });
  }
  return noiseMultiplier / Math.sqrt(left);
}

export interface ClipNormStep {
  /** C, in units of the gradient's norm. */
  readonly clipNorm: number;
  /** b~: the noisy sum of b - 1/2, over the expected batch size, plus 1/2. Noise may take it out of [0, 1]. A realised batch size would tell who was drawn. */
  readonly noisyUnclippedShare: number;
  /** gamma: the share of units that should stay unclipped. */
  readonly targetQuantile: number;
  /** eta_C. */
  readonly learningRate: number;
}

/** The clip norm of the next step, C exp(-eta_C (b~ - gamma)): smaller where more units than the target stayed unclipped. Post-processing of the noisy count. Source: section 2.2, the geometric update. */
export function nextClipNorm({ clipNorm, noisyUnclippedShare, targetQuantile, learningRate }: ClipNormStep): number {
  checkPositive('clip norm', clipNorm);
  checkProbability('target quantile', targetQuantile);
  checkPositive('learning rate of the clip norm', learningRate);
  if (!Number.isFinite(noisyUnclippedShare)) {
    throw new BedsideError('privacy/unclipped-share', 'settings', `The noisy share of unclipped units must be a finite number, found ${noisyUnclippedShare}.`, 'Divide the noisy count by the expected batch size.', { found: String(noisyUnclippedShare) });
  }
  return checkPositive('next clip norm', clipNorm * Math.exp(-learningRate * (noisyUnclippedShare - targetQuantile)));
}
