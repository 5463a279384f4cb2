import type { FullBatchHeadPlan } from '../src/training/plan.ts';
import type { ViewName } from './recipes-features.ts';

/** Recipe R with something changed. */
export interface RecipeVariant {
  readonly name: string;
  readonly plan: FullBatchHeadPlan;
  /** Which outputs of the encoder the features are made of. */
  readonly view: ViewName;
  /** False fixes nu at its upper end. */
  readonly isNuAdaptive: boolean;
  /** Share of mu squared for a noisy count of each class; 0 leaves predictions as they are. */
  readonly histogramShare: number;
  /** How much of the log prior is taken off the logits. */
  readonly strength: number;
}

/** Each part of recipe R left out, and each candidate put in, alone. */
export function recipeVariants(plan: FullBatchHeadPlan, views: readonly ViewName[]): RecipeVariant[] {
  const variant = (name: string, change: Partial<FullBatchHeadPlan> = {}, rest: Partial<RecipeVariant> = {}): RecipeVariant => ({ name, plan: { ...plan, ...change }, view: 'one window', isNuAdaptive: true, histogramShare: 0, strength: 0, ...rest });
  const layers = (featureLayers: number[], featureWeights: number[]) => variant(`layers ${featureLayers.map((layer, at) => `${layer} (${featureWeights[at]?.toFixed(2)})`).join(' + ')}`, { featureLayers, featureWeights });
  const last = 6;
  // In order of what is asked first: a run that is cut short has said most.
  return [
    variant('R'),
    layers([last, 4], [0.5, 0.5]),
    layers([last, 4], [0.8, 0.2]),
    layers([last, 3], [0.5, 0.5]),
    layers([last, 3], [0.8, 0.2]),
    layers([last, 4, 2], [1 / 3, 1 / 3, 1 / 3]),
    variant('averaging the last half', { averageLast: 0.5 }),
    variant('without averaging', { averageLast: 0 }),
    variant('balanced, 5 % of mu²', {}, { histogramShare: 0.05, strength: 0.5 }),
    variant('balanced by the whole prior', {}, { histogramShare: 0.05, strength: 1 }),
    variant('without label sentences', { labelScale: 0 }),
    variant('without the noisy mean', { meanShare: 0 }),
    variant('with a fixed nu', {}, { isNuAdaptive: false }),
    variant('without the bias input', { biasInput: 0 }),
    variant('balanced, 2 % of mu²', {}, { histogramShare: 0.02, strength: 0.5 }),
    ...views.filter((view) => view !== 'one window').map((view) => variant(view, {}, { view })),
  ];
}
