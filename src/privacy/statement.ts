import { checkInteger, checkNonNegative, checkPositive } from '../ground/check.ts';
import { composedEpsilon, type Charge, type ComposedEpsilon } from './composition.ts';
import type { DataPart, PrivacyUnit } from './events.ts';
import { samplerDelta } from './noise.ts';
import type { NoiseLaw } from './noise-laws.ts';
import { pldEpsilon, type PldEpsilon } from './pld/pld.ts';
import { defaultOrders } from './rdp.ts';

/** Everything that the mechanisms treat as public, by code. What is not here is read through a charged release or not at all. */
export const publicFactCodes = ['row-count', 'person-count', 'columns', 'labels', 'label-sentences', 'encoder', 'maximum-length', 'split-rule', 'settings', 'search-list', 'run-count', 'stop-step', 'other-data-sets', 'code-version'] as const;

/** What epsilon does not cover, by code. */
export const notCoveredCodes = ['hyper-parameters', 'preprocessing', 'held-out-scores', 'held-out-people', 'held-out', 'side-channels', 'other-copies', 'edited-notes', 'cleared-data', 'label-sentences', 'sampler-error'] as const;

/** What a run promises and what it does not, as facts; the words are the page's and the model card's. */
export type PrivacyStatement =
  | { readonly isPrivate: false }
  | {
      readonly isPrivate: true;
      readonly epsilon: number;
      readonly delta: number;
      readonly unit: PrivacyUnit;
      readonly adjacency: 'zero-out';
      /** Epsilon if a neighbour replaces a unit by another instead (sensitivity 2C). */
      readonly epsilonReplaceOne: number;
      readonly accountant: 'exact-gaussian' | 'rdp' | 'pld' | 'zcdp';
      readonly accountantSettings: string;
      /** What RDP says of the same charges, an upper bound too. Present where PLD says less. */
      readonly epsilonRdp?: number;
      readonly sampling: 'full-batch' | 'poisson';
      readonly samplingRate: number;
      readonly noiseMultiplier: number;
      readonly steps: number;
      readonly clipNorm: number;
      /** mu of the equivalent Gaussian mechanism, where exact. */
      readonly mu: number | null;
      /** Best share of right guesses at even odds, e^eps / (1 + e^eps). */
      readonly guessingBound: number;
      /** Charged validation on the held-out part, composed in parallel. */
      readonly validation: { readonly part: DataPart; readonly epsilon: number } | null;
      /** Facts that the mechanism treats as public, by code. */
      readonly publicFacts: readonly string[];
      /** What epsilon does not cover, by code. */
      readonly notCovered: readonly string[];
      readonly isSecureNoise: boolean;
      /** What the noise sampler's error adds to delta (NOISE.md). Where the number of values drawn is not known it is absent, and listed as not covered. */
      readonly samplerDelta?: number;
      /** Present where the noise is drawn from the discrete Gaussian, exactly. */
      readonly noiseLaw?: 'discrete-gaussian';
      /** Present where the model is the best of a secret number of runs. */
      readonly search?: SearchFacts;
    };

/** What is public of a search. */
export interface SearchFacts {
  /** Mean of the Poisson law that the number of runs that count is drawn from. */
  readonly meanRuns: number;
  /** Runs that are made whatever that number is. */
  readonly runsMade: number;
  /** Epsilon that one run with its noise would cost by itself: what the search leaves of the promise's epsilon. */
  readonly epsilonOfOne: number;
  /** Settings on the public list that each run draws from. */
  readonly candidates: number;
}

export interface StatementFacts {
  /** Everything the run charges to the training part. */
  readonly charges: readonly Charge[];
  readonly delta: number;
  readonly unit: PrivacyUnit;
  /** 1 for full batch. */
  readonly samplingRate: number;
  /** Of a step. */
  readonly noiseMultiplier: number;
  readonly steps: number;
  readonly clipNorm: number;
  /** Epsilon of the charged validation; null where there is none. */
  readonly validationEpsilon: number | null;
  readonly isSecureNoise: boolean;
  /** Total variation of all noise drawn from its ideal law, `gaussianSamplerError` summed over releases. */
  readonly samplerError?: number;
  readonly noiseLaw?: NoiseLaw;
  readonly search?: SearchFacts;
}

/** Best share of right guesses, at even odds, about whether a unit took part: e^epsilon / (1 + e^epsilon), delta left out. */
export function guessingBound(epsilon: number): number {
  if (epsilon !== Infinity) checkNonNegative('epsilon', epsilon);
  return 1 / (1 + Math.exp(-epsilon));
}

/**
 * Epsilon where a neighbouring data set holds another unit in place of one, instead of nothing. Full batch: the sensitivity doubles, exactly. With Poisson
 * samples: the dominating pair of `pld/gaussian-lines.ts`, or the doubled Gaussian without the sampling, if that is less.
 */
export function replaceOneEpsilon(charges: readonly Charge[], delta: number): number {
  return pldEpsilon(charges, delta, { adjacency: 'replace-one' }).epsilon;
}

/** The statement of a private run. Epsilon is computed from the charges, never passed in. */
export function buildStatement(facts: StatementFacts): PrivacyStatement {
  const { charges, delta, unit, samplingRate, noiseMultiplier, steps, clipNorm, validationEpsilon, isSecureNoise, samplerError, noiseLaw, search } = facts;
  checkPositive('delta', delta);
  checkPositive('sampling rate', samplingRate);
  checkPositive('noise multiplier', noiseMultiplier);
  checkPositive('clip norm', clipNorm);
  checkInteger('steps', steps);
  if (samplerError !== undefined) checkNonNegative('sampler error', samplerError);
  const composed = composedEpsilon(charges, delta);
  const tight = pldEpsilon(charges, delta);
  const isPld = tight.accountant === 'pld';
  return {
    isPrivate: true,
    epsilon: tight.epsilon,
    delta,
    unit,
    adjacency: 'zero-out',
    epsilonReplaceOne: replaceOneEpsilon(charges, delta),
    accountant: tight.accountant,
    accountantSettings: settingsOf(composed, tight),
    sampling: samplingRate === 1 ? 'full-batch' : 'poisson',
    samplingRate,
    noiseMultiplier,
    steps,
    clipNorm,
    mu: isPld ? null : composed.mu,
    guessingBound: guessingBound(tight.epsilon),
    validation: validationEpsilon === null ? null : { part: 'held-out', epsilon: validationEpsilon },
    publicFacts: publicFactCodes.filter((code) => (code !== 'person-count' || unit === 'person') && (code !== 'search-list' || search !== undefined)),
    notCovered: notCoveredCodes.filter((code) => code !== (unit === 'person' ? 'held-out' : 'held-out-people') && (code !== 'sampler-error' || samplerError === undefined)),
    isSecureNoise,
    ...(isPld && composed.accountant === 'rdp' ? { epsilonRdp: composed.epsilon } : {}),
    ...(noiseLaw === 'discrete-gaussian' ? { noiseLaw } : {}),
    ...(search ? { search } : {}),
    ...(samplerError === undefined ? {} : { samplerDelta: samplerDelta(tight.epsilon, samplerError) }),
  };
}

function settingsOf(composed: ComposedEpsilon, { accountant, grid, guardShare }: PldEpsilon): string {
  if (accountant === 'pld') return `connect-the-dots, both directions, grid ${grid?.toExponential(1) ?? 'none'}, ${guardShare.toExponential(1)} of delta for rounding and cut tails`;
  if (accountant === 'exact-gaussian') return 'analytic Gaussian';
  if (accountant === 'zcdp') return 'rho = mu^2 / 2, converted at the best order';
  return `orders ${Math.min(...defaultOrders)} to ${Math.max(...defaultOrders)}, best ${composed.order ?? 'none'}${composed.isOrderAtEdge ? ', at the edge of the orders tried' : ''}`;
}
