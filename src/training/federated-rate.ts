import type { FederatedTask } from './federated-task.ts';

/** What the rate follows from: the agreed task. */
export interface RatedTask extends Pick<FederatedTask, 'labels' | 'coordinates' | 'rounds' | 'clipNorm' | 'noiseMultiplier' | 'updateNormBound'> {
  readonly centralNoise?: { readonly noiseMultiplier: number; readonly cohort: number };
}

/** As many as it takes: at the same epsilon 20 and 50 rounds are within a point, 5 lose up to four and reach less of what larger groups could. */
export const defaultRounds = 10;

/** Upper end of nu and factor of its rule, as in recipe R (`full-batch-head.ts`): the noise that ends up in a logit. */
const MAXIMUM_NU = 1.5;
const NU_FACTOR = 0.35;
/** A class whose K-th of all units points one way moves its logit by this much a round: beyond it few rounds overshoot. */
const LARGEST_MOVE = 5;

/** x = sqrt(M) n mu / K: M participants add up M n units and sqrt(M) times the noise of one. `mu` is that of all rounds together. */
export function pooledSignal(participants: number, units: number, mu: number, classes: number): number {
  return (Math.sqrt(participants) * units * mu) / classes;
}

/** Norm that an update exceeds with probability below 2e-8, where the sum of `units` clipped gradients is noised and divided by their number: the tail of a chi law, six deviations out. */
export function honestNormBound({ clipNorm, noiseMultiplier, coordinates }: Pick<RatedTask, 'clipNorm' | 'noiseMultiplier' | 'coordinates'>, units: number): number {
  const deviation = (clipNorm * noiseMultiplier) / units;
  return Math.sqrt(clipNorm ** 2 + deviation ** 2 * coordinates) + 6 * deviation;
}

/** Largest standard deviation of a coordinate's noise in an update that keeps the bound: `honestNormBound` solved for it, and no more than one unit's. */
function noiseWithinBound({ clipNorm, noiseMultiplier, coordinates, updateNormBound: bound }: RatedTask): number {
  const free = coordinates - 36;
  const excess = Math.max(0, bound ** 2 - clipNorm ** 2);
  const deviation = free > 0 ? (Math.sqrt(36 * bound ** 2 + free * excess) - 6 * bound) / free : bound / Math.sqrt(coordinates);
  return Math.min(clipNorm * noiseMultiplier, deviation);
}

/**
 * Factor on the mean of `participants` updates: recipe R's step, under which noise nu ends up in a logit after T rounds, so nu / (sqrt(T) sd), sd that of a coordinate
 * of the mean; nu = min(1.5, .35 sqrt(x)), x = C sqrt(T) / (K sd), which is `pooledSignal` where nobody has fewer units than the bound is made for.
 * At most `LARGEST_MOVE` K / C. Whoever has fewer units is cut to the bound, so that nu holds whatever participants bring.
 * Measured by `npm run bench -- federation`. Reads public facts alone.
 */
export function federatedServerRate(task: RatedTask, participants: number): number {
  const { labels, rounds, clipNorm, updateNormBound, centralNoise } = task;
  const central = centralNoise === undefined ? 0 : (centralNoise.noiseMultiplier * updateNormBound) / centralNoise.cohort;
  const deviation = Math.hypot(noiseWithinBound(task) / Math.sqrt(participants), central);
  const largest = (LARGEST_MOVE * labels.length) / clipNorm;
  if (deviation === 0) return largest;
  const signal = (clipNorm * Math.sqrt(rounds)) / (labels.length * deviation);
  const nu = Math.min(MAXIMUM_NU, NU_FACTOR * Math.sqrt(signal));
  return Math.min(largest, nu / (Math.sqrt(rounds) * deviation));
}
