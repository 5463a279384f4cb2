/**
 * Privacy loss distributions whose losses lie on a lattice: randomized response, discrete Laplace, the discrete Gaussian in one dimension, and any
 * other after rounding upwards. Composed by convolution of non-negative numbers, so that tails keep their digits.
 */
import { checkInteger, checkNonNegative, checkPositive, checkProbability } from '../ground/check.ts';
import { checkDelta } from './gaussian.ts';

/** Loss `first + step k` has probability `probabilities[k]`, under the data set that is. */
export interface LatticeLoss {
  readonly first: number;
  readonly step: number;
  readonly probabilities: Float64Array;
}

function convolve(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(a.length + b.length - 1);
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  for (let i = 0; i < short.length; i++) {
    const factor = short[i]!;
    if (factor !== 0) for (let j = 0; j < long.length; j++) out[i + j]! += factor * long[j]!;
  }
  return out;
}

/** The loss of `count` independent releases: exact but for float64 rounding. */
export function composeLattice(loss: LatticeLoss, count: number): LatticeLoss {
  checkInteger('number of releases', count);
  let result: Float64Array = Float64Array.of(1);
  let power: Float64Array = loss.probabilities;
  for (let rest = count; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = convolve(result, power);
    if (rest > 1) power = convolve(power, power);
  }
  return { first: count * loss.first, step: loss.step, probabilities: result };
}

/** delta(epsilon) = sum over losses l > epsilon of p (1 - exp(epsilon - l)). */
export function latticeDelta(loss: LatticeLoss, epsilon: number): number {
  checkNonNegative('epsilon', epsilon);
  let delta = 0;
  for (let k = loss.probabilities.length - 1; k >= 0; k--) {
    const above = loss.first + k * loss.step - epsilon;
    if (above <= 0) break;
    delta -= loss.probabilities[k]! * Math.expm1(-above);
  }
  return delta;
}

/** The least epsilon >= 0 with delta(epsilon) <= delta; exact, for between two losses delta is a - b exp(epsilon). */
export function latticeEpsilon(loss: LatticeLoss, delta: number): number {
  checkDelta(delta);
  const { first, step, probabilities } = loss;
  let sum = 0;
  // Sum of p exp(-(l - reference)), the reference moving down with l: neither over- nor underflows.
  let scaled = 0;
  for (let k = probabilities.length - 1; k >= 0; k--) {
    const value = first + k * step;
    sum += probabilities[k]!;
    scaled = scaled * Math.exp(-step) + probabilities[k]!;
    const lower = k === 0 ? -Infinity : value - step;
    if (sum <= delta) continue;
    const epsilon = value + Math.log((sum - delta) / scaled);
    if (epsilon >= lower || lower < 0) return Math.max(0, epsilon);
  }
  return 0;
}

/** Loss of randomized response over `buckets` answers, the truth told with probability 1 - noise + noise / buckets; the neighbour has another truth. */
export function randomizedResponseLoss(buckets: number, noise: number): LatticeLoss {
  checkInteger('number of answers', buckets, 2);
  checkPositive('noise', checkProbability('noise', noise));
  const other = noise / buckets;
  const truth = 1 - noise + other;
  const epsilon = Math.log(truth / other);
  return { first: -epsilon, step: epsilon, probabilities: Float64Array.of(other, (buckets - 2) * other, truth) };
}

/** Loss of discrete Laplace noise on a sum of sensitivity 1: two values alone, epsilon and -epsilon. Any pure epsilon's composition is dominated by it (Kairouz, Oh & Viswanath 2015, arXiv 1311.0776). */
export function pureLoss(epsilon: number): LatticeLoss {
  checkNonNegative('epsilon', epsilon);
  const less = 1 / (1 + Math.exp(epsilon));
  return { first: -epsilon, step: 2 * epsilon, probabilities: Float64Array.of(less, 1 - less) };
}
