import { clipNormsMoved, type SharedUnit } from '../privacy/shared-unit.ts';
import type { FederatedTask } from './federated-task.ts';

/** What the rate follows from: the agreed task. */
export interface RatedTask extends Pick<FederatedTask, 'labels' | 'coordinates' | 'rounds' | 'clipNorm' | 'noiseMultiplier' | 'updateNormBound'> {
  /** A row or a person where it is absent. */
  readonly unit?: SharedUnit;
  readonly centralNoise?: { readonly noiseMultiplier: number; readonly cohort: number };
}

/** As many as it takes: at the same epsilon 20 and 50 rounds are within a point, 5 lose up to four and reach less of what larger groups could. */
export const defaultRounds = 10;

/** Upper end of nu and factor of its rule, as in recipe R (`full-batch-head.ts`): the noise that ends up in a logit. */
const MAXIMUM_NU = 1.5;
const NU_FACTOR = 0.35;
/** The same where the participant is the unit, with sqrt(K) for K: on mts-dialog ten points above the rule for rows, at 50 participants. */
const PARTICIPANT_NU_FACTOR = 0.5;
/** A class whose K-th of all units points one way moves its logit by this much a round: beyond it few rounds overshoot. */
const LARGEST_MOVE = 5;

/** x = sqrt(M) n mu / K: M participants add up M n units and sqrt(M) times the noise of one. `mu` is that of all rounds together. */
export function pooledSignal(participants: number, units: number, mu: number, classes: number): number {
  return (Math.sqrt(participants) * units * mu) / classes;
}

/** The same where the participant is the unit: each adds one step of length C towards all classes, against noise for two C. `mu` as it is charged. */
export function participantSignal(participants: number, mu: number, classes: number): number {
  return (Math.sqrt(participants) * mu) / (2 * Math.sqrt(classes));
}

/** Norm that an update exceeds with probability below 2e-8, where the sum of `units` clipped gradients is noised and divided by their number: the tail of a chi law, six deviations out. */
export function honestNormBound({ unit, clipNorm, noiseMultiplier, coordinates }: Pick<RatedTask, 'unit' | 'clipNorm' | 'noiseMultiplier' | 'coordinates'>, units: number): number {
  const deviation = unitDeviation({ unit, clipNorm, noiseMultiplier }) / units;
  return Math.sqrt(clipNorm ** 2 + deviation ** 2 * coordinates) + 6 * deviation;
}

/** Standard deviation of the noise in a sum. */
function unitDeviation({ unit = 'row', clipNorm, noiseMultiplier }: { readonly unit: SharedUnit | undefined } & Pick<RatedTask, 'clipNorm' | 'noiseMultiplier'>): number {
  return clipNormsMoved(unit) * clipNorm * noiseMultiplier;
}

/** Classes that a unit's contribution of length C is shared among, as their logits see it: one's own for a row or person, of C; all K for a participant, of C / sqrt(K) each. */
function sharing(unit: SharedUnit | undefined, classes: number): number {
  return unit === 'participant' ? Math.sqrt(classes) : classes;
}

/** Largest standard deviation of a coordinate's noise in an update that keeps the bound: `honestNormBound` solved for it, and no more than one unit's. */
function noiseWithinBound({ unit, clipNorm, noiseMultiplier, coordinates, updateNormBound: bound }: RatedTask): number {
  const free = coordinates - 36;
  const excess = Math.max(0, bound ** 2 - clipNorm ** 2);
  const deviation = free > 0 ? (Math.sqrt(36 * bound ** 2 + free * excess) - 6 * bound) / free : bound / Math.sqrt(coordinates);
  return Math.min(unitDeviation({ unit, clipNorm, noiseMultiplier }), deviation);
}

/**
 * Factor on the mean of `participants` updates: recipe R's step, under which noise nu ends up in a logit after T rounds, so nu / (sqrt(T) sd), sd that of a coordinate
 * of the mean; nu = min(1.5, .35 sqrt(x)), x = C sqrt(T) / (K sd), which is `pooledSignal` where nobody has fewer units than the bound is made for.
 * At most `LARGEST_MOVE` K / C. Whoever has fewer units is cut to the bound, so that nu holds whatever participants bring.
 * Where the participant is the unit, sqrt(K) stands for K and .5 for .35: everybody's step points nearly the same way, towards all classes at once.
 * Measured by `npm run bench -- federation`. Reads public facts alone.
 */
export function federatedServerRate(task: RatedTask, participants: number): number {
  const { unit, labels, rounds, clipNorm, updateNormBound, centralNoise } = task;
  const share = sharing(unit, labels.length);
  const central = centralNoise === undefined ? 0 : (centralNoise.noiseMultiplier * updateNormBound) / centralNoise.cohort;
  const deviation = Math.hypot(noiseWithinBound(task) / Math.sqrt(participants), central);
  const largest = (LARGEST_MOVE * share) / clipNorm;
  if (deviation === 0) return largest;
  const signal = (clipNorm * Math.sqrt(rounds)) / (share * deviation);
  const nu = Math.min(MAXIMUM_NU, (unit === 'participant' ? PARTICIPANT_NU_FACTOR : NU_FACTOR) * Math.sqrt(signal));
  return Math.min(largest, nu / (Math.sqrt(rounds) * deviation));
}
