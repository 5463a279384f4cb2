import { checkInteger, checkNonNegative, checkPositive } from '../ground/check.ts';
import { foundAtOnePercent, guessedRight } from './attack-limit.ts';
import { composedEpsilon, type Charge, type ComposedEpsilon } from './composition.ts';
import type { DataPart, PrivacyUnit } from './events.ts';
import { samplerDelta } from './noise.ts';
import type { NoiseLaw } from './noise-laws.ts';
import { pldEpsilon, type PldEpsilon } from './pld/pld.ts';
import { defaultOrders } from './rdp.ts';
import { joinedCharges } from './releases.ts';
import { statementLines, type StatementLine } from './statement-lines.ts';

/** Everything that the mechanisms treat as public, by code. What is not here is read through a charged release or not at all. */
export const publicFactCodes = ['row-count', 'person-count', 'columns', 'labels', 'label-sentences', 'encoder', 'maximum-length', 'split-rule', 'settings', 'search-list', 'run-count', 'stop-step', 'other-data-sets', 'code-version'] as const;

/** What epsilon does not cover, by code. */
export const notCoveredCodes = ['hyper-parameters', 'preprocessing', 'held-out-scores', 'held-out-people', 'held-out', 'side-channels', 'other-copies', 'edited-notes', 'cleared-data', 'device-failure', 'label-sentences', 'sampler-error'] as const;

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
      /** The same as numbers, for words in any language; absent from runs of older versions. */
      readonly settings?: AccountantSettings;
      /** What RDP says of the same charges, an upper bound too. Present where PLD says less. */
      readonly epsilonRdp?: number;
      readonly sampling: 'full-batch' | 'poisson';
      readonly samplingRate: number;
      /** Of a step of the last run. */
      readonly noiseMultiplier: number;
      readonly steps: number;
      /** All that epsilon is worked out from, each mechanism once: epsilon can be computed from it again. Absent from runs of older versions. */
      readonly releases?: readonly Charge[];
      readonly clipNorm: number;
      /** mu of the equivalent Gaussian mechanism, where exact. */
      readonly mu: number | null;
      /** Best share of right guesses at even odds. */
      readonly guessingBound: number;
      /** Largest share of members that an attacker finds at 1 % false alarms. */
      readonly foundAtOnePercent: number;
      /** Charged validation on the held-out part, composed in parallel. */
      readonly validation: { readonly part: DataPart; readonly epsilon: number } | null;
      /** Facts that the mechanism treats as public, by code. */
      readonly publicFacts: readonly string[];
      /** What epsilon does not cover, by code. */
      readonly notCovered: readonly string[];
      readonly isSecureNoise: boolean;
      /** What the noise sampler's error adds to delta (NOISE.md). Where the number of values drawn is not known it is absent, and listed as not covered. */
      readonly samplerDelta?: number;
      /** delta with what the sampler's error adds to it. Present where that is more than a thousandth of delta: it is then the delta to be stated beside epsilon. */
      readonly deltaInAll?: number;
      /** The same beside `epsilonReplaceOne`: the error weighs more there. */
      readonly deltaReplaceOne?: number;
      /** Present where the noise is drawn from the discrete Gaussian, exactly. */
      readonly noiseLaw?: 'discrete-gaussian';
      /** Present where the model is the best of a secret number of runs. */
      readonly search?: SearchFacts;
      /** Present where the run went on from an earlier run's model: epsilon and steps are of both together. */
      readonly continues?: ContinuedFacts;
      /** What is stated, in order; page and card follow it. */
      readonly lines: readonly StatementLine[];
    };

/** What an accountant was set to. */
export type AccountantSettings =
  | { readonly accountant: 'pld'; readonly gridNats: number | null; /** Share of delta kept for rounding and cut tails. */ readonly guardShare: number }
  | { readonly accountant: 'rdp'; readonly leastOrder: number; readonly greatestOrder: number; readonly bestOrder: number | null; readonly isOrderAtEdge: boolean }
  | { readonly accountant: 'exact-gaussian' }
  | { readonly accountant: 'zcdp' };

/** What a statement says of the runs that a model was trained on from. */
export interface ContinuedFacts {
  readonly runNumber: number;
  /** Steps that the model had behind it. */
  readonly stepsBefore: number;
  /** Epsilon of this run's own charges. */
  readonly epsilonAlone: number;
}

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
  /** Of a run that went on from an earlier run's model: the steps behind it, and what they were charged. `charges` and `steps` are then this run's own. */
  readonly continues?: Omit<ContinuedFacts, 'epsilonAlone'> & { readonly charges: readonly Charge[] };
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
  const { delta, unit, samplingRate, noiseMultiplier, clipNorm, validationEpsilon, isSecureNoise, samplerError, noiseLaw, search, continues } = facts;
  checkPositive('delta', delta);
  checkPositive('sampling rate', samplingRate);
  checkPositive('noise multiplier', noiseMultiplier);
  checkPositive('clip norm', clipNorm);
  checkInteger('steps', facts.steps);
  if (continues) checkInteger('steps before', continues.stepsBefore);
  if (samplerError !== undefined) checkNonNegative('sampler error', samplerError);
  // What the earlier model was charged is a part of what this one promises.
  const charges = [...(continues?.charges ?? []), ...facts.charges];
  const steps = (continues?.stepsBefore ?? 0) + facts.steps;
  const composed = composedEpsilon(charges, delta);
  const tight = pldEpsilon(charges, delta);
  const isPld = tight.accountant === 'pld';
  return completedStatement({
    isPrivate: true,
    epsilon: tight.epsilon,
    delta,
    unit,
    adjacency: 'zero-out',
    epsilonReplaceOne: replaceOneEpsilon(charges, delta),
    accountant: tight.accountant,
    accountantSettings: settingsInWords(settingsOf(composed, tight)),
    settings: settingsOf(composed, tight),
    sampling: samplingRate === 1 ? 'full-batch' : 'poisson',
    samplingRate,
    noiseMultiplier,
    steps,
    releases: joinedCharges(charges),
    clipNorm,
    mu: isPld ? null : composed.mu,
    validation: validationEpsilon === null ? null : { part: 'held-out', epsilon: validationEpsilon },
    publicFacts: publicFactCodes.filter((code) => (code !== 'person-count' || unit === 'person') && (code !== 'search-list' || search !== undefined)),
    notCovered: notCoveredCodes.filter((code) => code !== (unit === 'person' ? 'held-out' : 'held-out-people') && (code !== 'sampler-error' || samplerError === undefined)),
    isSecureNoise,
    ...(isPld && composed.accountant === 'rdp' ? { epsilonRdp: composed.epsilon } : {}),
    ...(noiseLaw === 'discrete-gaussian' ? { noiseLaw } : {}),
    ...(search ? { search } : {}),
    ...(continues ? { continues: { runNumber: continues.runNumber, stepsBefore: continues.stepsBefore, epsilonAlone: pldEpsilon(facts.charges, delta).epsilon } } : {}),
    ...(samplerError === undefined ? {} : { samplerDelta: samplerDelta(tight.epsilon, samplerError) }),
  });
}

type Private = Extract<PrivacyStatement, { isPrivate: true }>;
type Worked = 'guessingBound' | 'foundAtOnePercent' | 'lines' | 'deltaInAll' | 'deltaReplaceOne';

/** What the sampler may add to delta, as a share of it, without being in the delta that is stated: two digits would not tell it. */
const UNSTATED_SHARE = 1e-3;

/** delta with what the sampler adds to it at an epsilon of `statement.epsilon` or more; undefined where that is as good as nothing. */
function deltaWithSampler({ epsilon, delta, samplerDelta: atEpsilon = 0 }: Pick<Private, 'epsilon' | 'delta' | 'samplerDelta'>, higherEpsilon: number): number | undefined {
  // (1 + e^b) / (1 + e^a) is at most e^(b - a).
  const added = atEpsilon === 0 ? 0 : atEpsilon * Math.exp(higherEpsilon - epsilon);
  return added > UNSTATED_SHARE * delta ? Math.min(1, delta + added) : undefined;
}

/** A statement with all that follows from its other facts, worked out anew: also one that an older version wrote, which has less of it. */
export function completedStatement(statement: (Omit<Private, Worked> & Partial<Pick<Private, Worked>>) | { readonly isPrivate: false }): PrivacyStatement {
  if (!statement.isPrivate) return statement;
  const { deltaInAll: _inAll, deltaReplaceOne: _replaceOne, ...facts } = statement;
  const lines = { lines: statementLines({ ...facts, guessingBound: 1, foundAtOnePercent: 1 }) };
  // An infinite one is no number any more where it went through a file.
  if (!Number.isFinite(facts.epsilon)) return { ...facts, guessingBound: 1, foundAtOnePercent: 1, ...lines };
  const [deltaInAll, deltaReplaceOne] = [facts.epsilon, facts.epsilonReplaceOne].map((epsilon) => deltaWithSampler(facts, epsilon));
  return {
    ...facts, guessingBound: guessedRight(facts), foundAtOnePercent: foundAtOnePercent(facts), ...lines,
    ...(deltaInAll === undefined ? {} : { deltaInAll }), ...(deltaReplaceOne === undefined ? {} : { deltaReplaceOne }),
  };
}

function settingsOf(composed: ComposedEpsilon, { accountant, grid, guardShare }: PldEpsilon): AccountantSettings {
  if (accountant === 'pld') return { accountant, gridNats: grid, guardShare };
  if (accountant === 'rdp') return { accountant, leastOrder: Math.min(...defaultOrders), greatestOrder: Math.max(...defaultOrders), bestOrder: composed.order, isOrderAtEdge: composed.isOrderAtEdge };
  return { accountant };
}

function settingsInWords(settings: AccountantSettings): string {
  switch (settings.accountant) {
    case 'pld': return `connect-the-dots, both directions, grid ${settings.gridNats?.toExponential(1) ?? 'none'}, ${settings.guardShare.toExponential(1)} of delta for rounding and cut tails`;
    case 'exact-gaussian': return 'analytic Gaussian';
    case 'zcdp': return 'rho = mu^2 / 2, converted at the best order';
    case 'rdp': return `orders ${settings.leastOrder} to ${settings.greatestOrder}, best ${settings.bestOrder ?? 'none'}${settings.isOrderAtEdge ? ', at the edge of the orders tried' : ''}`;
  }
}
