import type { PrivacyUnit } from '../privacy/events.ts';
import { checkNoiseLaw, type NoiseLaw } from '../privacy/noise-laws.ts';
import type { AdapterConfig, LoraConfig, WholeConfig } from '../engine/parameters.ts';
import type { Decay } from '../engine/schedule.ts';

/** What every way of training shares. */
export interface PlanCommon {
  /** Tokens read of a note, [CLS] and [SEP] included. */
  readonly maximumLength: number;
  /** Unit of privacy; also what the split keeps together. */
  readonly unit: PrivacyUnit;
  /** Share of units held out, chosen by keyed hash. */
  readonly heldOutShare: number;
  /** Seed of everything that is not privacy: initial values, order of plain batches, bootstrap. */
  readonly seed: number;
  /** Present where training goes on from an earlier run's model; `steps` and `epochs` are those to come. */
  readonly continues?: Continuation;
}

/** What a plan that trains on takes over from the run before: made by `trainOnPlan`. */
export interface Continuation {
  readonly runId: string;
  readonly runNumber: number;
  /** Steps behind the model that it starts from, those of every earlier run that led to it. */
  readonly stepsBefore: number;
  /** Standard deviation over sensitivity of a step's noise, as the first run had it; null where the plan is not private. */
  readonly noiseMultiplier: number | null;
  /** Factor on the noisy gradient sum of a private head, as the first run had it; null for the others. */
  readonly stepSize: number | null;
}

/** Logit adjustment (Menon et al., arXiv 2007.07314) after training: how often each label occurs is counted with noise, and part of its log taken off the logits. */
export interface LabelBalance {
  /** Share of mu squared spent on the noisy counts. */
  readonly countShare: number;
  /** How much of the log prior is taken off: 0 none, 1 all. */
  readonly strength: number;
}

/** Encoder layers whose pooled outputs are the features, and their squared weights (sum 1). */
export interface FeatureLayers {
  readonly featureLayers: readonly number[];
  readonly featureWeights: readonly number[];
}

/** Noisy full-batch gradient descent on the head over frozen features (recipe R). Sampling rate 1, exact Gaussian accounting. */
export interface FullBatchHeadPlan extends PlanCommon, FeatureLayers {
  readonly kind: 'full-batch-head';
  readonly epsilon: number;
  readonly delta: number;
  readonly steps: number;
  readonly clipNorm: number;
  /** Share of mu squared spent on the noisy feature mean. */
  readonly meanShare: number;
  /** Multiplier of the unit label vectors at the start. */
  readonly labelScale: number;
  readonly biasInput: number;
  /** Last share of the iterates that is averaged. */
  readonly averageLast: number;
  /** Upper end of nu = min(maximumNu, 0.35 sqrt(N mu / K)). */
  readonly maximumNu: number;
  /** Helps rare labels; absent where predictions stay as they are. Needs a bias input above 0. */
  readonly balance?: LabelBalance;
  /** Epsilon of the charged validation on the held-out part; null switches it off. */
  readonly validationEpsilon: number | null;
  /** Of all noise of the run; the rounded Gaussian where it is absent. */
  readonly noiseLaw?: NoiseLaw;
  /** Tries a secret number of settings and keeps the best; absent or null where the plan's own settings are trained once. `epsilon` is that of the whole search. */
  readonly search?: SearchSettings | null;
}

export interface SearchSettings {
  /** Mean of the Poisson law that the number of runs is drawn from. */
  readonly meanRuns: number;
  /** Epsilon that the held-out part is charged for the scores that decide, all together. */
  readonly scoreEpsilon: number;
}

export type LoraSettings = LoraConfig;

/** How gradients move the parameters. */
export interface DescentSettings {
  readonly optimizer: 'adamw' | 'sgd';
  /** Of SGD, 0 to 1. */
  readonly momentum: number;
  /** Share of the steps over which the learning rate rises from 0. */
  readonly warmUpShare: number;
  readonly decay: Decay;
}

/** What a plan that says nothing of it means. */
export const usualDescent: DescentSettings = { optimizer: 'adamw', momentum: 0.9, warmUpShare: 0, decay: 'linear' };

/** DP-SGD (Abadi et al., arXiv 1607.00133) of LoRA and head, Poisson sampling, RDP accounting. */
export interface DpSgdPlan extends PlanCommon {
  readonly kind: 'dp-sgd';
  readonly epsilon: number;
  readonly delta: number;
  readonly steps: number;
  readonly expectedBatchSize: number;
  readonly clipNorm: number;
  readonly learningRate: number;
  /** `usualDescent` where absent. */
  readonly descent?: DescentSettings;
  readonly lora: LoraSettings;
  readonly validationEpsilon: number | null;
}

/**
 * Ends a run whose held-out loss no longer falls, and keeps the model of the look with the least. Only of plans that are not private: the looks steer
 * what is released, so that a private plan would have to charge the held-out part for each.
 */
export interface EarlyStop {
  /** Looks in a row, of ten a run, that bring no smaller loss. */
  readonly patience: number;
}

/** Not private, and says so everywhere. */
export interface PlainHeadPlan extends PlanCommon {
  readonly kind: 'plain-head';
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** `usualDescent` where absent. */
  readonly descent?: DescentSettings;
  readonly weightDecay: number;
  /** See `EarlyStop`; trains to the end where absent. */
  readonly stopEarly?: EarlyStop;
}

export interface PlainLoraPlan extends PlanCommon {
  readonly kind: 'plain-lora';
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** `usualDescent` where absent. */
  readonly descent?: DescentSettings;
  readonly weightDecay: number;
  /** See `EarlyStop`; trains to the end where absent. */
  readonly stopEarly?: EarlyStop;
  readonly lora: LoraSettings;
}

/** Ordinary fine-tuning of whole layers and the head, without adapters. Not private: no gradient is made by example, so that none could be clipped. */
export interface PlainLayersPlan extends PlanCommon {
  readonly kind: 'plain-layers';
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** `usualDescent` where absent. */
  readonly descent?: DescentSettings;
  readonly weightDecay: number;
  /** See `EarlyStop`; trains to the end where absent. */
  readonly stopEarly?: EarlyStop;
  readonly whole: WholeConfig;
}

/** Plans that descend on shuffled batches. */
export type PlainPlan = PlainHeadPlan | PlainLoraPlan | PlainLayersPlan;

/** The label sentences alone: costs no privacy, reads no label. */
export interface LabelSentencesPlan extends PlanCommon {
  readonly kind: 'label-sentences';
}

export type Plan = FullBatchHeadPlan | DpSgdPlan | PlainPlan | LabelSentencesPlan;
export type PrivatePlan = FullBatchHeadPlan | DpSgdPlan;

export function isPrivate(plan: Plan): plan is PrivatePlan {
  return plan.kind === 'full-batch-head' || plan.kind === 'dp-sgd';
}

/** What a plan trains beside the head inside the encoder: null where nothing, as heads over frozen features do. */
export function adapterOf(plan: Plan, classes: number): AdapterConfig | null {
  if (plan.kind === 'dp-sgd' || plan.kind === 'plain-lora') return { classes, lora: plan.lora };
  return plan.kind === 'plain-layers' ? { classes, lora: null, whole: plan.whole } : null;
}

/** By which law the noise of a plan is drawn, and charged. @throws `privacy/noise-law` where it names another. */
export function noiseLawOf(plan: PrivatePlan): NoiseLaw {
  return plan.kind === 'full-batch-head' ? checkNoiseLaw(plan.noiseLaw ?? 'rounded-gaussian') : 'rounded-gaussian';
}

/** The search of a plan, or null where its settings are trained once. */
export function searchOf(plan: Plan): SearchSettings | null {
  return plan.kind === 'full-batch-head' ? (plan.search ?? null) : null;
}
