/**
 * How large one more release may be. Beside samples every try composes losses anew, which takes some tenths of a second, so few are made: mu^2 of Gaussians
 * adds up exactly, and what samples come to at one delta, taken as mu^2, moves little as a Gaussian beside them grows. A secant in mu^2 is all but straight.
 */
import { checkNonNegative, checkPositive } from '../ground/check.ts';
import type { ExtraCharges, LedgerState, Refusal } from './balance.ts';
import { gaussianEpsilon, gaussianMu } from './gaussian.ts';

/** More tries than halving alone would take. */
const MOST_TRIES = 60;
/** Tries that may leave more than half of the bracket; then it is halved. */
const PATIENCE = 3;
/** Where no width is asked for: a share of the largest epsilon in question. */
const LEAST_WIDTH = 1e-6;
/** Beyond the width by rounding alone. */
const WIDTH_SLACK = 1e-9;

/** The limit that is looked at: a data set's own, or what copies brought along. */
type Bound = { readonly kind: 'limit'; readonly splitId: string } | { readonly kind: 'allowance' };

/** mu^2 of a release, and by how much mu^2 of what is then spent lies above that of the limit. */
interface Point {
  readonly size: number;
  readonly excess: number;
}

export interface LeftOptions {
  /** The most that is asked for. */
  readonly atMost?: number;
  /** The answer may be less by so much. */
  readonly within?: number;
}

/**
 * The largest epsilon at `delta` of one more full-batch release to the training part of a data set, by every limit that it would be held to.
 * Guarantee: a release of that epsilon is not refused. Less than the largest by `within` at most.
 * Edge cases: 0 where nothing is left, and where the data set has no limit yet.
 */
export function epsilonLeft(state: LedgerState, splitId: string, delta: number, { atMost = Infinity, within = 0 }: LeftOptions = {}): number {
  checkPositive('delta', delta);
  checkNonNegative('width', within);
  const most = Math.min(atMost, state.budget(splitId)?.epsilonLimit ?? 0);
  checkNonNegative('largest epsilon', most);
  return most > 0 ? search(state, splitId, delta, most, Math.max(within, LEAST_WIDTH * most)) : 0;
}

function search(state: LedgerState, splitId: string, delta: number, most: number, within: number): number {
  const extraOf = (epsilon: number): ExtraCharges => (epsilon > 0 ? { training: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 1 / gaussianMu(epsilon, delta) }, count: 1 }] } : {});
  const pointAt = (bound: Bound, epsilon: number): Point => pointOf(epsilon, state.bounds.tightly(() => spentOf(state, splitId, bound, extraOf(epsilon))), delta);
  let bound = state.bounds.tightly(() => tightestOf(state, splitId));
  let [before, last] = [null as Point | null, pointAt(bound, 0)];
  if (last.excess >= 0) return 0;
  let [low, high, patience] = [0, most, PATIENCE];
  for (let tries = 0; high - low > within * (1 + WIDTH_SLACK) && tries < MOST_TRIES; tries++) {
    const width = high - low;
    const crossing = patience > 0 ? crossingOf(before, last, delta) : NaN;
    const tried = nextTry(low, high, crossing, within, most);
    const refusal = state.refusal(splitId, extraOf(tried));
    if (refusal === null) low = tried;
    else high = tried;
    if (low === most) return most;
    const other = refusal === null ? bound : boundOf(refusal);
    // Points that are held to another limit say nothing of this one.
    before = sameBound(bound, other) ? last : pointAt(other, 0);
    bound = other;
    last = refusal === null ? pointAt(bound, tried) : pointOf(tried, refusal, delta);
    patience = high - low > width / 2 ? patience - 1 : PATIENCE;
  }
  return low;
}

/** On the near side of the crossing first; once it is within reach, so far beyond that the bracket is short enough. Halves the bracket where no crossing is known. */
function nextTry(low: number, high: number, crossing: number, within: number, most: number): number {
  if (!(crossing > 0)) return (low + high) / 2;
  // As good as all of it: what makes up the whole limit comes out of logarithms an ulp short.
  if (crossing >= most * (1 - 1e-9) && high === most) return most;
  const tried = crossing - low > within ? crossing - within / 2 : low + within;
  return tried < high ? tried : (low + high) / 2;
}

/** Epsilon of the release at which the line through two points, or of slope 1 through one, meets the limit. */
function crossingOf(before: Point | null, last: Point, delta: number): number {
  const rise = before === null ? 1 : (last.excess - before.excess) / (last.size - before.size);
  const size = last.size - last.excess / rise;
  return rise > 0 && size > 0 && Number.isFinite(size) ? gaussianEpsilon(Math.sqrt(size), delta) : NaN;
}

interface Spent {
  readonly epsilonAfter: number;
  readonly epsilonLimit: number;
}

function pointOf(epsilon: number, { epsilonAfter, epsilonLimit }: Spent, delta: number): Point {
  const size = epsilon > 0 ? gaussianMu(epsilon, delta) ** 2 : 0;
  return { size, excess: epsilonAfter < Infinity ? gaussianMu(epsilonAfter, delta) ** 2 - gaussianMu(epsilonLimit, delta) ** 2 : Infinity };
}

function boundOf(refusal: Refusal): Bound {
  return refusal.kind === 'limit' ? { kind: 'limit', splitId: refusal.splitId } : { kind: 'allowance' };
}

function sameBound(a: Bound, b: Bound): boolean {
  return a.kind === 'limit' && b.kind === 'limit' ? a.splitId === b.splitId : a.kind === b.kind;
}

/** What is spent of a bound after charges to a data set; of several allowances, the one that leaves least. */
function spentOf(state: LedgerState, splitId: string, bound: Bound, extra: ExtraCharges): Spent {
  if (bound.kind === 'limit') {
    const balance = state.balance(bound.splitId, extra, splitId);
    return balance ? { epsilonAfter: balance.epsilonSpent, epsilonLimit: balance.epsilonLimit } : { epsilonAfter: 0, epsilonLimit: Infinity };
  }
  const left = ({ epsilonAfter, epsilonLimit }: Spent) => epsilonLimit - epsilonAfter;
  return state.allowances(splitId, extra).map(({ epsilon, epsilonSpent }): Spent => ({ epsilonAfter: epsilonSpent, epsilonLimit: epsilon })).reduce((least, one) => (left(one) < left(least) ? one : least), { epsilonAfter: 0, epsilonLimit: Infinity });
}

/** The bound that leaves least before anything is added. */
function tightestOf(state: LedgerState, splitId: string): Bound {
  const bounds: readonly Bound[] = [{ kind: 'limit', splitId }, { kind: 'limit', splitId: state.tighterThan(splitId) ?? splitId }, { kind: 'allowance' }];
  const left = (bound: Bound) => {
    const { epsilonAfter, epsilonLimit } = spentOf(state, splitId, bound, {});
    return epsilonLimit === Infinity ? Infinity : epsilonLimit - epsilonAfter;
  };
  return bounds.reduce((least, one) => (left(one) < left(least) ? one : least));
}
