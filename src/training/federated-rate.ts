/** What the coordinator knows before anybody joins. */
export interface RateFacts {
  /** Updates that a round is sure to add up. */
  readonly participants: number;
  /** Rows or persons of a typical participant: the mean rather than the fewest, whose longer updates are cut to the bound of the typical one. */
  readonly units: number;
  readonly classes: number;
  readonly rounds: number;
  readonly clipNorm: number;
  /** Standard deviation of one participant's noise in a round over the clip norm. */
  readonly noiseMultiplier: number;
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

/**
 * Factor on the mean of the updates: recipe R's step nu mu'/(C T) on the sum of all noisy gradients, where M participants of n units have
 * mu' = mu / sqrt(M) between them and the mean of updates is that sum over M n. So nu K x / (C T), at most `LARGEST_MOVE` K / C.
 * Measured by `npm run bench -- federation`. Reads public facts alone.
 */
export function federatedServerRate({ participants, units, classes, rounds, clipNorm, noiseMultiplier }: RateFacts): number {
  const signal = pooledSignal(participants, units, Math.sqrt(rounds) / noiseMultiplier, classes);
  const nu = Math.min(MAXIMUM_NU, NU_FACTOR * Math.sqrt(signal));
  return (classes / clipNorm) * Math.min(LARGEST_MOVE, (nu * signal) / rounds);
}
