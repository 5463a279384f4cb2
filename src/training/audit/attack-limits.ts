/** The curve that no attack exceeds where the proof holds: the most members that can be found at each share of false alarms. */
import { gaussianFound, pairFound } from '../../privacy/attack-limit.ts';
import type { Charge } from '../../privacy/composition.ts';
import { pldDelta } from '../../privacy/pld/pld.ts';
import type { LimitPoint } from './audit-report.ts';

/** 0.1 % to 100 %, evenly by their logarithms. */
const falseAlarmShares: readonly number[] = Array.from({ length: 61 }, (_, index) => 0.001 ** (1 - index / 60));

const limitsBy = (foundAt: (falseAlarms: number) => number): readonly LimitPoint[] => falseAlarmShares.map((falseAlarms) => ({ falseAlarms, found: foundAt(falseAlarms) }));

/** Of a Gaussian mechanism: Phi(Phi^-1(false alarms) + mu). */
export function gaussianLimits(mu: number): readonly LimitPoint[] {
  return limitsBy((falseAlarms) => gaussianFound(mu, falseAlarms));
}

/** Multiples of the claimed epsilon at which delta is asked for: the curve is the least of what each pair allows. */
const epsilonShares = [0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1];

/**
 * Of any mechanism: the least that its (epsilon, delta) pairs by PLD allow. An upper bound of the tradeoff curve, as few pairs are asked for.
 */
export function limitsOf(charges: readonly Charge[], claim: { readonly epsilon: number; readonly delta: number }): readonly LimitPoint[] {
  const pairs = [claim, ...epsilonShares.map((share) => ({ epsilon: share * claim.epsilon, delta: pldDelta(charges, share * claim.epsilon) }))];
  return limitsBy((falseAlarms) => Math.min(...pairs.map(({ epsilon, delta }) => pairFound(epsilon, delta, falseAlarms))));
}
