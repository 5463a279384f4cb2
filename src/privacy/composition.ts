/**
 * Epsilon of many releases of different mechanisms, and its inverses: how much noise, how many steps.
 * Full-batch Gaussians alone are composed exactly. With Poisson samples among them, they are joined to one Gaussian and all is composed by RDP;
 * the exact Gaussian that forgets the sampling is a second upper bound, and the lower of the two counts. It makes epsilon rise with the
 * sampling rate up to rate 1: a mixture (1 - q) P + q Q against P is dominated by Q against P (joint convexity of the hockey-stick divergence).
 */
import { checkInteger, checkPositive, checkProbability } from '../ground/check.ts';
import { BedsideError } from '../ground/errors.ts';
import { discreteGaussianEpsilon } from './discrete-gaussian.ts';
import type { Mechanism } from './events.ts';
import { checkDelta, gaussianEpsilon, gaussianMu } from './gaussian.ts';
import { checkOrders, defaultOrders, rdpOfPoissonGaussian, rdpToEpsilon } from './rdp.ts';
import { checkLaw, lawName, repeatAndSelectRdp, type RepeatLaw } from './repeat-and-select.ts';

/** `count` releases of one mechanism. */
export interface Charge {
  readonly mechanism: Mechanism;
  readonly count: number;
}

export interface ComposedEpsilon {
  readonly epsilon: number;
  readonly accountant: 'exact-gaussian' | 'rdp' | 'zcdp';
  /** mu of the equivalent (or, beside Poisson samples, dominating) Gaussian mechanism; null under RDP and zCDP. */
  readonly mu: number | null;
  readonly order: number | null;
  readonly isOrderAtEdge: boolean;
}

function unknownMechanism(): BedsideError {
  return new BedsideError('privacy/mechanism', 'settings', 'A mechanism of an unknown kind has no known cost.', 'Use a newer version of Bedside for a file that was made with one.');
}

/** Refuses a mechanism that means nothing, and one whose noise is no number: it may come from a file. Noise 0 is allowed: its epsilon is Infinity. */
export function checkMechanism(mechanism: Mechanism): void {
  if (typeof mechanism !== 'object' || mechanism === null) throw unknownMechanism();
  if (typeof mechanism.noiseMultiplier !== 'number' || !(mechanism.noiseMultiplier >= 0)) {
    throw new BedsideError('privacy/noise-multiplier', 'settings', `The noise multiplier must be 0 or more, found ${mechanism.noiseMultiplier}.`, 'It is the noise\'s standard deviation over the clip norm.', { found: String(mechanism.noiseMultiplier) });
  }
  switch (mechanism.kind) {
    case 'gaussian':
    case 'discrete-gaussian':
      return;
    case 'poisson-gaussian':
      checkProbability('sampling rate', mechanism.samplingRate);
      return;
    case 'repeat-and-select':
      checkLaw(mechanism.law);
      return;
    default:
      throw unknownMechanism();
  }
}

/** What all that matters of a list of charges comes to; in an order of its own, so that sums do not depend on the list's. */
export interface Tally {
  /** Sum of count / sigma^2 over full-batch releases. */
  readonly muSquared: number;
  readonly samples: readonly { readonly samplingRate: number; readonly noiseMultiplier: number; readonly count: number }[];
  /** The same sum over discrete Gaussians: concentrated DP of half of it. */
  readonly concentratedMuSquared: number;
  readonly searches: readonly { readonly noiseMultiplier: number; readonly law: RepeatLaw; readonly count: number }[];
}

/** Whether some of it is known by its Renyi divergences alone: then no privacy loss distribution speaks for all. */
export function isOfRenyiAlone({ concentratedMuSquared, searches }: Tally): boolean {
  return concentratedMuSquared > 0 || searches.length > 0;
}

const sumOfSquares = (counts: ReadonlyMap<number, number>): number => [...counts].sort(([a], [b]) => a - b).reduce((sum, [noiseMultiplier, count]) => sum + count / (noiseMultiplier * noiseMultiplier), 0);

/** Joins releases of one mechanism; refuses what means nothing. */
export function tallyOf(charges: readonly Charge[]): Tally {
  const gaussians = new Map<number, number>();
  const discrete = new Map<number, number>();
  const samples = new Map<string, { samplingRate: number; noiseMultiplier: number; count: number }>();
  const searches = new Map<string, { noiseMultiplier: number; law: RepeatLaw; count: number }>();
  for (const { mechanism, count } of charges) {
    checkMechanism(mechanism);
    checkInteger('number of releases', count);
    const { noiseMultiplier } = mechanism;
    if (mechanism.kind === 'discrete-gaussian') {
      if (count > 0) discrete.set(noiseMultiplier, (discrete.get(noiseMultiplier) ?? 0) + count);
      continue;
    }
    if (mechanism.kind === 'repeat-and-select') {
      const name = `${noiseMultiplier}/${lawName(mechanism.law)}`;
      const known = searches.get(name);
      if (known) known.count += count;
      else if (count > 0 && noiseMultiplier < Infinity) searches.set(name, { noiseMultiplier, law: mechanism.law, count });
      continue;
    }
    const samplingRate = mechanism.kind === 'gaussian' ? 1 : mechanism.samplingRate;
    if (count === 0 || samplingRate === 0) continue;
    if (samplingRate === 1) {
      gaussians.set(noiseMultiplier, (gaussians.get(noiseMultiplier) ?? 0) + count);
      continue;
    }
    const name = `${noiseMultiplier}/${samplingRate}`;
    const known = samples.get(name);
    if (known) known.count += count;
    else samples.set(name, { samplingRate, noiseMultiplier, count });
  }
  return {
    muSquared: sumOfSquares(gaussians),
    samples: [...samples.values()].sort((a, b) => a.noiseMultiplier - b.noiseMultiplier || a.samplingRate - b.samplingRate),
    concentratedMuSquared: sumOfSquares(discrete),
    searches: [...searches.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, search]) => search),
  };
}

/** The curves used last: a run asks for its own at every step, and for those of every other data set of its ledger. A few megabytes at most. */
const curves = new Map<string, readonly number[]>();
const LARGEST_CURVE_COUNT = 2048;

/** RDP of one run of a search: one Gaussian. Infinite without noise, and so is the search's. */
function searchCurve(noiseMultiplier: number, law: RepeatLaw, orders: readonly number[]): readonly number[] {
  if (noiseMultiplier === 0) return orders.map(() => Infinity);
  return repeatAndSelectRdp(orders, orders.map((order) => order / (2 * noiseMultiplier * noiseMultiplier)), law);
}

function curveOf(name: string, orders: readonly number[], work: () => readonly number[]): readonly number[] {
  if (orders !== defaultOrders) return work();
  const known = curves.get(name);
  if (known) {
    curves.delete(name);
    curves.set(name, known);
    return known;
  }
  const curve = work();
  const oldest = curves.keys().next();
  if (curves.size >= LARGEST_CURVE_COUNT && !oldest.done) curves.delete(oldest.value);
  curves.set(name, curve);
  return curve;
}

function rdpOfTally({ muSquared, samples, concentratedMuSquared, searches }: Tally, orders: readonly number[]): number[] {
  const total = orders.map((order) => ((muSquared + concentratedMuSquared) * order) / 2);
  const add = (curve: readonly number[], count: number) => curve.forEach((value, index) => (total[index]! += count * value));
  for (const { samplingRate, noiseMultiplier, count } of samples) add(curveOf(`${noiseMultiplier}/${samplingRate}`, orders, () => orders.map((order) => rdpOfPoissonGaussian(samplingRate, noiseMultiplier, order))), count);
  for (const { noiseMultiplier, law, count } of searches) add(curveOf(`search/${noiseMultiplier}/${lawName(law)}`, orders, () => searchCurve(noiseMultiplier, law, orders)), count);
  return total;
}

/** RDP at each order of all charges together, adaptively composed. */
export function rdpOfCharges(charges: readonly Charge[], orders: readonly number[] = defaultOrders): readonly number[] {
  checkOrders(orders);
  return rdpOfTally(tallyOf(charges), orders);
}

/**
 * Epsilon at `delta` of all charges together, adaptively composed. Discrete Gaussians with nothing but full-batch releases beside them are composed by
 * concentrated DP, searches and everything beside them by RDP.
 * Guarantee: an upper bound; exact where all releases are full-batch Gaussians. Does not depend on the order of the charges, nor on how counts are split.
 * Edge cases: 0 for nothing released and for delta >= 1; Infinity for delta = 0 otherwise, and for a release without noise.
 */
export function composedEpsilon(charges: readonly Charge[], delta: number, orders: readonly number[] = defaultOrders): ComposedEpsilon {
  checkDelta(delta);
  const tally = tallyOf(charges);
  const { muSquared, samples, concentratedMuSquared, searches } = tally;
  if (isOfRenyiAlone(tally)) {
    if (samples.length > 0 || searches.length > 0) return { ...rdpToEpsilon(orders, rdpOfTally(tally, orders), delta), accountant: 'rdp', mu: null };
    const mu = Math.sqrt(muSquared + concentratedMuSquared);
    return { epsilon: discreteGaussianEpsilon(mu, delta), accountant: 'zcdp', mu: null, order: null, isOrderAtEdge: false };
  }
  const unsampled = samples.reduce((sum, { noiseMultiplier, count }) => sum + count / (noiseMultiplier * noiseMultiplier), muSquared);
  const mu = Math.sqrt(unsampled);
  const exact: ComposedEpsilon = { epsilon: gaussianEpsilon(mu, delta), accountant: 'exact-gaussian', mu, order: null, isOrderAtEdge: false };
  if (samples.length === 0) return exact;
  const rdp = rdpToEpsilon(orders, rdpOfTally(tally, orders), delta);
  return rdp.epsilon <= exact.epsilon ? { ...rdp, accountant: 'rdp', mu: null } : exact;
}

interface Target {
  readonly epsilon: number;
  readonly delta: number;
  /** 1 for full batch. */
  readonly samplingRate: number;
  readonly orders?: readonly number[];
}

function checkTarget(target: Target): void {
  checkPositive('epsilon', target.epsilon);
  checkPositive('sampling rate', checkProbability('sampling rate', target.samplingRate));
  checkDelta(target.delta);
  if (target.delta === 0 || target.delta >= 1) throw new BedsideError('privacy/delta', 'settings', `delta must lie between 0 and 1, found ${target.delta}.`, 'Use 1e-5, or less than one over the number of units.', { found: target.delta });
}

function mechanismOf(samplingRate: number, noiseMultiplier: number): Mechanism {
  return samplingRate === 1 ? { kind: 'gaussian', noiseMultiplier } : { kind: 'poisson-gaussian', noiseMultiplier, samplingRate };
}

/**
 * The least noise multiplier for which `steps` releases stay within (epsilon, delta), to a relative 1e-10 and never below it.
 * @throws unless epsilon > 0, 0 < delta < 1, 0 < samplingRate <= 1 and steps >= 1.
 */
export function calibrateNoiseMultiplier(target: Target & { readonly steps: number }): number {
  const { epsilon, delta, samplingRate, steps, orders = defaultOrders } = target;
  checkTarget(target);
  checkInteger('steps', steps, 1);
  const composedAt = (noiseMultiplier: number, tried: readonly number[]) => composedEpsilon([{ mechanism: mechanismOf(samplingRate, noiseMultiplier), count: steps }], delta, tried);
  // Without sampling this much is needed; with it, this much is always enough. Rounding may leave it an ulp short.
  let high = Math.sqrt(steps) / gaussianMu(epsilon, delta);
  while (composedAt(high, orders).epsilon > epsilon) high *= 1 + 1e-14;
  if (samplingRate === 1) return high;
  let highest = composedAt(high, orders);
  let low = high / 2;
  let lowest = composedAt(low, orders);
  while (lowest.epsilon <= epsilon) {
    [high, highest] = [low, lowest];
    low /= 2;
    lowest = composedAt(low, orders);
  }
  // The best order rises with the noise, so between the ends it lies between theirs. Fewer orders can only overstate epsilon.
  // The least one stays: it bounds the total variation best, where delta alone may pay for the release.
  const ends = [lowest.order ?? 1, highest.order ?? Infinity];
  const between = orders.filter((order) => order === Math.min(...orders) || (order >= Math.min(...ends) * 0.9 && order <= Math.max(...ends) * 1.1));
  return leastNoise(low, high, epsilon, (noiseMultiplier) => composedAt(noiseMultiplier, between).epsilon);
}

/**
 * The crossing of a falling curve with `target`, from the side where it is not above: regula falsi in logarithms, where the curve is nearly
 * straight; a bisection follows whenever a step shortens the bracket by less than half.
 */
export function leastNoise(low: number, high: number, target: number, epsilonAt: (noiseMultiplier: number) => number, tolerance = 1e-10): number {
  // An epsilon of Infinity or 0 has no logarithm; a large finite stand-in only makes the first guess worse.
  const logOf = (epsilon: number) => Math.log(Math.min(1e9, Math.max(1e-9, epsilon)));
  const goal = logOf(target);
  let logLow = logOf(epsilonAt(low));
  let logHigh = logOf(epsilonAt(high));
  let isBisection = false;
  for (let evaluations = 0; high / low - 1 > tolerance && evaluations < 200; evaluations++) {
    const width = Math.log(high / low);
    const straight = logLow > logHigh ? (logLow - goal) / (logLow - logHigh) : 0.5;
    // A nudge beyond the estimated crossing makes both ends close in.
    const nudge = Math.min(0.01, (0.2 * tolerance) / width) * (straight < 0.5 ? 1 : -1);
    const share = isBisection ? 0.5 : Math.min(0.999, Math.max(0.001, straight + nudge));
    const middle = low * Math.exp(width * share);
    if (middle <= low || middle >= high) break;
    const epsilon = epsilonAt(middle);
    if (epsilon <= target) [high, logHigh] = [middle, logOf(epsilon)];
    else [low, logLow] = [middle, logOf(epsilon)];
    isBisection = Math.log(high / low) > width / 2;
  }
  return high;
}

/** More steps than any run takes. */
const LARGEST_STEPS = 2 ** 40;

/**
 * The largest number of releases within (epsilon, delta): 0 where not even one fits, 2^40 where there is no end in sight.
 * @throws unless epsilon > 0, 0 < delta < 1, 0 < samplingRate <= 1 and noiseMultiplier > 0.
 */
export function stepsWithinBudget(target: Target & { readonly noiseMultiplier: number }): number {
  const { epsilon, delta, samplingRate, noiseMultiplier, orders = defaultOrders } = target;
  checkTarget(target);
  checkPositive('noise multiplier', noiseMultiplier);
  const mechanism = mechanismOf(samplingRate, noiseMultiplier);
  const fits = (count: number) => composedEpsilon([{ mechanism, count }], delta, orders).epsilon <= epsilon;
  let high = 1;
  while (fits(high)) {
    if (high >= LARGEST_STEPS) return LARGEST_STEPS;
    high *= 2;
  }
  let low = high === 1 ? 0 : high / 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
