import { gaussianMu } from '../privacy/gaussian.ts';
import type { SharedUnit } from '../privacy/shared-unit.ts';
import { participantSignal, pooledSignal } from './federated-rate.ts';

/** Public facts alone: the task's, and how many units its participants are taken to have. */
export interface OutlookFacts {
  readonly participants: number;
  /** A row or a person where it is absent. */
  readonly unit?: SharedUnit;
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
  /** N mu / K of the sum of all updates: how far labels outweigh the noise; `participantSignal` where the participant is the unit. */
  readonly signal: number;
  /** The same of one participant who trains alone with the same epsilon. */
  readonly signalAlone: number;
}

/** Below the first the noise of all is as long as what they know; between the two a model gains some points over the label sentences. */
const LEAST_SIGNAL = 1;
const CLEAR_SIGNAL = 3;
/** From here on a participant whose notes are like everybody's may have nearly all that the others would add: 1 point more on mts-dialog, 11 on banking77. */
const ENOUGH_ALONE = 8;
/** Fewer rounds do not get there, whatever the noise: a model of one's own is then better from this signal on. */
const FEWEST_ROUNDS = 5;
const FAIR_ALONE = 2;

/**
 * What pooling is likely to bring before anybody joins, by the table of `npm run bench -- federation` (bench/results/federation.json): points of accuracy over the better
 * of a model of one's own and the label sentences, where all have notes of the same kinds. Where they do not, a model of one's own is far worse and pooling helps more.
 */
export function federationOutlook({ unit, participants, unitsEach, classes, epsilon, rounds, delta }: OutlookFacts): FederationOutlook {
  const mu = epsilon === Infinity ? Infinity : gaussianMu(epsilon, delta);
  const signal = unit === 'participant' ? participantSignal(participants, mu, classes) : pooledSignal(participants, unitsEach, mu, classes);
  const signalAlone = pooledSignal(1, unitsEach, mu, classes);
  return { verdict: verdictOf(participants, rounds, signal, signalAlone), signal, signalAlone };
}

function verdictOf(participants: number, rounds: number, signal: number, signalAlone: number): FederationOutlook['verdict'] {
  if (participants < 2 || signal < LEAST_SIGNAL) return 'does-not-help';
  if (rounds < FEWEST_ROUNDS) return signalAlone >= FAIR_ALONE ? 'does-not-help' : 'little';
  return signal < CLEAR_SIGNAL || signalAlone >= ENOUGH_ALONE ? 'little' : 'helps';
}
