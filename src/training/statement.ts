import type { PrivacyUnit } from '../privacy/events.ts';
import { buildStatement, type PrivacyStatement } from '../privacy/statement.ts';
import { recipeBudget } from './full-batch-head.ts';
import { isPrivate, type Plan, type PrivatePlan } from './plan.ts';
import { plannedCharges } from './planned-charges.ts';
import { dpSgdMechanism } from './run-dp-sgd.ts';

/**
 * All that the mechanisms of a private run are chosen by, beside the plan. Public, and listed so by the statement; whatever else of the rows
 * has a say comes through a charged release. Zero-out adjacency: a neighbour's unit contributes nothing, and is still counted.
 */
export interface PublicFacts {
  readonly unit: PrivacyUnit;
  readonly trainingUnits: number;
  readonly classes: number;
}

/** What a run of `plan` promises by its planned end, and what it does not cover. */
export function statementOf(plan: Plan, facts: PublicFacts): PrivacyStatement {
  if (!isPrivate(plan)) return { isPrivate: false };
  return buildStatement({
    charges: plannedCharges(plan, facts.trainingUnits, facts.classes),
    delta: plan.delta,
    unit: facts.unit,
    ...stepFacts(plan, facts),
    steps: plan.steps,
    clipNorm: plan.clipNorm,
    validationEpsilon: plan.validationEpsilon,
    isSecureNoise: true,
  });
}

function stepFacts(plan: PrivatePlan, { trainingUnits, classes }: PublicFacts): { readonly samplingRate: number; readonly noiseMultiplier: number } {
  if (plan.kind === 'full-batch-head') return { samplingRate: 1, noiseMultiplier: recipeBudget(plan, trainingUnits, classes).stepNoiseMultiplier };
  return dpSgdMechanism(plan, trainingUnits);
}
