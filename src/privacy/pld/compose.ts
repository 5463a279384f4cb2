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

/** Share of the tilted mass that may lie outside of the window, at each end: beside delta about a hundred times as much, for Chernoff's bound is so loose. */
const OUTSIDE_WINDOW = 1e-9;
/** Relative error of a mass: the quadrature's 1e-12 beside a few ulp. */
const MASS_ERROR = 2e-12;
/** Rounding of one loss relative to the largest. */
const LOSS_ERROR = 64 * 2 ** -53;
/** ln of a magnitude that is left out, 1e-304, and counted as an error. */
const NOTHING = -700;
/** The highest losses are cut so that this share of delta is lost to them. */
const CUT_SHARE = 1e-8;

interface Span {
  readonly bottom: number;
  readonly top: number;
  /** The largest sum that any releases can have. */
  readonly highest: number;
}

/** Grid points between which all but a sliver of the tilted composition lies (Chernoff at both ends). */
function spanOf(parts: readonly PairCount[], grid: number, theta: number, kappa: number, deviation: number): Span {
  const margin = -Math.log(OUTSIDE_WINDOW);
  const [low, high] = [0.05 / deviation, 50 / deviation];
  const top = valley(low, high, 7, (s) => (composedLogMoment(parts, theta + s) - kappa + margin) / s).value;
  const bottom = -valley(low, high, 7, (s) => (composedLogMoment(parts, theta - s) - kappa + margin) / s).value;
  const support = (end: (pair: LossPair) => number) => parts.reduce((sum, { pair, count }) => sum + count * end(pair), 0);
  const highest = support(({ first, masses }) => first + masses.length - 1);
  return { bottom: Math.max(Math.floor(bottom / grid), support(({ first }) => first)), top: Math.min(Math.ceil(top / grid), highest), highest };
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
      const logOne = Math.log(magnitude);
      logMagnitude[k]! += count * logOne;
      // ln(m + s) <= ln m + s/m, and hardly less where s is small.
      logLargest[k]! += count * (magnitude > 1e4 * share ? logOne + share / magnitude : Math.log(magnitude + share));
      if (logMagnitude[k]! > NOTHING) phase[k]! += count * Math.atan2(im[k]!, re[k]!);
    }
  }
  const re = new Float64Array(half + 1);
  const im = new Float64Array(half + 1);
  let error = n * Math.exp(NOTHING);
  let total = 0;
  for (let k = 0; k <= half; k++) {
    if (!(logLargest[k]! > NOTHING)) continue;
    // |prod (F + e)^T - prod F^T| <= prod (|F| + |e|)^T - prod |F|^T, term by term of the expanded powers.
    const multiplicity = k === 0 || k === half ? 1 : 2;
    error -= multiplicity * Math.exp(logLargest[k]!) * Math.expm1(logMagnitude[k]! - logLargest[k]!);
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
  const span = spanOf(used, grid, theta, kappa, deviation);
  const points = 2 ** Math.max(3, Math.ceil(Math.log2(span.top - span.bottom + 1)));
  if (!(points <= mostPoints)) return null;
  const { masses, error } = convolve(used, theta, points);

  // delta at grid point k is e^(kappa - theta k grid) D_k with D_k = sum over j > k of r^(j-k) (1 - s^(j-k)) tilted_j, r = e^(-theta grid),
  // s = e^-grid; by D_k = r (D_k+1 + (1 - s) V_k+1), V_k = tilted_k + r s V_k+1 nothing cancels.
  const { bottom, highest } = span;
  const top = bottom + points - 1;
  const lowest = Math.max(0, bottom);
  const r = Math.exp(-theta * grid);
  const rest = -Math.expm1(-grid);
  const steep = Math.exp(-(theta + 1) * grid);
  const scale = releases * MASS_ERROR;
  /** ln of what one unit of the tilted sum at grid point k is worth in delta. */
  const logAt = (k: number) => kappa + scale - theta * k * grid;
  const spread = (error * r * rest) / (-Math.expm1(-theta * grid) * -Math.expm1(-(theta + 1) * grid));
  const infinity = infinityOf(used);
  const aboveWindow = span.top < highest ? Math.exp(Math.min(0, logAt(span.top))) * OUTSIDE_WINDOW : 0;
  const lost = infinity + aboveWindow;
  const sums = new Float64Array(Math.max(1, top - lowest + 1));
  let [d, v] = [0, 0];
  for (let k = top - 1, index = ((top % points) + points) % points; k >= lowest; k--, index = index === 0 ? points - 1 : index - 1) {
    v = masses[index]! + steep * v;
    d = r * (d + rest * v);
    sums[k - lowest] = d;
  }
  const guardAt = (k: number) => Math.exp(logAt(k)) * spread + aboveWindow;
  const deltaAt = (k: number) => Math.min(1, Math.exp(logAt(k)) * (sums[k - lowest]! + spread) + lost);
  const shift = used.reduce((sum, { pair, count }) => sum + count * LOSS_ERROR * grid * Math.max(Math.abs(pair.first), Math.abs(pair.first + pair.masses.length)), 0);
  const boundAt = (k: number) => infinity + Math.exp(logAt(k));
  const answer = answers({ grid, lowest, top: Math.max(lowest, top), shift, deltaAt, boundAt });
  const [epsilon, delta] = 'delta' in target ? [answer.epsilonAt(target.delta), target.delta] : [target.epsilon, answer.deltaAt(target.epsilon)];
  return { ...answer, points, guardShare: delta > 0 && Number.isFinite(epsilon) ? guardAt(epsilon / grid) / delta : 0 };
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

/** Bounds of delta at grid points from `lowest` to `top`, falling; losses are known to `shift`. */
interface DeltaTable {
  readonly grid: number;
  readonly lowest: number;
  readonly top: number;
  readonly shift: number;
  deltaAt(k: number): number;
  /** Chernoff's bound of delta, at any point. */
  boundAt(k: number): number;
}

/** Queries of a table. Between two points delta is linear in e^epsilon, for all mass lies on the grid. */
function answers({ grid, lowest, top, shift, deltaAt, boundAt }: DeltaTable): Pick<ComposedLoss, 'grid' | 'deltaAt' | 'epsilonAt'> {
  return {
    grid,
    deltaAt(epsilon) {
      const position = Math.max(0, checkNonNegative('epsilon', epsilon) - shift) / grid;
      if (position < lowest) return 1;
      const cell = Math.floor(position);
      if (cell >= top) return Math.min(deltaAt(top), boundAt(position));
      const share = Math.expm1((position - cell) * grid) / Math.expm1(grid);
      return deltaAt(cell) + share * (deltaAt(cell + 1) - deltaAt(cell));
    },
    epsilonAt(delta) {
      if (checkNonNegative('delta', delta) >= 1) return 0;
      if (!(deltaAt(top) <= delta)) return Infinity;
      // The first point where delta is small enough.
      let [low, high] = [lowest - 1, top];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (deltaAt(middle) <= delta) high = middle;
        else low = middle;
      }
      if (high === lowest) return lowest === 0 ? 0 : lowest * grid + shift;
      const share = (deltaAt(high - 1) - delta) / (deltaAt(high - 1) - deltaAt(high));
      return (high - 1) * grid + Math.log1p(share * Math.expm1(grid)) + shift;
    },
  };
}
