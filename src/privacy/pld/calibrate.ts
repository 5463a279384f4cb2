/** The tight accountant's inverses. RDP's answer is a valid start, for RDP's epsilon is an upper bound of this one. */
import { checkInteger } from '../../ground/check.ts';
import { calibrateNoiseMultiplier, leastNoise, stepsWithinBudget, type Charge } from '../composition.ts';
import type { Mechanism } from '../events.ts';
import { checkAdjacency, type Adjacency } from './adjacency.ts';
import { pldEpsilon } from './pld.ts';

export interface PldTarget {
  readonly epsilon: number;
  readonly delta: number;
  /** 1 for full batch. */
  readonly samplingRate: number;
  readonly adjacency?: Adjacency;
}

/** Relative width of the bracket that is left: epsilon then lies within about as much of its target. */
const NOISE_TOLERANCE = 1e-6;

function chargesOf(samplingRate: number, noiseMultiplier: number, count: number): readonly Charge[] {
  const mechanism: Mechanism = samplingRate === 1 ? { kind: 'gaussian', noiseMultiplier } : { kind: 'poisson-gaussian', noiseMultiplier, samplingRate };
  return [{ mechanism, count }];
}

/**
 * The least noise multiplier for which `steps` releases stay within (epsilon, delta), to a relative 1e-6 and never below it.
 * @throws unless epsilon > 0, 0 < delta < 1, 0 < samplingRate <= 1 and steps >= 1.
 */
export function calibrateNoiseMultiplierPld(target: PldTarget & { readonly steps: number }): number {
  const { epsilon, delta, samplingRate, steps, adjacency = 'zero-out' } = target;
  checkAdjacency(adjacency);
  const start = calibrateNoiseMultiplier({ epsilon, delta, samplingRate, steps });
  // At full batch both accountants are exact, and a replacement is a doubled sensitivity.
  if (samplingRate === 1) return adjacency === 'replace-one' ? 2 * start : start;
  const known = new Map<number, number>();
  const epsilonAt = (noiseMultiplier: number) => {
    const found = known.get(noiseMultiplier) ?? pldEpsilon(chargesOf(samplingRate, noiseMultiplier, steps), delta, { adjacency }).epsilon;
    known.set(noiseMultiplier, found);
    return found;
  };
  let high = start;
  while (epsilonAt(high) > epsilon) high *= 1.5;
  let low = high * 0.9;
  for (; epsilonAt(low) <= epsilon; low *= 0.8) high = low;
  return leastNoise(low, high, epsilon, epsilonAt, NOISE_TOLERANCE);
}

/**
 * The largest number of releases within (epsilon, delta): 0 where not even one fits, 2^40 where there is no end in sight.
 * @throws unless epsilon > 0, 0 < delta < 1, 0 < samplingRate <= 1 and noiseMultiplier > 0.
 */
export function stepsWithinBudgetPld(target: PldTarget & { readonly noiseMultiplier: number }): number {
  const { epsilon, delta, samplingRate, noiseMultiplier, adjacency = 'zero-out' } = target;
  checkAdjacency(adjacency);
  const start = stepsWithinBudget({ epsilon, delta, samplingRate, noiseMultiplier: adjacency === 'replace-one' && samplingRate === 1 ? noiseMultiplier / 2 : noiseMultiplier });
  if (samplingRate === 1) return start;
  const epsilonAt = (count: number) => (count === 0 ? 0 : pldEpsilon(chargesOf(samplingRate, noiseMultiplier, checkInteger('steps', count)), delta, { adjacency }).epsilon);
  // From RDP's answer up until too many; for a replaced unit RDP answers another question, and the search may go down.
  let [low, high] = [0, Math.max(1, start)];
  while (epsilonAt(high) <= epsilon) {
    if (high >= LARGEST_STEPS) return LARGEST_STEPS;
    [low, high] = [high, Math.min(LARGEST_STEPS, Math.ceil(high * 1.5))];
  }
  // Epsilon grows between like sqrt(T) and like T: a straight line in logarithms, halved where it does not close in.
  let [below, above] = [epsilonAt(low), epsilonAt(high)];
  for (let turn = 0; high - low > 1; turn++) {
    const straight = below > 0 && above < Infinity ? Math.log(low) + (Math.log(high / low) * Math.log(epsilon / below)) / Math.log(above / below) : Infinity;
    const guess = turn % 3 === 2 || !Number.isFinite(straight) ? (low + high) / 2 : Math.exp(straight) + (turn % 3 === 0 ? 0.5 : -0.5);
    const middle = Math.min(high - 1, Math.max(low + 1, Math.round(guess)));
    const found = epsilonAt(middle);
    if (found <= epsilon) [low, below] = [middle, found];
    else [high, above] = [middle, found];
  }
  return low;
}

/** More steps than any run takes. */
const LARGEST_STEPS = 2 ** 40;
