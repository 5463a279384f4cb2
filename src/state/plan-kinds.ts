import type { LoraTarget } from '../engine/parameters.ts';
import type { PlanAlternatives } from '../training/propose.ts';
import type { DescentSettings, DpSgdPlan, FeatureLayers, FullBatchHeadPlan, LabelBalance, Plan, PlainLoraPlan, PlainPlan, PrivatePlan } from '../training/plan.ts';

export type PlanKind = Plan['kind'];

/** What a plan that does not say how its parameters move means; as the training layer has it. */
export const usualDescent: DescentSettings = { optimizer: 'adamw', momentum: 0.9, warmUpShare: 0, decay: 'linear' };

/** Maps of a layer that adapters can be put beside, as the engine orders them. */
export const adaptableMaps = ['query', 'key', 'value', 'attention-output', 'feed-forward'] as const satisfies readonly LoraTarget[];

export function isPrivatePlan(plan: Plan): plan is PrivatePlan {
  return plan.kind === 'full-batch-head' || plan.kind === 'dp-sgd';
}

export function hasLora(plan: Plan): plan is DpSgdPlan | PlainLoraPlan {
  return plan.kind === 'dp-sgd' || plan.kind === 'plain-lora';
}

/** What a model of this plan has of its own, beside the encoder: that, and no more, is saved to a file. */
export function trainedParts(plan: Plan): 'head' | 'adapters' | 'layers' {
  return hasLora(plan) ? 'adapters' : plan.kind === 'plain-layers' ? 'layers' : 'head';
}

/** Layers of the encoder, as any proposal tells them. */
export function encoderLayersOf(alternatives: PlanAlternatives): number {
  return alternatives['plain-lora'].lora.layers.length;
}

/** Features of a private head as it is proposed: those of the last layer. */
export function lastLayerOf(alternatives: PlanAlternatives): FeatureLayers {
  const { featureLayers, featureWeights } = alternatives['full-batch-head'];
  return { featureLayers, featureWeights };
}

/** Steps or epochs of a plan; null where nothing is trained. */
export function planSteps(plan: Plan): number | null {
  if (isPrivatePlan(plan)) return plan.steps;
  return plan.kind === 'label-sentences' ? null : plan.epochs;
}

/** `to` with the choices made in `from` that both kinds have: what is read and held out, the promise, the adapters. */
export function carryChoices(from: Plan, to: Plan): Plan {
  if (from.kind === to.kind) return from;
  const { maximumLength, unit, heldOutShare, seed } = from;
  const plan: Plan = { ...to, maximumLength, unit, heldOutShare, seed };
  if (isPrivatePlan(from) && isPrivatePlan(plan)) return { ...plan, epsilon: from.epsilon, delta: from.delta, validationEpsilon: from.validationEpsilon };
  return hasLora(from) && hasLora(plan) ? { ...plan, lora: from.lora } : plan;
}

/** Looks in a row without gain after which a run ends, where its owner asks for it. */
const usualPatience = 3;

/** The plan ending where the held-out notes no longer gain, or training to its end. */
export function withEarlyStop(plan: PlainPlan, isOn: boolean): PlainPlan {
  const { stopEarly: _, ...rest } = plan;
  return isOn ? { ...rest, stopEarly: { patience: usualPatience } } : rest;
}

/** The plan with rare labels helped, or as they are. */
export function withBalance(plan: FullBatchHeadPlan, balance: LabelBalance | null): FullBatchHeadPlan {
  const { balance: _, ...rest } = plan;
  return balance ? { ...rest, balance } : rest;
}
