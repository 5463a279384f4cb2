/**
 * Composition of discretised privacy losses by the Fourier transform, as an upper bound whose every error is accounted for:
 * - discretisation and the cut of the highest losses are pessimistic by construction (connect-the-dots.ts, loss-pair.ts);
 * - what wraps around the transform's circle is counted where it lands: too much, never too little, save for losses above the window, whose
 *   Chernoff bound is added to delta;
 * - rounding of the transforms, raised to the number of releases, is bounded frequency by frequency and added to delta;
 * - masses' and moments' relative errors scale delta up, losses' rounding shifts epsilon up.
 */
import { checkInteger, checkNonNegative, checkPositive, invariant } from '../../ground/check.ts';
import { fftErrorShare, inverseRealFft, realFft } from '../../ground/fft.ts';
import { withoutTop, type LossPair } from './loss-pair.ts';
import { bestTilt, composedDeviation, composedLogMoment, logMoment, valley, type PairCount, type Target } from './tilt.ts';

export type { PairCount, Target } from './tilt.ts';

/** A composition that answers near its target; far from it, answers are still upper bounds but may be loose (delta 1, epsilon Infinity). */
export interface ComposedLoss {
  readonly grid: number;
  /** Length of the transform; 0 where none was needed. */
  readonly points: number;
  /** What the bounds on rounding and on cut tails add to delta at the target, as a share of it. */
  readonly guardShare: number;
  deltaAt(epsilon: number): number;
  epsilonAt(delta: number): number;
}

/** Share of the tilted mass that may lie outside of the window, at each end. */
const OUTSIDE_WINDOW = 1e-11;
/** Relative error of a mass: the quadrature's 1e-12 beside a few ulp. */
const MASS_ERROR = 2e-12;
/** Rounding of one loss relative to the largest. */
const LOSS_ERROR = 64 * 2 ** -53;
/** ln of a magnitude that is left out: the bound on errors holds it as one, of 1e-304. */
const NOTHING = -700;
/** The highest losses are cut so that this share of delta is lost to them. */
const CUT_SHARE = 1e-8;

interface Window {
  readonly bottom: number;
  readonly top: number;
}

/** Grid points between which all but a sliver of the tilted composition lies (Chernoff at both ends). */
function windowOf(parts: readonly PairCount[], grid: number, theta: number, kappa: number, deviation: number): Window {
  const margin = -Math.log(OUTSIDE_WINDOW);
  const [low, high] = [0.05 / deviation, 50 / deviation];
  const top = valley(low, high, 10, (s) => (composedLogMoment(parts, theta + s) - kappa + margin) / s).value;
  const bottom = -valley(low, high, 10, (s) => (composedLogMoment(parts, theta - s) - kappa + margin) / s).value;
  const support = (end: (pair: LossPair) => number) => parts.reduce((sum, { pair, count }) => sum + count * end(pair), 0);
  return {
    bottom: Math.max(Math.floor(bottom / grid), support(({ first }) => first)),
    top: Math.min(Math.ceil(top / grid), support(({ first, masses }) => first + masses.length - 1)),
  };
}

/** The tilted masses of one release, wrapped around a circle of n points. */
function tiltedCircle({ grid, first, masses }: LossPair, theta: number, n: number): Float64Array<ArrayBuffer> {
  const circle = new Float64Array(n);
  const logTotal = logMoment({ grid, first, masses, infinityMass: 0, reverseInfinityMass: 0 }, theta);
  let index = ((first % n) + n) % n;
  for (let i = 0; i < masses.length; i++) {
    const mass = masses[i]!;
    if (mass > 0) circle[index]! += Math.exp(Math.log(mass) + theta * (first + i) * grid - logTotal);
    if (++index === n) index = 0;
  }
  return circle;
}

/** The tilted composition on a circle of n points, clamped at 0, and a bound on the error of each point. */
function convolve(parts: readonly PairCount[], theta: number, n: number): { readonly masses: Float64Array<ArrayBuffer>; readonly error: number } {
  const half = n / 2;
  const logMagnitude = new Float64Array(half + 1);
  const logLargest = new Float64Array(half + 1);
  const phase = new Float64Array(half + 1);
  // Beside the transform's rounding: logarithm, angle, their multiple and the exponential, each a few ulp of at most pi + |ln|.
  const share = fftErrorShare(n) + 32 * 2 ** -53;
  for (const { pair, count } of parts) {
    const { re, im } = realFft(tiltedCircle(pair, theta, n));
    for (let k = 0; k <= half; k++) {
      // At most 1 in size: no square overflows, and one that underflows is no share of anything.
      const magnitude = Math.sqrt(re[k]! * re[k]! + im[k]! * im[k]!);
      logMagnitude[k]! += count * Math.log(magnitude);
      logLargest[k]! += count * Math.log(magnitude + share);
      if (logMagnitude[k]! > NOTHING) phase[k]! += count * Math.atan2(im[k]!, re[k]!);
    }
  }
  const re = new Float64Array(half + 1);
  const im = new Float64Array(half + 1);
  let error = 0;
  let total = 0;
  for (let k = 0; k <= half; k++) {
    // |prod (F + e)^T - prod F^T| <= prod (|F| + |e|)^T - prod |F|^T, term by term of the expanded powers.
    const multiplicity = k === 0 || k === half ? 1 : 2;
    const largest = Math.exp(logLargest[k]!);
    if (largest > 0) error -= multiplicity * largest * Math.expm1(logMagnitude[k]! - logLargest[k]!);
    if (!(logMagnitude[k]! > NOTHING)) continue;
    const magnitude = Math.exp(logMagnitude[k]!);
    re[k] = magnitude * Math.cos(phase[k]!);
    im[k] = magnitude * Math.sin(phase[k]!);
    total += multiplicity * magnitude;
  }
  const masses = inverseRealFft({ re, im });
  for (let i = 0; i < n; i++) if (!(masses[i]! > 0)) masses[i] = 0;
  return { masses, error: error / n + (fftErrorShare(n) * total) / n };
}

/**
 * Composes `count` releases of every pair, adaptively or not, in whatever order.
 * @returns null where the window would need more than `mostPoints` grid points.
 */
export function composePld(parts: readonly PairCount[], target: Target, mostPoints = 2 ** 22): ComposedLoss | null {
  if ('delta' in target) checkPositive('delta', target.delta);
  else checkNonNegative('epsilon', target.epsilon);
  for (const { count } of parts) checkInteger('number of releases', count);
  const grid = parts[0]?.pair.grid ?? 1;
  invariant(parts.every(({ pair }) => pair.grid === grid), 'composed pairs share a grid');
  const releases = parts.reduce((sum, { count }) => sum + count, 0);
  let used = parts.filter(({ count }) => count > 0);
  const cut = (delta: number) => used.map(({ pair, count }) => ({ pair: withoutTop(pair, (CUT_SHARE * delta) / releases), count }));
  if ('delta' in target) used = cut(target.delta);
  const deviation = composedDeviation(used);
  if (!(deviation > 0)) return withoutSpread(used, grid);
  let tilt = bestTilt(used, target, deviation);
  if ('epsilon' in target) {
    // delta itself is rarely below a thousandth of its bound.
    used = cut(Math.exp(Math.min(0, tilt.bound)) * 1e-3);
    tilt = bestTilt(used, target, deviation);
  }
  const { theta } = tilt;
  const kappa = composedLogMoment(used, theta);
  const window = windowOf(used, grid, theta, kappa, deviation);
  const points = 2 ** Math.max(3, Math.ceil(Math.log2(window.top - window.bottom + 1)));
  if (!(points <= mostPoints)) return null;
  const { masses, error } = convolve(used, theta, points);

  // delta at grid point k is e^(kappa - theta k grid) D_k with D_k = sum over j > k of r^(j-k) (1 - s^(j-k)) tilted_j, r = e^(-theta grid),
  // s = e^-grid; by D_k = r (D_k+1 + (1 - s) V_k+1), V_k = tilted_k + r s V_k+1 nothing cancels.
  const { bottom } = window;
  const top = bottom + points - 1;
  const lowest = Math.max(0, bottom);
  const r = Math.exp(-theta * grid);
  const rest = -Math.expm1(-grid);
  const steep = Math.exp(-(theta + 1) * grid);
  const scale = releases * MASS_ERROR;
  const logAt = (k: number) => kappa + scale - theta * k * grid;
  const spread = (error * r * rest) / (-Math.expm1(-theta * grid) * -Math.expm1(-(theta + 1) * grid));
  const infinity = infinityOf(used);
  const aboveWindow = Math.exp(Math.min(0, logAt(window.top))) * OUTSIDE_WINDOW;
  const lost = infinity + aboveWindow;
  const deltas = new Float64Array(Math.max(1, top - lowest + 1)).fill(Math.min(1, lost));
  let [d, v] = [0, 0];
  for (let k = top - 1, index = (((top % points) + points) % points); k >= lowest; k--, index = index === 0 ? points - 1 : index - 1) {
    v = masses[index]! + steep * v;
    d = r * (d + rest * v);
    // A cumulative maximum keeps delta falling where a bound at its floor does not.
    deltas[k - lowest] = Math.max(deltas[k - lowest + 1]!, Math.min(1, Math.exp(logAt(k)) * (d + spread) + lost));
  }
  const shift = used.reduce((sum, { pair, count }) => sum + count * LOSS_ERROR * grid * Math.max(Math.abs(pair.first), Math.abs(pair.first + pair.masses.length)), 0);
  const answer = answers(deltas, lowest, grid, shift, lost);
  const [epsilon, delta] = 'delta' in target ? [answer.epsilonAt(target.delta), target.delta] : [target.epsilon, answer.deltaAt(target.epsilon)];
  const guard = Math.exp(logAt(epsilon / grid)) * spread + aboveWindow;
  return { ...answer, points, guardShare: delta > 0 && Number.isFinite(epsilon) ? guard / delta : 0 };
}

/** Every release has one finite loss: nothing to compose. */
function withoutSpread(parts: readonly PairCount[], grid: number): ComposedLoss {
  const infinity = infinityOf(parts);
  const loss = Math.max(0, parts.reduce((sum, { pair, count }) => sum + count * grid * (pair.first + pair.masses.findLastIndex((mass) => mass > 0)), 0));
  return {
    grid, points: 0, guardShare: 0,
    deltaAt: (epsilon) => Math.min(1, infinity - Math.expm1(Math.min(0, checkNonNegative('epsilon', epsilon) - loss))),
    epsilonAt: (delta) => (checkNonNegative('delta', delta) >= 1 ? 0 : infinity <= delta ? loss : Infinity),
  };
}

/** P of an infinite loss in any release. */
function infinityOf(parts: readonly PairCount[]): number {
  return -Math.expm1(parts.reduce((sum, { pair, count }) => sum + count * Math.log1p(-Math.min(1, pair.infinityMass)), 0));
}

/** Queries of a table of delta at grid points from `lowest` on. Between two points delta is linear in e^epsilon, for all mass lies on the grid. */
function answers(deltas: Float64Array, lowest: number, grid: number, shift: number, atLeast: number): Pick<ComposedLoss, 'grid' | 'deltaAt' | 'epsilonAt'> {
  return {
    grid,
    deltaAt(epsilon) {
      checkNonNegative('epsilon', epsilon);
      const position = (Math.max(0, epsilon - shift)) / grid - lowest;
      if (position < 0) return 1;
      const cell = Math.floor(position);
      if (cell >= deltas.length - 1) return Math.min(1, Math.max(atLeast, deltas[deltas.length - 1]!));
      const share = Math.expm1((position - cell) * grid) / Math.expm1(grid);
      return deltas[cell]! + share * (deltas[cell + 1]! - deltas[cell]!);
    },
    epsilonAt(delta) {
      checkNonNegative('delta', delta);
      if (delta >= 1) return 0;
      if (!(deltas[deltas.length - 1]! <= delta)) return Infinity;
      // The first point where delta is small enough; deltas fall.
      let [low, high] = [-1, deltas.length - 1];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (deltas[middle]! <= delta) high = middle;
        else low = middle;
      }
      if (high === 0) return lowest === 0 ? 0 : lowest * grid + shift;
      const share = (deltas[high - 1]! - delta) / (deltas[high - 1]! - deltas[high]!);
      return (lowest + high - 1) * grid + Math.log1p(share * Math.expm1(grid)) + shift;
    },
  };
}
