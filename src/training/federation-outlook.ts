import { gaussianMu } from '../privacy/gaussian.ts';

/** Public facts alone: the task's, and how many units its participants are taken to have. */
export interface OutlookFacts {
  readonly participants: number;
  /** Rows or persons of each participant. */
  readonly unitsEach: number;
  readonly classes: number;
  /** Of all rounds together; Infinity where no noise is added. */
  readonly epsilon: number;
  readonly rounds: number;
  readonly delta: number;
}

/** Whether pooling was found to help where counts are like these. */
export interface FederationOutlook {
  readonly verdict: 'helps' | 'little' | 'does-not-help';
  /** N mu / K of the sum of all updates: how far labels outweigh the noise. */
  readonly signal: number;
  /** The same of one participant who trains alone with the same epsilon. */
  readonly signalAlone: number;
}

/** Below it a model is no better than the label sentences, whoever trains it: the same limit as for a model of one's own. */
const LEAST_SIGNAL = 2;
/** Above it participants have nearly all that labels give by themselves. */
const ENOUGH_ALONE = 40;

/**
 * What pooling is likely to bring before anybody joins.
 * M participants of n units add M n units and the noise of M of them, sqrt(M) times that of one: x = sqrt(M) n mu / K, that is sqrt(M) times a participant's own.
 */
export function federationOutlook({ participants, unitsEach, classes, epsilon, delta }: OutlookFacts): FederationOutlook {
  const signalAlone = epsilon === Infinity ? Infinity : (unitsEach * gaussianMu(epsilon, delta)) / classes;
  const signal = Math.sqrt(participants) * signalAlone;
  const verdict = participants < 2 || signal < LEAST_SIGNAL ? 'does-not-help' : signalAlone > ENOUGH_ALONE ? 'little' : 'helps';
  return { verdict, signal, signalAlone };
}
