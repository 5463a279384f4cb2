/** How well any attack does at most where the promise holds: members found at a given share of false alarms, and right guesses at even odds. */
import { checkNonNegative, checkProbability } from '../ground/check.ts';
import { normalCdf, normalQuantile } from '../ground/special.ts';

/** Of a Gaussian mechanism: Phi(Phi^-1(false alarms) + mu) (Dong, Roth & Su 2019, arXiv 1905.02383). */
export function gaussianFound(mu: number, falseAlarms: number): number {
  if (mu !== Infinity) checkNonNegative('mu', mu);
  checkProbability('share of false alarms', falseAlarms);
  return falseAlarms === 1 ? 1 : normalCdf(normalQuantile(falseAlarms) + mu);
}

/**
 * Of any mechanism with this epsilon and delta: the lesser of exp(epsilon) false alarms + delta and the same for the rates of the other answer
 * (Kairouz, Oh & Viswanath 2015, arXiv 1311.0776). No pair says less, so it is the whole trade-off of what one pair claims.
 */
export function pairFound(epsilon: number, delta: number, falseAlarms: number): number {
  if (epsilon !== Infinity) checkNonNegative('epsilon', epsilon);
  checkNonNegative('delta', delta);
  checkProbability('share of false alarms', falseAlarms);
  const byAlarms = falseAlarms === 0 ? delta : Math.exp(epsilon) * falseAlarms + delta;
  return Math.max(0, Math.min(1, byAlarms, 1 - Math.exp(-epsilon) * (1 - delta - falseAlarms)));
}

/** Best share of right guesses about a Gaussian mechanism, at even odds: Phi(mu / 2), halfway from 1/2 to 1 by the total variation of N(0, 1) and N(mu, 1) (Dong, Roth & Su 2019). */
export function gaussianGuessed(mu: number): number {
  if (mu !== Infinity) checkNonNegative('mu', mu);
  return normalCdf(mu / 2);
}

/** The same of any mechanism with this epsilon and delta: (e^epsilon + delta) / (1 + e^epsilon) (Kairouz, Oh & Viswanath 2015). */
export function pairGuessed(epsilon: number, delta: number): number {
  if (epsilon !== Infinity) checkNonNegative('epsilon', epsilon);
  checkNonNegative('delta', delta);
  return Math.min(1, 1 / (1 + Math.exp(-epsilon)) + delta / (1 + Math.exp(epsilon)));
}

/** The share of false alarms at which a statement says what an attacker finds: few enough that the few who are found are found for certain. */
const STATED_FALSE_ALARMS = 0.01;

/** What a statement claims, as far as attacks are limited by it. */
export interface Claim {
  readonly epsilon: number;
  readonly delta: number;
  /** Of one Gaussian that all releases together are no worse than; null where none is known. */
  readonly mu: number | null;
  /** What the noise sampler adds to delta. */
  readonly samplerDelta?: number;
}

/** Share of members found at 1 % false alarms, at most: by mu where there is one, whose curve lies below that of its (epsilon, delta), and by these else. */
export function foundAtOnePercent({ epsilon, delta, mu, samplerDelta = 0 }: Claim): number {
  // samplerDelta is above the total variation from the ideal law, by which both shares may be off.
  if (mu !== null) return Math.min(1, gaussianFound(mu, Math.min(1, STATED_FALSE_ALARMS + samplerDelta)) + samplerDelta);
  return pairFound(epsilon, delta + samplerDelta, STATED_FALSE_ALARMS);
}

/** Best share of right guesses, at even odds, about whether a unit took part: by mu where there is one, by epsilon and delta else. To be shown rounded up. */
export function guessedRight({ epsilon, delta, mu, samplerDelta = 0 }: Claim): number {
  if (mu !== null) return Math.min(1, gaussianGuessed(mu) + samplerDelta);
  return pairGuessed(epsilon, delta + samplerDelta);
}
