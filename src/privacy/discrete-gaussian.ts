/**
 * The discrete Gaussian: integers y with probability proportional to exp(-y^2 / (2 sigma^2)), sampled exactly
 * (Canonne, Kamath & Steinke 2020, arXiv 2004.00010, algorithms 1 to 3). Every choice compares random words with a rational number
 * in whole-number arithmetic, so that no rounding separates the sampler from its law. The price: rejection, so the time and the number of words
 * used follow the values drawn, and some microseconds a value.
 */
import { checkInteger, checkPositive } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import { checkDelta, checkMu } from './gaussian.ts';
import { drawBytes, type KeyStream } from './key-stream.ts';
import type { LatticeLoss } from './lattice-loss.ts';
import { checkOrders, epsilonOfOrder } from './rdp.ts';

/** Words asked for. A value uses 12 to 24 on average, measured over sigma, with geometric tails; more than twice that, and room where values are few. */
const WORDS_A_VALUE = 64;
const SPARE_WORDS = 4096;
const LARGEST_SIGMA = 2 ** 40;

/** Random words, each handed out once. */
class WordSource {
  readonly #words: Uint32Array;
  #at = 0;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  next(): number {
    if (this.#at >= this.#words.length) {
      throw new BedsideError('privacy/random-words', 'internal', 'The discrete Gaussian used up its random words.', 'Start the run again; no sound source has been seen to; if it happens twice the source of randomness is broken.', { words: this.#words.length });
    }
    return this.#words[this.#at++]!;
  }

  wipe(): void {
    this.#words.fill(0);
  }
}

const WORD = 32n;

/** True with probability numerator / denominator, exactly: a random binary fraction is compared with it word by word. */
function bernoulli(source: WordSource, numerator: bigint, denominator: bigint): boolean {
  if (numerator >= denominator) return true;
  let rest = numerator;
  while (rest > 0n) {
    const shifted = rest << WORD;
    const digit = Number(shifted / denominator);
    const word = source.next();
    if (word !== digit) return word < digit;
    rest = shifted % denominator;
  }
  return false;
}

/** True with probability exp(-numerator / denominator) (algorithm 1). */
function bernoulliExp(source: WordSource, numerator: bigint, denominator: bigint): boolean {
  let rest = numerator;
  while (rest > denominator) {
    if (!bernoulliExp(source, 1n, 1n)) return false;
    rest -= denominator;
  }
  let k = 1n;
  while (bernoulli(source, rest, denominator * k)) k++;
  return (k & 1n) === 1n;
}

/** Uniform in [0, bound): words cut to the bound's length, again while they are too large. */
function uniformBelow(source: WordSource, bound: bigint): bigint {
  if (bound === 1n) return 0n;
  const length = BigInt((bound - 1n).toString(2).length);
  for (;;) {
    let value = 0n;
    for (let drawn = 0n; drawn < length; drawn += WORD) value = (value << WORD) | BigInt(source.next());
    value &= (1n << length) - 1n;
    if (value < bound) return value;
  }
}

/** An integer with probability proportional to exp(-|y| / scale) (algorithm 2). */
function discreteLaplace(source: WordSource, scale: bigint): bigint {
  for (;;) {
    const low = uniformBelow(source, scale);
    if (!bernoulliExp(source, low, scale)) continue;
    let turns = 0n;
    while (bernoulliExp(source, 1n, 1n)) turns++;
    const size = low + scale * turns;
    const isNegative = (source.next() & 1) === 1;
    if (isNegative && size === 0n) continue;
    return isNegative ? -size : size;
  }
}

/** sigma^2 of a float64, as the fraction that it is. */
function exactSquare(sigma: number): { readonly numerator: bigint; readonly denominator: bigint } {
  let whole = sigma;
  let shift = 0n;
  while (!Number.isInteger(whole)) {
    whole *= 2;
    shift++;
  }
  return { numerator: BigInt(whole) ** 2n, denominator: 1n << (2n * shift) };
}

function checkSigma(sigma: number): void {
  checkPositive('sigma', sigma);
  if (sigma > LARGEST_SIGMA || sigma < 2 ** -20) throw new BedsideError('privacy/sigma', 'settings', `sigma must lie between 2^-20 and 2^40 grid steps, found ${sigma}.`, 'Use another grid or another epsilon.', { found: sigma });
}

/**
 * `count` independent values of the discrete Gaussian of parameter `sigma`, as float64 integers; a drop-in for `gaussianIntegers`.
 * Guarantee: the exact law, for ideal random bits. Not constant in time.
 * @throws unless 2^-20 <= sigma <= 2^40; on a stream that is short or dead.
 */
export async function discreteGaussianIntegers(stream: KeyStream, step: number, tensor: number, count: number, sigma: number): Promise<Float64Array> {
  checkInteger('number of noise values', count, 0, 2 ** 22);
  checkSigma(sigma);
  if (count === 0) return new Float64Array(0);
  const bytes = await drawBytes(stream, step, tensor, 4 * (WORDS_A_VALUE * count + SPARE_WORDS));
  const source = new WordSource(new Uint32Array(bytes.slice().buffer));
  bytes.fill(0);
  const { numerator, denominator } = exactSquare(sigma);
  const scale = BigInt(Math.floor(sigma)) + 1n;
  const accepted = 2n * numerator * denominator * scale * scale;
  const noise = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    for (;;) {
      const y = discreteLaplace(source, scale);
      // Keep y with probability exp(-(|y| - sigma^2/t)^2 / (2 sigma^2)) (algorithm 3).
      const distance = (y < 0n ? -y : y) * scale * denominator - numerator;
      if (!bernoulliExp(source, distance * distance, accepted)) continue;
      noise[index] = Number(y);
      break;
    }
  }
  source.wipe();
  return noise;
}

/** Renyi divergence of order alpha of the discrete Gaussian moved by an integer vector of norm mu sigma: at most alpha mu^2 / 2 (theorem 14 there), as for the continuous one. */
export function discreteGaussianRdp(mu: number, order: number): number {
  checkMu(mu);
  checkOrders([order]);
  return (order * mu * mu) / 2;
}

/**
 * Epsilon at `delta` of adaptive discrete Gaussian releases on integer sums, mu^2 = sum of (sensitivity / sigma)^2: concentrated DP of
 * rho = mu^2 / 2 (theorem 14 there), converted at the best order (proposition 12). In many dimensions nothing tighter is known, so epsilon lies
 * above the continuous Gaussian's exact one: 1.09 for 1, 3.25 for 3.
 * Edge cases: 0 for mu = 0 and for delta >= 1; Infinity for mu = Infinity and for delta = 0 otherwise.
 */
export function discreteGaussianEpsilon(mu: number, delta: number): number {
  checkMu(mu);
  checkDelta(delta);
  if (mu === 0 || delta >= 1) return 0;
  if (mu === Infinity || delta === 0) return Infinity;
  const epsilonAt = (logExcess: number) => epsilonOfOrder(discreteGaussianRdp(mu, 1 + Math.exp(logExcess)), 1 + Math.exp(logExcess), delta);
  // Falls, then rises, in ln(order - 1); every order is an upper bound, so a search that stops early errs upwards.
  let low = -20;
  let high = 40;
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let turn = 0; turn < 80; turn++) {
    const left = high - golden * (high - low);
    const right = low + golden * (high - low);
    if (epsilonAt(left) <= epsilonAt(right)) high = right;
    else low = left;
  }
  return Math.max(0, epsilonAt((low + high) / 2));
}

/** Probabilities of -reach..reach, to full float64 precision. */
export function discreteGaussianProbabilities(sigma: number, reach: number): Float64Array {
  checkSigma(sigma);
  checkInteger('reach', reach, 1, 2 ** 24);
  const weightOf = (y: number) => Math.exp(-(y * y) / (2 * sigma * sigma));
  let total = 0;
  // Small terms first; beyond 39 sigma a term is below the smallest float64.
  for (let y = Math.max(reach, Math.ceil(39 * sigma)); y >= 1; y--) total += 2 * weightOf(y);
  total += 1;
  return Float64Array.from({ length: 2 * reach + 1 }, (_, index) => weightOf(index - reach) / total);
}

/** Privacy loss of one release of one number of whole sensitivity: (sensitivity^2 - 2 sensitivity y) / (2 sigma^2) with y from the law. For one dimension alone. */
export function discreteGaussianLoss(sigma: number, sensitivity: number): LatticeLoss {
  checkInteger('sensitivity', sensitivity, 1);
  const reach = Math.ceil(39 * sigma) + sensitivity;
  const step = sensitivity / (sigma * sigma);
  return { first: (sensitivity * step) / 2 - reach * step, step, probabilities: discreteGaussianProbabilities(sigma, reach) };
}
