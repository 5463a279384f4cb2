import type { Charge } from '../privacy/composition.ts';
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

/**
 * What a run of `plan` promises by its planned end, and what it does not cover.
 * `charged` is what the ledger holds of the run's training part, once it has been: where interruptions had steps charged twice, epsilon says so.
 */
export function statementOf(plan: Plan, facts: PublicFacts, charged: readonly Charge[] = []): PrivacyStatement {
  if (!isPrivate(plan)) return { isPrivate: false };
  return buildStatement({
    charges: atLeast(plannedCharges(plan, facts.trainingUnits, facts.classes), charged),
    delta: plan.delta,
    unit: facts.unit,
    ...stepFacts(plan, facts),
    steps: plan.steps,
    clipNorm: plan.clipNorm,
    validationEpsilon: plan.validationEpsilon,
    isSecureNoise: true,
  });
}

/** Each mechanism as often as it was planned or charged, whichever is more. */
function atLeast(planned: readonly Charge[], charged: readonly Charge[]): Charge[] {
  const nameOf = ({ mechanism }: Charge) => `${mechanism.kind}/${mechanism.noiseMultiplier}/${mechanism.kind === 'gaussian' ? 1 : mechanism.samplingRate}`;
  const counts = new Map<string, number>();
  for (const charge of charged) counts.set(nameOf(charge), (counts.get(nameOf(charge)) ?? 0) + charge.count);
  const most = planned.map((charge) => ({ ...charge, count: Math.max(charge.count, counts.get(nameOf(charge)) ?? 0) }));
  const known = new Set(planned.map(nameOf));
  return [...most, ...charged.filter((charge) => !known.has(nameOf(charge)))];
}

function stepFacts(plan: PrivatePlan, { trainingUnits, classes }: PublicFacts): { readonly samplingRate: number; readonly noiseMultiplier: number } {
  if (plan.kind === 'full-batch-head') return { samplingRate: 1, noiseMultiplier: recipeBudget(plan, trainingUnits, classes).stepNoiseMultiplier };
  return dpSgdMechanism(plan, trainingUnits);
}
