/**
 * Gaussian noise on the integer grid (Rule G): y = round(N(0, sigma^2)) is added to an integer sum X. As X is an integer,
 * X + round(y) = round(X + y), so the release is post-processing of the continuous Gaussian mechanism and is accounted as such.
 * What separates this sampler from that ideal is bounded by `gaussianSamplerError`, which may be added to delta.
 */
import { checkInteger, checkPositive } from '../ground/check.ts';
import { add, divide, fromNumber, log, log1p, multiply, negate, PI, sineAndCosine, squareRoot, type DoubleDouble } from '../ground/double-double.ts';
import { BedsideError } from '../ground/errors.ts';
import { drawWords, type KeyStream } from './key-stream.ts';

export type { KeyStream } from './key-stream.ts';

/** 96 bits for the radius and 96 for the angle of each pair. */
const WORDS_A_PAIR = 6;
const LARGEST_SIGMA = 2 ** 40;
/** A rounding is decided in float64 where y is further than this from a half. */
const UNDECIDED = 2 ** -16;
/** Relative error of y in float64: a handful of correctly rounded operations and of elementary functions within two ulp, below 2^-49. */
const RELATIVE_ERROR = 2 ** -47;

/**
 * `count` independent values of round(N(0, sigma^2)), as float64 integers.
 * Box and Muller's transform without rejection: the number of secret bytes depends on `count` alone, and they are asked for in one call.
 * Two 96-bit uniforms a pair; with fewer the radii of the far tail would lie a grid step apart. Where y falls within 2^-16 of a half
 * (or within its float64 error, if that is more) the rounding is decided in double-double arithmetic.
 * Guarantee: the joint law is within total variation `gaussianSamplerError(sigma, count)` of ideal, for a stream of ideal bits.
 * @throws unless 0 < sigma <= 2^40; on a stream that is short or dead.
 */
export async function gaussianIntegers(stream: KeyStream, step: number, tensor: number, count: number, sigma: number): Promise<Float64Array> {
  checkInteger('number of noise values', count, 0, 2 ** 26);
  checkSigma(sigma);
  const pairs = Math.ceil(count / 2);
  const words = await drawWords(stream, step, tensor, pairs * WORDS_A_PAIR);
  const noise = new Float64Array(2 * pairs);
  for (let pair = 0; pair < pairs; pair++) {
    const at = pair * WORDS_A_PAIR;
    const radius = sigma * Math.sqrt(-2 * logUniform(words[at]!, words[at + 1]!, words[at + 2]!));
    const octant = words[at + 3]! >>> 29;
    const angle = (Math.PI / 4) * fraction(words[at + 3]! & 0x1fffffff, words[at + 4]!, words[at + 5]!, 2 ** -29);
    const along = radius * Math.cos(angle);
    const across = radius * Math.sin(angle);
    let first = Math.round(along);
    let second = Math.round(across);
    if (isUndecided(along) || isUndecided(across)) [first, second] = exactPair(words, at, sigma);
    // The three top bits of the angle choose one of the eight mirror images.
    const x = octant & 1 ? second : first;
    const y = octant & 1 ? first : second;
    noise[2 * pair] = (octant & 2 ? -x : x) + 0;
    noise[2 * pair + 1] = (octant & 4 ? -y : y) + 0;
  }
  words.fill(0);
  return noise.subarray(0, count);
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

function checkSigma(sigma: number): void {
  checkPositive('sigma', sigma);
  if (sigma > LARGEST_SIGMA) throw new BedsideError('privacy/sigma', 'settings', `sigma must be 2^40 grid steps at most, found ${sigma}.`, 'Use a coarser grid or more epsilon.', { found: sigma });
}

function isUndecided(y: number): boolean {
  const fromHalf = Math.abs(y - Math.floor(y) - 0.5);
  return fromHalf < UNDECIDED || fromHalf < RELATIVE_ERROR * Math.abs(y);
}

/** (w0 w1 w2 + 1/2) as a fraction of its range, where w0 counts in units of `unit`. */
function fraction(w0: number, w1: number, w2: number, unit: number): number {
  return (w0 + (w1 + (w2 + 0.5) * 2 ** -32) * 2 ** -32) * unit;
}

/** ln of the uniform (w + 1/2) / 2^96; from its complement above one half, where ln u is small. */
function logUniform(w0: number, w1: number, w2: number): number {
  if (w0 < 0x80000000) return Math.log(fraction(w0, w1, w2, 2 ** -32));
  return Math.log1p(-fraction(~w0 >>> 0, ~w1 >>> 0, ~w2 >>> 0, 2 ** -32));
}

function exactFraction(w0: number, w1: number, w2: number, unit: number): DoubleDouble {
  const low = add(fromNumber(w1 * 2 ** -32), fromNumber((w2 + 0.5) * 2 ** -64));
  return multiply(add(fromNumber(w0), low), fromNumber(unit));
}

function roundExact(value: DoubleDouble): number {
  const nearest = Math.round(value.high);
  const rest = value.high - nearest + value.low;
  return rest >= 0.5 ? nearest + 1 : rest < -0.5 ? nearest - 1 : nearest;
}

/** The pair again, with about 30 digits. */
function exactPair(words: Uint32Array, at: number, sigma: number): [number, number] {
  const w0 = words[at]!;
  const w1 = words[at + 1]!;
  const w2 = words[at + 2]!;
  const logU = w0 < 0x80000000 ? log(exactFraction(w0, w1, w2, 2 ** -32)) : log1p(negate(exactFraction(~w0 >>> 0, ~w1 >>> 0, ~w2 >>> 0, 2 ** -32)));
  const radius = multiply(squareRoot(multiply(fromNumber(-2), logU)), fromNumber(sigma));
  const turn = exactFraction(words[at + 3]! & 0x1fffffff, words[at + 4]!, words[at + 5]!, 2 ** -29);
  const { sine, cosine } = sineAndCosine(multiply(divide(PI, fromNumber(4)), turn));
  return [roundExact(multiply(radius, cosine)), roundExact(multiply(radius, sine))];
}
