import type { DpSgdPlan, FullBatchHeadPlan, LabelSentencesPlan, LoraSettings, Plan, PlainHeadPlan, PlainLoraPlan, PrivatePlan } from '../training/plan.ts';

export type PlanKind = Plan['kind'];
export const planKinds: readonly PlanKind[] = ['full-batch-head', 'dp-sgd', 'plain-head', 'plain-lora', 'label-sentences'];

export function isPrivatePlan(plan: Plan): plan is PrivatePlan {
  return plan.kind === 'full-batch-head' || plan.kind === 'dp-sgd';
}

export function hasLora(plan: Plan): plan is DpSgdPlan | PlainLoraPlan {
  return plan.kind === 'dp-sgd' || plan.kind === 'plain-lora';
}

/** Steps or epochs of a plan; null where nothing is trained. */
export function planSteps(plan: Plan): number | null {
  if (isPrivatePlan(plan)) return plan.steps;
  return plan.kind === 'label-sentences' ? null : plan.epochs;
}

/** What a starting value is worked out from when the method changes. */
export interface PlanFacts {
  readonly trainingUnits: number;
  readonly encoderLayers: number;
  /** Largest delta that the ledger allows. */
  readonly delta: number;
}

/**
 * A plan of another kind that keeps what the two have in common. Recipe constants are those of recipe R;
 * the rest are ordinary starting values, open to change.
 */
export function planOfKind(kind: PlanKind, from: Plan, facts: PlanFacts, proposed: Plan): Plan {
  if (kind === from.kind) return from;
  const common = { maximumLength: from.maximumLength, unit: from.unit, heldOutShare: from.heldOutShare, seed: from.seed };
  if (kind === proposed.kind) return { ...proposed, ...common };
  const promise = isPrivatePlan(from) ? from : isPrivatePlan(proposed) ? proposed : null;
  const epsilon = promise?.epsilon ?? 3;
  const delta = promise?.delta ?? facts.delta;
  const validationEpsilon = promise ? promise.validationEpsilon : 1;
  const lora: LoraSettings = hasLora(from) ? from.lora : { rank: 8, alpha: 16, targets: ['query', 'value'], layers: Array.from({ length: facts.encoderLayers }, (_, layer) => layer) };
  const builders: { readonly [K in PlanKind]: () => Extract<Plan, { kind: K }> } = {
    'full-batch-head': (): FullBatchHeadPlan => ({
      ...common, kind: 'full-batch-head', epsilon, delta, steps: 50, clipNorm: 0.3, meanShare: 0.03, labelScale: 12, biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5,
      ...(facts.encoderLayers > 2 ? { featureLayers: [facts.encoderLayers, Math.floor(facts.encoderLayers / 2)], featureWeights: [0.5, 0.5] } : { featureLayers: [facts.encoderLayers], featureWeights: [1] }), validationEpsilon,
    }),
    'dp-sgd': (): DpSgdPlan => ({ ...common, kind: 'dp-sgd', epsilon, delta, steps: 200, expectedBatchSize: Math.max(1, Math.min(256, Math.round(facts.trainingUnits / 4))), clipNorm: 1, learningRate: 0.001, lora, validationEpsilon }),
    'plain-head': (): PlainHeadPlan => ({ ...common, kind: 'plain-head', epochs: 30, batchSize: 32, learningRate: 0.01, weightDecay: 0.01 }),
    'plain-lora': (): PlainLoraPlan => ({ ...common, kind: 'plain-lora', epochs: 3, batchSize: 16, learningRate: 0.0005, weightDecay: 0.01, lora }),
    'label-sentences': (): LabelSentencesPlan => ({ ...common, kind: 'label-sentences' }),
  };
  return builders[kind]();
}
