/** The tight accountant's inverses. RDP's answer is where the search begins. */
import { BedsideError } from '../../ground/errors.ts';
import { calibrateNoiseMultiplier, leastNoise, stepsWithinBudget } from '../composition.ts';
import type { Mechanism } from '../events.ts';
import { checkAdjacency, type Adjacency } from './adjacency.ts';
import { gridOf, pldEpsilon } from './pld.ts';

export interface PldTarget {
  readonly epsilon: number;
  readonly delta: number;
  /** 1 for full batch. */
  readonly samplingRate: number;
  readonly adjacency?: Adjacency;
}

function deltaTooLarge(delta: number, samplingRate: number): BedsideError {
  return new BedsideError('privacy/delta', 'settings', `delta must lie below the sampling rate of ${samplingRate}, found ${delta}.`, 'Use 1e-5, or less than one over the number of units.', { found: delta });
}

/** Relative width of the bracket that is left: epsilon then lies within a few times as much of its target. */
const NOISE_TOLERANCE = 1e-5;
/** A first search on a grid so many times as wide costs a fraction; its answers, upper bounds too, are a little too high. */
const COARSER = 8;
/** More steps than any run takes. */
const LARGEST_STEPS = 2 ** 40;

/** Epsilon as a function of noise and steps, on the grid of the rule or a coarser one; every value is computed once. */
function epsilonFunction({ delta, samplingRate, adjacency = 'zero-out' }: PldTarget, coarser: number): (noiseMultiplier: number, count: number) => number {
  const known = new Map<string, number>();
  return (noiseMultiplier, count) => {
    if (count === 0) return 0;
    const name = `${noiseMultiplier}/${count}`;
    const mechanism: Mechanism = { kind: 'poisson-gaussian', noiseMultiplier, samplingRate };
    const options = coarser === 1 ? { adjacency } : { adjacency, grid: coarser * gridOf(mechanism, adjacency) };
    const found = known.get(name) ?? pldEpsilon([{ mechanism, count }], delta, options).epsilon;
    known.set(name, found);
    return found;
  };
}

/**
 * The least noise multiplier for which `steps` releases stay within (epsilon, delta), to a relative 1e-5 and never below it.
 * @throws unless epsilon > 0, 0 < delta < samplingRate <= 1 and steps >= 1.
 */
export function calibrateNoiseMultiplierPld(target: PldTarget & { readonly steps: number }): number {
  const { epsilon, delta, samplingRate, steps, adjacency = 'zero-out' } = target;
  checkAdjacency(adjacency);
  // Else delta alone may pay for the unit that is drawn, and no noise at all would do.
  if (delta >= samplingRate) throw deltaTooLarge(delta, samplingRate);
  const start = calibrateNoiseMultiplier({ epsilon, delta, samplingRate, steps });
  // At full batch both accountants are exact, and a replacement is a doubled sensitivity.
  if (samplingRate === 1) return adjacency === 'replace-one' ? 2 * start : start;
  const [roughly, exactly] = [epsilonFunction(target, COARSER), epsilonFunction(target, 1)];
  const rough = leastNoiseFrom(start, 0.1, epsilon, (noiseMultiplier) => roughly(noiseMultiplier, steps));
  return leastNoiseFrom(rough, 1e-4, epsilon, (noiseMultiplier) => exactly(noiseMultiplier, steps));
}

/** The crossing near a guess: brackets it by a relative `width` that doubles, then closes in. */
function leastNoiseFrom(guess: number, width: number, epsilon: number, epsilonAt: (noiseMultiplier: number) => number): number {
  let [low, high] = [guess, guess];
  for (let step = width; epsilonAt(high) > epsilon; step *= 2) [low, high] = [high, high * (1 + step)];
  for (let step = width; low === high || epsilonAt(low) <= epsilon; step = Math.min(0.5, 2 * step)) [low, high] = [low * (1 - step), low];
  return leastNoise(low, high, epsilon, epsilonAt, NOISE_TOLERANCE);
}

/**
 * The largest number of releases within (epsilon, delta): 0 where not even one fits, 2^40 where there is no end in sight.
 * @throws unless epsilon > 0, 0 < delta < 1, 0 < samplingRate <= 1 and noiseMultiplier > 0.
 */
export function stepsWithinBudgetPld(target: PldTarget & { readonly noiseMultiplier: number }): number {
  const { epsilon, delta, samplingRate, noiseMultiplier, adjacency = 'zero-out' } = target;
  checkAdjacency(adjacency);
  // RDP counts a replaced unit only at full batch; beside samples its answer for a zeroed one is a start like any other.
  const isDoubled = adjacency === 'replace-one' && samplingRate === 1;
  let guess = stepsWithinBudget({ epsilon, delta, samplingRate, noiseMultiplier: isDoubled ? noiseMultiplier / 2 : noiseMultiplier });
  if (samplingRate === 1) return guess;
  for (const coarser of [COARSER, 1]) {
    const at = epsilonFunction(target, coarser);
    guess = mostStepsFrom(guess, epsilon, (count) => at(noiseMultiplier, count));
  }
  return guess;
}

/** The last count at which a rising epsilon is within its target, near a guess. */
function mostStepsFrom(guess: number, epsilon: number, epsilonAt: (count: number) => number): number {
  let [low, high] = [0, Math.min(LARGEST_STEPS, Math.max(1, guess + 1))];
  for (let step = Math.ceil(guess / 1000); epsilonAt(high) <= epsilon; step *= 4) {
    if (high >= LARGEST_STEPS) return LARGEST_STEPS;
    [low, high] = [high, Math.min(LARGEST_STEPS, high + Math.max(1, step))];
  }
  for (let step = Math.ceil(guess / 1000); low === 0 && high > 1; step *= 4) {
    const tried = Math.max(0, high - Math.max(1, step));
    if (tried === 0) break;
    if (epsilonAt(tried) <= epsilon) low = tried;
    else high = tried;
  }
  // Epsilon grows between like sqrt(T) and like T: a straight line in logarithms, halved every third time in case it does not close in.
  for (let turn = 0; high - low > 1; turn++) {
    const [below, above] = [epsilonAt(low), epsilonAt(high)];
    const straight = below > 0 && above < Infinity ? low * Math.exp((Math.log(high / low) * Math.log(epsilon / below)) / Math.log(above / below)) : NaN;
    const tried = turn % 3 === 2 || !Number.isFinite(straight) ? (low + high) / 2 : straight + (turn % 3 === 0 ? 0.5 : -0.5);
    const middle = Math.min(high - 1, Math.max(low + 1, Math.round(tried)));
    if (epsilonAt(middle) <= epsilon) low = middle;
    else high = middle;
  }
  return low;
}
