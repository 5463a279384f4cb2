/** The two laws of noise that a release may use, behind one face: how it is drawn, and what full-batch releases of it come to. */
import { BedsideError } from '../ground/errors.ts';
import { discreteGaussianEpsilon, discreteGaussianIntegers } from './discrete-gaussian.ts';
import type { Mechanism } from './events.ts';
import { gaussianEpsilon } from './gaussian.ts';
import type { KeyStream } from './key-stream.ts';
import { gaussianIntegers } from './noise.ts';

/**
 * `rounded-gaussian`: post-processing of the continuous Gaussian up to a stated sampler error, in nearly constant time, accounted exactly.
 * `discrete-gaussian`: no sampler error at all, slower, its time follows the values drawn, accounted by concentrated DP at a slightly larger epsilon.
 */
export type NoiseLaw = 'rounded-gaussian' | 'discrete-gaussian';

/** What came from a file or a worker may be no law: to take it for one of the two might draw by one and charge by the other. */
function unknownLaw(law: never): BedsideError {
  const found = typeof law === 'string' ? String(law).slice(0, 40) : 'something else';
  return new BedsideError('privacy/noise-law', 'settings', `The law of the noise must be rounded-gaussian or discrete-gaussian, found ${found}. Nothing was drawn or charged.`, 'Name one of the two. A file that names another was made by a newer version of Bedside, or is damaged.', { found });
}

/** The law as it stands. @throws `privacy/noise-law` where it is none of the two. */
export function checkNoiseLaw(law: NoiseLaw): NoiseLaw {
  switch (law) {
    case 'rounded-gaussian':
    case 'discrete-gaussian':
      return law;
    default:
      throw unknownLaw(law);
  }
}

/**
 * `count` independent integers of the law, sigma in grid steps; to be added to an integer sum.
 * @throws `privacy/noise-law` for another law, before anything is drawn.
 */
export async function drawNoise(law: NoiseLaw, stream: KeyStream, step: number, tensor: number, count: number, sigma: number): Promise<Float64Array> {
  return checkNoiseLaw(law) === 'rounded-gaussian' ? gaussianIntegers(stream, step, tensor, count, sigma) : discreteGaussianIntegers(stream, step, tensor, count, sigma);
}

/**
 * Epsilon at `delta` of full-batch releases of the law, mu^2 = sum of (sensitivity / sigma)^2; the sampler error of the rounded Gaussian apart.
 * Edge cases: 0 for mu = 0 and for delta >= 1; Infinity for mu = Infinity and for delta = 0 otherwise.
 * @throws `privacy/noise-law` for another law.
 */
export function noiseEpsilon(law: NoiseLaw, mu: number, delta: number): number {
  return checkNoiseLaw(law) === 'rounded-gaussian' ? gaussianEpsilon(mu, delta) : discreteGaussianEpsilon(mu, delta);
}

/** What a full-batch release under a law of noise is charged as. @throws `privacy/noise-law` for another law. */
export function noiseMechanism(law: NoiseLaw, noiseMultiplier: number): Extract<Mechanism, { readonly kind: 'gaussian' | 'discrete-gaussian' }> {
  return { kind: checkNoiseLaw(law) === 'rounded-gaussian' ? 'gaussian' : 'discrete-gaussian', noiseMultiplier };
}
