/**
 * The Gaussian mechanism, exactly (Balle & Wang 2018, arXiv 1805.06530, theorem 8).
 * mu = sensitivity / standard deviation. T adaptive Gaussian releases are one of mu = sqrt(sum mu_t^2) (Dong, Roth & Su 2019, corollary 3.3).
 */
import { checkNonNegative } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import { scaledErfc, scaledErfcFall } from '../ground/special.ts';

/** mu may be Infinity: a release without noise. */
export function checkMu(mu: number): void {
  if (!(mu >= 0)) throw new BedsideError('privacy/mu', 'settings', `mu must be 0 or more, found ${mu}.`, 'mu is sensitivity over standard deviation.', { found: String(mu) });
}

/** delta above 1 promises nothing more than 1 does; below 0 it means nothing. */
export function checkDelta(delta: number): void {
  if (!(delta >= 0)) throw new BedsideError('privacy/delta', 'settings', `delta must be 0 or more, found ${delta}.`, 'Use 1e-5, or less than one over the number of units.', { found: String(delta) });
}

/** 12-point Gauss-Legendre nodes and weights on [0, 1]. */
const legendre: readonly (readonly [number, number])[] = [
  [0.1252334085114689, 0.2491470458134028], [0.3678314989981802, 0.2334925365383548], [0.5873179542866175, 0.2031674267230659],
  [0.7699026741943047, 0.1600783285433462], [0.9041172563704749, 0.1069393259953184], [0.9815606342467192, 0.0471753363865118],
].flatMap(([x, w]) => [[0.5 - x! / 2, w! / 2], [0.5 + x! / 2, w! / 2]] as const);

/** scaledErfc(low) - scaledErfc(high) for low < high, to full relative precision. */
function scaledErfcDrop(low: number, high: number): number {
  const width = high - low;
  // Close together the difference cancels: integrate the fall instead. It is entire, and like 1/x^2 far out, so over such a
  // stretch the 12-point rule is exact to rounding.
  if (width > Math.max(0.2, 0.4 * low)) return scaledErfc(low) - scaledErfc(high);
  let sum = 0;
  for (const [node, weight] of legendre) sum += weight * scaledErfcFall(low + node * width);
  return sum * width;
}

/** ln of `gaussianDelta`: finite where the number itself underflows. -Infinity for mu = 0. */
export function logGaussianDelta(mu: number, epsilon: number): number {
  checkMu(mu);
  checkNonNegative('epsilon', epsilon);
  if (mu === 0) return -Infinity;
  if (mu === Infinity) return 0;
  // With a = eps/mu - mu/2 and b = a + mu: delta = Q(a) - exp(eps) Q(b), and exp(eps) phi(b) = phi(a), so both terms
  // share the factor exp(-a^2/2)/2 and a difference of scaled complementary error functions is left.
  const low = (epsilon / mu - mu / 2) * Math.SQRT1_2;
  const high = (epsilon / mu + mu / 2) * Math.SQRT1_2;
  if (low === Infinity) return -Infinity;
  if (low < -0.3) return Math.log1p(-Math.exp(-low * low) * 0.5 * (scaledErfc(-low) + scaledErfc(high)));
  return Math.log(0.5 * scaledErfcDrop(low, high)) - low * low;
}

/**
 * The least delta for which the Gaussian mechanism of `mu` is (epsilon, delta)-private.
 * Guarantee: exact to a relative 1e-11 (tested against 40-digit values, the far tail included).
 * Edge cases: 0 for mu = 0, 1 for mu = Infinity.
 */
export function gaussianDelta(mu: number, epsilon: number): number {
  return Math.min(1, Math.exp(logGaussianDelta(mu, epsilon)));
}

/**
 * Bisects a falling or rising `isEnough` over [low, high] in float64 until the ends are neighbours to `1e-15`;
 * returns the end where it holds.
 */
function leastEnough(low: number, high: number, isEnough: (value: number) => boolean): number {
  for (let iteration = 0; iteration < 200; iteration++) {
    const middle = low + (high - low) / 2;
    if (middle === low || middle === high) break;
    if (isEnough(middle)) high = middle;
    else low = middle;
    if (Math.abs(high - low) <= 1e-15 * Math.abs(high)) break;
  }
  return high;
}

/**
 * The least epsilon for which the Gaussian mechanism of `mu` is (epsilon, delta)-private.
 * Edge cases: 0 for mu = 0 and for delta >= 1; Infinity for mu = Infinity, for delta = 0 with mu > 0, and where epsilon is beyond the largest number.
 */
export function gaussianEpsilon(mu: number, delta: number): number {
  checkMu(mu);
  checkDelta(delta);
  if (mu === 0 || delta >= 1) return 0;
  if (mu === Infinity || delta === 0) return Infinity;
  const target = Math.log(delta);
  const isEnough = (epsilon: number) => logGaussianDelta(mu, epsilon) <= target;
  if (isEnough(0)) return 0;
  let high = mu * mu / 2 + mu;
  while (Number.isFinite(high) && !isEnough(high)) high *= 2;
  return Number.isFinite(high) ? leastEnough(0, high, isEnough) : Infinity;
}

/**
 * The largest mu for which the Gaussian mechanism is (epsilon, delta)-private; 1/mu is the least noise multiplier.
 * Edge cases: 0 for delta = 0; Infinity for delta >= 1.
 */
export function gaussianMu(epsilon: number, delta: number): number {
  checkNonNegative('epsilon', epsilon);
  checkDelta(delta);
  if (delta >= 1) return Infinity;
  if (delta === 0) return 0;
  const target = Math.log(delta);
  const isPrivate = (mu: number) => logGaussianDelta(mu, epsilon) <= target;
  let high = 1;
  while (isPrivate(high)) high *= 2;
  let low = high / 2;
  while (!isPrivate(low)) low /= 2;
  return leastEnough(2 * low, low, isPrivate);
}
