/**
 * The tight accountant: epsilon and delta of all charges by their privacy loss distributions. Upper bounds, as RDP's are, but nearer to the truth.
 * Full-batch Gaussians are composed exactly, as one Gaussian (corollary 3.3 of Dong, Roth & Su 2019), before anything is put on a grid.
 */
import { checkNonNegative, checkPositive } from '../../ground/check.ts';
import { composedEpsilon, isOfRenyiAlone, rdpOfCharges, tallyOf, type Charge, type Tally } from '../composition.ts';
import type { GaussianMechanism } from '../events.ts';
import { forSeveralUnits } from '../exposure.ts';
import { checkDelta, gaussianDelta, gaussianEpsilon } from '../gaussian.ts';
import { checkAdjacency, type Adjacency } from './adjacency.ts';
import { composePld, type ComposedLoss, type PairCount, type Target } from './compose.ts';
import { discretiseAtoms, discretiseLine } from './connect-the-dots.ts';
import { gaussianLine, poissonGaussianLine, replaceOneLine } from './gaussian-lines.ts';
import { reversed, type LossPair } from './loss-pair.ts';
import { defaultOrders } from '../rdp.ts';
import { deltaOfRdp } from '../repeat-and-select.ts';

/** Beyond this epsilon nothing meaningful is promised, and RDP's bound is as good an answer. */
const LARGEST_EPSILON = 400;
/** Less noise than this is counted as none: mu = 40 has losses beyond 800. */
const LARGEST_MU = 40;
/** Points of a pair, and of a composition: grids are doubled until both fit. 8 MiB an array. */
const MOST_POINTS = 2 ** 20;

/** Of noise without measure the deviation is 0 in doubles; a grid that is too fine is coarsened to what fits. */
const FINEST_GRID = 1e-12;

/**
 * Distance of grid points for one mechanism: min(1e-4, 0.03 deviations of its loss). The spread to grid points inflates the variance of a loss by at
 * most h^2/6, so epsilon by about h^2 / 12 Var, here 1e-4 of itself.
 */
export function gridOf(mechanism: GaussianMechanism, adjacency: Adjacency = 'zero-out'): number {
  const mu = 1 / checkPositive('noise multiplier', mechanism.noiseMultiplier);
  const samplingRate = mechanism.kind === 'gaussian' ? 1 : checkPositive('sampling rate', mechanism.samplingRate);
  const deviation = adjacency === 'replace-one' ? 2 * samplingRate * Math.sqrt(Math.sinh(mu * mu)) : samplingRate * Math.sqrt(Math.expm1(mu * mu));
  return Math.max(FINEST_GRID, Math.min(1e-4, 0.03 * deviation));
}

interface PldOptions {
  readonly adjacency?: Adjacency;
  /** Distance of grid points; a coarser one is quicker, and still gives upper bounds. */
  readonly grid?: number;
}

/** One release of a mechanism as a pair (with the unit, without) on the grid. The reversed pair is the other direction. */
export function pldOf(mechanism: GaussianMechanism, options: PldOptions = {}): LossPair {
  const { adjacency = 'zero-out', grid = gridOf(mechanism, adjacency) } = options;
  checkAdjacency(adjacency);
  const mu = 1 / checkPositive('noise multiplier', mechanism.noiseMultiplier);
  const samplingRate = mechanism.kind === 'gaussian' ? 1 : mechanism.samplingRate;
  const isReplaceOne = adjacency === 'replace-one';
  if (samplingRate === 1) return discretiseLine(gaussianLine(isReplaceOne ? 2 * mu : mu), grid);
  if (samplingRate === 0) return discretiseAtoms([{ loss: 0, mass: 1 }], grid);
  if (mu > LARGEST_MU) return withoutNoise(samplingRate, grid, isReplaceOne);
  return discretiseLine(isReplaceOne ? replaceOneLine(samplingRate, mu) : poissonGaussianLine(samplingRate, mu), grid);
}

/** A sampled unit is seen, any other is not: what every amount of noise is dominated by. */
function withoutNoise(samplingRate: number, grid: number, isReplaceOne: boolean): LossPair {
  const mass = 1 - samplingRate;
  return isReplaceOne ? discretiseAtoms([{ loss: 0, mass }], grid, samplingRate, samplingRate) : discretiseAtoms([{ loss: Math.log1p(-samplingRate), mass }], grid, samplingRate);
}

/** The last few pairs in both directions: calibration and checkpoints ask for the same ones again. */
const pairs = new Map<string, Both>();
const KEPT_PAIRS = 6;

interface Both {
  readonly remove: LossPair;
  readonly add: LossPair;
}

function bothOf(mechanism: GaussianMechanism, adjacency: Adjacency, grid: number): Both {
  const name = JSON.stringify([mechanism.noiseMultiplier, mechanism.kind === 'gaussian' ? 1 : mechanism.samplingRate, adjacency === 'replace-one', grid]);
  const known = pairs.get(name);
  if (known) return known;
  const remove = pldOf(mechanism, { adjacency, grid });
  const both = { remove, add: reversed(remove) };
  const oldest = pairs.keys().next();
  if (pairs.size >= KEPT_PAIRS && !oldest.done) pairs.delete(oldest.value);
  pairs.set(name, both);
  return both;
}

/** Both directions of a composition, on one grid. */
export interface ComposedPld {
  readonly grid: number;
  readonly remove: ComposedLoss;
  readonly add: ComposedLoss;
}

type Releases = readonly { readonly mechanism: GaussianMechanism; readonly count: number }[];

/** Full-batch Gaussians joined to one, and the samples. */
function releasesOf({ muSquared, samples }: Tally): Releases {
  const sampled = samples.map(({ samplingRate, noiseMultiplier, count }) => ({ mechanism: { kind: 'poisson-gaussian', samplingRate, noiseMultiplier } as const, count }));
  return muSquared > 0 ? [{ mechanism: { kind: 'gaussian', noiseMultiplier: 1 / Math.sqrt(muSquared) }, count: 1 }, ...sampled] : sampled;
}

/** Losses of one release from lowest to highest, roughly: the cells its pair needs. */
function rangeOf({ mechanism: { noiseMultiplier } }: Releases[number]): number {
  const mu = Math.min(LARGEST_MU, 1 / noiseMultiplier);
  return mu * mu + 24 * mu;
}

/**
 * Composes all charges near a target. Grid: the finest that any mechanism asks for, doubled until every array fits.
 * @throws unless every noise multiplier is above 0.
 */
export function composeCharges(charges: readonly Charge[], target: Target, options: PldOptions = {}): ComposedPld {
  const { adjacency = 'zero-out' } = options;
  checkAdjacency(adjacency);
  const releases = releasesOf(tallyOf(charges));
  let grid = options.grid ?? Math.min(1e-4, ...releases.map(({ mechanism }) => gridOf(mechanism, adjacency)));
  checkPositive('grid', grid);
  const isFixed = options.grid !== undefined;
  // A pair's true range is far shorter where the rate is small: asking for the whole of it would coarsen the finest grids without need.
  while (!isFixed && releases.some((release) => sampledRange(release) / grid > MOST_POINTS)) grid *= 2;
  for (;; grid *= 2) {
    const at = grid;
    const both = releases.map(({ mechanism, count }) => ({ both: bothOf(mechanism, adjacency, at), count }));
    const mostPoints = isFixed ? Infinity : MOST_POINTS;
    const remove = composePld(both.map(({ both: { remove: pair }, count }): PairCount => ({ pair, count })), target, mostPoints);
    if (remove === null) continue;
    if (adjacency === 'replace-one') return { grid, remove, add: remove };
    const add = composePld(both.map(({ both: { add: pair }, count }): PairCount => ({ pair, count })), target, mostPoints);
    if (add !== null) return { grid, remove, add };
  }
}

/** A bound of the range from the highest loss alone: ln(1 + q e^y) at y = mu (mu + 12) - mu^2/2, and ln 1/(1 - q) below. */
function sampledRange(release: Releases[number]): number {
  const { mechanism } = release;
  const range = rangeOf(release);
  if (mechanism.kind === 'gaussian') return range;
  const rate = mechanism.samplingRate;
  const highest = Math.log1p(rate * Math.exp(Math.min(700, range / 2)));
  return Math.min(range, 2 * highest - Math.log1p(-rate));
}

type ClosedAccountant = 'rdp' | 'exact-gaussian' | 'zcdp';

export interface PldEpsilon {
  readonly epsilon: number;
  readonly accountant: 'pld' | ClosedAccountant;
  /** Both directions of the loss; null where another accountant answered. */
  readonly remove: number | null;
  readonly add: number | null;
  /** Distance of the losses' grid points; null where none was used. */
  readonly grid: number | null;
  /** Share of delta that bounds on rounding and cut tails take up. */
  readonly guardShare: number;
}

function without(accountant: ClosedAccountant, epsilon: number): PldEpsilon {
  return { epsilon, accountant, remove: null, add: null, grid: null, guardShare: 0 };
}

/** The same releases with a unit in another's place: twice the sensitivity, samples taken for releases of all units. */
function doubledWithoutSampling(charges: readonly Charge[]): readonly Charge[] {
  return charges.map(({ mechanism, count }) => ({ mechanism: forSeveralUnits(mechanism.kind === 'poisson-gaussian' ? { kind: 'gaussian', noiseMultiplier: mechanism.noiseMultiplier } : mechanism, 2), count }));
}

/** What is known without a grid. */
function closedBound(charges: readonly Charge[], delta: number, adjacency: Adjacency): { readonly epsilon: number; readonly accountant: ClosedAccountant } {
  if (adjacency !== 'replace-one') return composedEpsilon(charges, delta);
  if (isOfRenyiAlone(tallyOf(charges))) return composedEpsilon(doubledWithoutSampling(charges), delta);
  return { epsilon: gaussianEpsilon(2 * unsampledMu(tallyOf(charges)), delta), accountant: 'exact-gaussian' };
}

/** That a unit is in any sample at all: a bound of the total variation, whatever the noise and the neighbour. 1 beside full-batch releases. */
function chanceToBeDrawn({ muSquared, samples }: Tally): number {
  return muSquared > 0 ? 1 : -Math.expm1(samples.reduce((sum, { samplingRate, count }) => sum + count * Math.log1p(-samplingRate), 0));
}

function unsampledMu({ muSquared, samples }: Tally): number {
  return Math.sqrt(samples.reduce((sum, { noiseMultiplier, count }) => sum + count / (noiseMultiplier * noiseMultiplier), muSquared));
}

/**
 * Epsilon at `delta` of all charges together, adaptively composed.
 * Guarantee: an upper bound, rounding included; exact where all releases are full-batch Gaussians; where discrete Gaussians or searches are among them, what
 * concentrated DP or RDP says of all; never above RDP's answer (the lower of the two is given).
 * Edge cases: 0 for nothing released and for delta >= 1; Infinity for delta = 0 otherwise, and for a release without noise.
 */
export function pldEpsilon(charges: readonly Charge[], delta: number, options: PldOptions = {}): PldEpsilon {
  const { adjacency = 'zero-out' } = options;
  checkAdjacency(adjacency);
  checkDelta(delta);
  const tally = tallyOf(charges);
  const { samples } = tally;
  const bound = closedBound(charges, delta, adjacency);
  if (samples.length === 0 || isOfRenyiAlone(tally) || delta === 0 || bound.epsilon === 0 || !Number.isFinite(bound.epsilon)) return without(bound.accountant, bound.epsilon);
  if (chanceToBeDrawn(tally) <= delta) return without(bound.accountant, 0);
  if (adjacency !== 'replace-one' && bound.epsilon > LARGEST_EPSILON) return without(bound.accountant, bound.epsilon);
  const composed = composeCharges(charges, { delta }, options);
  const [remove, add] = [composed.remove.epsilonAt(delta), composed.add.epsilonAt(delta)];
  const epsilon = Math.max(remove, add);
  if (!(epsilon <= bound.epsilon)) return without(bound.accountant, bound.epsilon);
  return { epsilon, accountant: 'pld', remove, add, grid: composed.grid, guardShare: Math.max(composed.remove.guardShare, composed.add.guardShare) };
}

/**
 * Delta at `epsilon` of all charges together.
 * Edge cases: 0 for nothing released; 1 for a release without noise.
 */
export function pldDelta(charges: readonly Charge[], epsilon: number, options: PldOptions = {}): number {
  const { adjacency = 'zero-out' } = options;
  checkAdjacency(adjacency);
  checkNonNegative('epsilon', epsilon);
  const tally = tallyOf(charges);
  if (isOfRenyiAlone(tally)) return deltaOfRdp(defaultOrders, rdpOfCharges(adjacency === 'replace-one' ? doubledWithoutSampling(charges) : charges), epsilon);
  const mu = unsampledMu(tally) * (adjacency === 'replace-one' ? 2 : 1);
  if (!Number.isFinite(mu)) return 1;
  const unsampled = gaussianDelta(mu, epsilon);
  if (tally.samples.length === 0) return unsampled;
  const { remove, add } = composeCharges(charges, { epsilon }, options);
  return Math.min(unsampled, Math.max(remove.deltaAt(epsilon), add.deltaAt(epsilon)));
}
