/**
 * Gaussian noise on the integer grid (Rule G): y = round(N(0, sigma^2)) is added to an integer sum X. As X is an integer,
 * X + round(y) = round(X + y), so the release is post-processing of the continuous Gaussian mechanism and is accounted as such.
 * What separates this sampler from that ideal is bounded by `gaussianSamplerError`, which may be added to delta.
 */
import { checkInteger, checkNonNegative, checkPositive } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import { drawBytes, type KeyStream } from './key-stream.ts';
import { exactPair } from './noise-exact-pair.ts';
import { boxMuller, PAIR_RELATIVE_ERROR, WORDS_A_PAIR } from './noise-pair.ts';

export type { KeyStream } from './key-stream.ts';

const LARGEST_SIGMA = 2 ** 40;
/** A rounding is decided in float64 where y is further than this, and twice its float64 error, from a half. */
const UNDECIDED = 2 ** -16;

/**
 * `count` independent values of round(N(0, sigma^2)), as float64 integers.
 * Box and Muller's transform without rejection: the number of secret bytes depends on `count` alone, and they are asked for in one call.
 * Two 96-bit uniforms a pair; with fewer the radii of the far tail would lie a grid step apart. Where y falls within 2^-16 of a half
 * (or near it beyond what float64 tells) the rounding is decided in double-double arithmetic.
 * Guarantee: the joint law is within total variation `gaussianSamplerError(sigma, count)` of ideal, for a stream of ideal bits.
 * @throws unless 0 < sigma <= 2^40; on a stream that is short or dead.
 */
export async function gaussianIntegers(stream: KeyStream, step: number, tensor: number, count: number, sigma: number): Promise<Float64Array> {
  checkInteger('number of noise values', count, 0, 2 ** 26);
  checkSigma(sigma);
  const pairs = Math.ceil(count / 2);
  const words = wordsOf(await drawBytes(stream, step, tensor, 4 * WORDS_A_PAIR * pairs));
  const noise = new Float64Array(2 * pairs);
  fillPairs(words, sigma, noise);
  words.fill(0);
  return noise.subarray(0, count);
}

/** The bytes as words in the machine's own order: any order of random bytes is as good. Copies, and wipes, bytes that start off a word. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  if (aligned !== bytes) bytes.fill(0);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}

const pairValues = new Float64Array(2);

/** Two integers for every six words. */
function fillPairs(words: Uint32Array, sigma: number, noise: Float64Array): void {
  for (let index = 0, at = 0; index < noise.length; index += 2, at += WORDS_A_PAIR) {
    boxMuller(words, at, sigma, pairValues);
    const along = pairValues[0]!;
    const across = pairValues[1]!;
    let first = Math.floor(along + 0.5);
    let second = Math.floor(across + 0.5);
    const decided = 0.5 - UNDECIDED - 2 * PAIR_RELATIVE_ERROR * (along + across);
    if (Math.abs(along - first) > decided || Math.abs(across - second) > decided) [first, second] = exactPair(words, at, sigma);
    // The three top bits of the angle choose one of the eight mirror images: bit 0 swaps, bits 1 and 2 are the signs.
    const octant = words[at + 3]! >>> 29;
    const swap = octant & 1;
    noise[index + swap] = first * (1 - ((octant >> swap) & 2)) + 0;
    noise[index + 1 - swap] = second * (1 - ((octant >> (1 - swap)) & 2)) + 0;
  }
  pairValues.fill(0);
}

/**
 * Bound on the total variation distance between `count` values of `gaussianIntegers` and the ideal law; (1 + e^epsilon) times it is
 * what delta grows by.
 * Derivation, per pair, R = 11.6 the largest radius in sigma: for a fixed angle the radius crosses at most 2R sigma + 3 grid cells, each an
 * interval of the uniform, whose 2^96 midpoints miss its length by 2^-96 at most: (R sigma + 2) 2^-96. For a fixed radius, each of eight octants
 * the same: 8 (R sigma + 2) 2^-96. Beyond R: 2^-96. Rounding wrong after double-double (relative error below 2^-94 of y): the chance that y lies
 * that close to a half, (24 sigma + 10) 2^-94 a value. Together below (sigma + 1) 2^-88 a value.
 */
export function gaussianSamplerError(sigma: number, count: number): number {
  checkSigma(sigma);
  checkInteger('number of noise values', count);
  return count * (sigma + 1) * 2 ** -88;
}

/**
 * What a sampler within total variation `error` of a law that is (epsilon, delta)-private adds to delta: (1 + e^epsilon) error, 1 at most.
 * P'(S) <= P(S) + error <= e^epsilon Q(S) + delta + error <= e^epsilon Q'(S) + delta + (1 + e^epsilon) error; errors of adaptive releases add up.
 */
export function samplerDelta(epsilon: number, error: number): number {
  if (epsilon !== Infinity) checkNonNegative('epsilon', epsilon);
  checkNonNegative('sampler error', error);
  return error === 0 ? 0 : Math.min(1, (1 + Math.exp(epsilon)) * error);
}

/**
 * Epsilon at `delta`, what a sampler within total variation `error` adds included: the releases as they are made are (epsilon, delta)-private where
 * `epsilonAt`, of the ideal law, is no more than epsilon at delta less `samplerDelta(epsilon, error)`.
 * Guarantee: never below `epsilonAt(delta)`, and above the least such epsilon by no more than that lies above `epsilonAt(delta)`, or little more.
 * Edge cases: `epsilonAt(delta)` for error 0; Infinity where the error alone is as much as delta.
 */
export function epsilonWithError(epsilonAt: (delta: number) => number, delta: number, error: number): number {
  checkPositive('delta', delta);
  let epsilon = epsilonAt(delta);
  for (let attempt = 0; attempt < 50; attempt++) {
    const left = delta - samplerDelta(epsilon, error);
    const needed = left > 0 ? epsilonAt(left) : Infinity;
    if (needed <= epsilon) return epsilon;
    // Twice the step: at a larger epsilon the error weighs more, so just what is needed here would not do there.
    epsilon = needed + (needed - epsilon);
  }
  return Infinity;
}

function checkSigma(sigma: number): void {
  checkPositive('sigma', sigma);
  if (sigma > LARGEST_SIGMA) throw new BedsideError('privacy/sigma', 'settings', `sigma must be 2^40 grid steps at most, found ${sigma}.`, 'Use a coarser grid or more epsilon.', { found: sigma });
}
