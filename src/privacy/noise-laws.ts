/** The two laws of noise that a release may use, behind one face: how it is drawn, and what full-batch releases of it come to. */
import { discreteGaussianEpsilon, discreteGaussianIntegers } from './discrete-gaussian.ts';
import { gaussianEpsilon } from './gaussian.ts';
import type { KeyStream } from './key-stream.ts';
import { gaussianIntegers } from './noise.ts';

/**
 * `rounded-gaussian`: post-processing of the continuous Gaussian up to a stated sampler error, in nearly constant time, accounted exactly.
 * `discrete-gaussian`: no sampler error at all, slower, its time follows the values drawn, accounted by concentrated DP at a slightly larger epsilon.
 */
export type NoiseLaw = 'rounded-gaussian' | 'discrete-gaussian';

/** `count` independent integers of the law, sigma in grid steps; to be added to an integer sum. */
export function drawNoise(law: NoiseLaw, stream: KeyStream, step: number, tensor: number, count: number, sigma: number): Promise<Float64Array> {
  return law === 'rounded-gaussian' ? gaussianIntegers(stream, step, tensor, count, sigma) : discreteGaussianIntegers(stream, step, tensor, count, sigma);
}

/** Epsilon at `delta` of full-batch releases of the law, mu^2 = sum of (sensitivity / sigma)^2; the sampler error of the rounded Gaussian apart. */
export function noiseEpsilon(law: NoiseLaw, mu: number, delta: number): number {
  return law === 'rounded-gaussian' ? gaussianEpsilon(mu, delta) : discreteGaussianEpsilon(mu, delta);
}
