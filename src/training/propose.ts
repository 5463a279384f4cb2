import { gaussianMu } from '../privacy/gaussian.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import { usualLabelScale } from './full-batch-head.ts';
import type { DpSgdPlan, FeatureLayers, FullBatchHeadPlan, LabelBalance, LabelSentencesPlan, LoraSettings, Plan, PlainHeadPlan, PlainLayersPlan, PlainLoraPlan, PlanCommon, SearchSettings } from './plan.ts';
import { defaultSearch } from './search-candidates.ts';
import type { LengthReport } from './units.ts';

/** What a plan may be chosen by: public facts alone, counts included (zero-out adjacency holds the counts public). */
export interface PlanFacts {
  readonly trainingUnits: number;
  readonly trainingRows: number;
  readonly heldOutUnits: number;
  readonly heldOutRows: number;
  readonly classes: number;
  readonly unit: PrivacyUnit;
  /** Layers of the encoder. */
  readonly encoderLayers: number;
  readonly maximumLength: number;
  readonly heldOutShare: number;
  readonly seed: number;
  /** Target of the run; at most what the budget has left. */
  readonly epsilon: number;
  readonly delta: number;
}

/** Why the plan is what it is, as codes for the words. */
export interface PlanReason {
  readonly code: string;
  readonly values: Readonly<Record<string, number | string>>;
}

/** The default plan of each way of training, for a person who changes the way. */
export type PlanAlternatives = { readonly [Kind in Plan['kind']]: Extract<Plan, { readonly kind: Kind }> };

export interface PlanProposal {
  readonly plan: Plan;
  readonly alternatives: PlanAlternatives;
  /** Of a private head whose owner asks for rare labels to be helped. */
  readonly balance: LabelBalance;
  /** Of a private head whose owner asks for two layers to be read; null where the encoder has one. */
  readonly twoLayers: FeatureLayers | null;
  /** How a person who wants several settings tried begins. */
  readonly search: SearchSettings;
  readonly reasons: readonly PlanReason[];
  /** x = N mu / K of recipe R; below 2 the label sentences alone do as well, below 10 little is gained. */
  readonly signal: number;
  readonly isTooFewRows: boolean;
  /** It is the budget that is short, not the notes: at the default epsilon they would not be too few. */
  readonly isBudgetShort?: boolean;
  readonly trainingUnits: number;
  readonly trainingRows: number;
  readonly heldOutUnits: number;
  readonly heldOutRows: number;
  readonly lengths: LengthReport;
}

export const defaultEpsilon = 3;
/** The least that a form takes and a plan is proposed for: below, notes teach a model nothing. */
export const leastEpsilon = 0.05;
/** Of the held-out part, which has a budget of its own: 240 rows then lose 1.6 points of standard deviation to noise beside 3.0 of sampling. */
export const defaultValidationEpsilon = 1;
export const defaultHeldOutShare = 0.2;
/** Fixed, not a percentile: lengths are private. */
export const defaultMaximumLength = 128;

/** delta = min(1e-5, 1 / (10 N)), fixed when the budget is set; N counts units of both parts. */
export function defaultDelta(units: number): number {
  return Math.min(1e-5, 1 / (10 * Math.max(1, units)));
}

/**
 * Of a head whose owner asks for rare labels to be helped; off by default, for it costs accuracy where labels are uneven.
 * Measured by `npm run bench -- recipes`, differences in points to the same head without it: on mts-dialog (20 uneven labels, 20 seeds) macro-F1 +0.8 ± 1.0 and accuracy -1.5 ± 0.6 at epsilon 1,
 * +1.5 ± 1.4 and -1.7 ± 0.6 at epsilon 3; on banking77 (even labels, 5 seeds) within 0.1 at every epsilon.
 */
export const defaultBalance: LabelBalance = { countShare: 0.05, strength: 0.5 };

function common({ maximumLength, unit, heldOutShare, seed }: PlanFacts): PlanCommon {
  return { maximumLength, unit, heldOutShare, seed };
}

export function fullBatchHeadPlan(facts: PlanFacts): FullBatchHeadPlan {
  return {
    kind: 'full-batch-head', ...common(facts), epsilon: facts.epsilon, delta: facts.delta,
    steps: 50, clipNorm: 0.3, meanShare: 0.03, labelScale: usualLabelScale, biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5,
    featureLayers: [facts.encoderLayers], featureWeights: [1],
    validationEpsilon: defaultValidationEpsilon,
  };
}

function loraSettings(encoderLayers: number): LoraSettings {
  return { rank: 8, alpha: 16, targets: ['query', 'value'], layers: Array.from({ length: encoderLayers }, (_, layer) => layer) };
}

/** Batches of a twentieth of the units, 256 at least: the noise of a mean gradient falls with the batch. */
export function dpSgdPlan(facts: PlanFacts): DpSgdPlan {
  return {
    kind: 'dp-sgd', ...common(facts), epsilon: facts.epsilon, delta: facts.delta,
    steps: 80, expectedBatchSize: Math.min(facts.trainingUnits, Math.max(256, Math.round(facts.trainingUnits / 20))), clipNorm: 0.5, learningRate: 0.005,
    lora: loraSettings(facts.encoderLayers), validationEpsilon: defaultValidationEpsilon,
  };
}

export function plainHeadPlan(facts: PlanFacts): PlainHeadPlan {
  return { kind: 'plain-head', ...common(facts), epochs: 40, batchSize: 64, learningRate: 0.01, weightDecay: 1e-4 };
}

/** Below 4,000 rows small batches and eight epochs, above larger ones and five: the two recipes that were measured. */
export function plainLoraPlan(facts: PlanFacts): PlainLoraPlan {
  const isSmall = facts.trainingRows < 4000;
  return { kind: 'plain-lora', ...common(facts), epochs: isSmall ? 8 : 5, batchSize: isSmall ? 16 : 64, learningRate: isSmall ? 0.001 : 0.002, weightDecay: 0.01, lora: loraSettings(facts.encoderLayers) };
}

/** The top two layers, at a usual rate of fine-tuning small encoders: no public set was measured with it yet. */
export function plainLayersPlan(facts: PlanFacts): PlainLayersPlan {
  return { kind: 'plain-layers', ...common(facts), epochs: 4, batchSize: 16, learningRate: 3e-4, weightDecay: 0.01, whole: { topLayers: Math.min(2, facts.encoderLayers), embeddings: false } };
}

export function labelSentencesPlan(facts: PlanFacts): LabelSentencesPlan {
  return { kind: 'label-sentences', ...common(facts) };
}

const defaultPlans: { readonly [Kind in keyof PlanAlternatives]: (facts: PlanFacts) => PlanAlternatives[Kind] } = {
  'full-batch-head': fullBatchHeadPlan,
  'dp-sgd': dpSgdPlan,
  'plain-head': plainHeadPlan,
  'plain-lora': plainLoraPlan,
  'plain-layers': plainLayersPlan,
  'label-sentences': labelSentencesPlan,
};

/**
 * Two layers of the encoder in equal parts, the last and that at two thirds of its depth; off by default, for which notes gain by it is no public fact:
 * `npm run bench -- recipes` finds a gain on mts-dialog and a loss on banking77.
 */
export function twoFeatureLayers(encoderLayers: number): FeatureLayers | null {
  const middle = Math.round((encoderLayers * 2) / 3);
  return middle < 1 || middle === encoderLayers ? null : { featureLayers: [encoderLayers, middle], featureWeights: [0.5, 0.5] };
}

/** The default plan of one way of training. */
export function planOfKind<Kind extends Plan['kind']>(kind: Kind, facts: PlanFacts): PlanAlternatives[Kind] {
  return defaultPlans[kind](facts);
}

function planAlternatives(facts: PlanFacts): PlanAlternatives {
  return {
    'full-batch-head': planOfKind('full-batch-head', facts),
    'dp-sgd': planOfKind('dp-sgd', facts),
    'plain-head': planOfKind('plain-head', facts),
    'plain-lora': planOfKind('plain-lora', facts),
    'plain-layers': planOfKind('plain-layers', facts),
    'label-sentences': planOfKind('label-sentences', facts),
  };
}

/** Of x = N mu / K: below, the label sentences alone do as well. */
export const leastSignal = 2;

/** x = N mu / K of recipe R: how far labels outweigh the noise. */
export function signalOf(units: number, classes: number, epsilon: number, delta: number): number {
  return (units * gaussianMu(epsilon, delta)) / classes;
}

/** Fewer units than this are too few at epsilon 1 or less, whatever the labels. */
export const fewestUnitsAtOne = 300;

function isTooFewAt({ trainingUnits, classes, delta }: PlanFacts, epsilon: number): boolean {
  return signalOf(trainingUnits, classes, epsilon, delta) < leastSignal || (trainingUnits < fewestUnitsAtOne && epsilon <= 1);
}

/**
 * The plan that stands ready, chosen by rule, and why.
 * Below x = 2, or under 300 units at epsilon 1 or less, the label sentences alone do as well and are offered instead; between 2 and 10 a few points over them; above 10 training pays.
 */
export function proposePlan(facts: PlanFacts, lengths: LengthReport): PlanProposal {
  const signal = signalOf(facts.trainingUnits, facts.classes, facts.epsilon, facts.delta);
  const isTooFewRows = isTooFewAt(facts, facts.epsilon);
  const isBudgetShort = isTooFewRows && !isTooFewAt(facts, Math.max(facts.epsilon, defaultEpsilon));
  const alternatives = planAlternatives(facts);
  const plan = alternatives[isTooFewRows ? 'label-sentences' : 'full-batch-head'];
  const reasons: PlanReason[] = [];
  if (isBudgetShort) reasons.push({ code: 'too-little-budget', values: { epsilon: facts.epsilon } });
  else if (isTooFewRows) reasons.push({ code: 'too-few-rows', values: { units: facts.trainingUnits, classes: facts.classes, signal } });
  else {
    reasons.push({ code: 'private-by-default', values: { epsilon: facts.epsilon, delta: facts.delta } });
    reasons.push({ code: 'full-batch-head', values: { units: facts.trainingUnits } });
    reasons.push({ code: signal < 10 ? 'few-points-over-sentences' : 'rows-enough', values: { units: facts.trainingUnits, classes: facts.classes, signal } });
    reasons.push({ code: 'charged-validation', values: { epsilon: defaultValidationEpsilon, units: facts.heldOutUnits } });
  }
  reasons.push({ code: facts.unit === 'person' ? 'unit-person' : 'unit-row', values: { units: facts.trainingUnits, rows: facts.trainingRows } });
  reasons.push({ code: 'maximum-length', values: { tokens: facts.maximumLength } });
  const { trainingUnits, trainingRows, heldOutUnits, heldOutRows } = facts;
  return { plan, alternatives, balance: defaultBalance, twoLayers: twoFeatureLayers(facts.encoderLayers), search: defaultSearch, reasons, signal, isTooFewRows, isBudgetShort, trainingUnits, trainingRows, heldOutUnits, heldOutRows, lengths };
}
