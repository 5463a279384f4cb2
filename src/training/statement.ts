import { composedEpsilon } from '../privacy/composition.ts';
import { gaussianEpsilon } from '../privacy/gaussian.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import type { PrivacyStatement } from '../privacy/statement.ts';
import { recipeBudget } from './full-batch-head.ts';
import { isPrivate, type Plan, type PrivatePlan } from './plan.ts';
import { plannedCharges } from './planned-charges.ts';
import { dpSgdMechanism } from './run-dp-sgd.ts';

/**
 * All that a private run may read beside its noisy sums, in one type: the mechanism is a function of these alone,
 * and the statement lists them. Zero-out adjacency: a neighbour's unit contributes nothing, and is still counted.
 */
export interface PublicFacts {
  readonly unit: PrivacyUnit;
  readonly trainingUnits: number;
  readonly classes: number;
}

/** The codes under which the words name what is treated as public. */
export const publicFactCodes = ['row-count', 'person-count', 'columns', 'labels', 'label-sentences', 'encoder', 'maximum-length', 'split-rule', 'settings', 'run-count', 'stop-step', 'code-version'] as const;

/** The codes of what epsilon does not cover. */
export const notCoveredCodes = ['hyper-parameters', 'preprocessing', 'held-out-scores', 'held-out-people', 'held-out', 'side-channels', 'other-copies', 'cleared-data', 'label-sentences', 'sampler-error'] as const;

/**
 * What a run of `plan` promises by its planned end, and what it does not cover.
 * Epsilon is recomputed from the mechanisms. Under replace-one adjacency a Gaussian's sensitivity doubles; with Poisson sampling that shortcut
 * is no bound, so a replacement counts as two zero-outs.
 */
export function statementOf(plan: Plan, facts: PublicFacts): PrivacyStatement {
  if (!isPrivate(plan)) return { isPrivate: false };
  const charges = plannedCharges(plan, facts.trainingUnits, facts.classes);
  const composed = composedEpsilon(charges, plan.delta);
  return {
    isPrivate: true,
    epsilon: composed.epsilon,
    delta: plan.delta,
    unit: facts.unit,
    adjacency: 'zero-out',
    epsilonReplaceOne: composed.mu === null ? replaceOneEpsilon(plan.delta, (delta) => composedEpsilon(charges, delta).epsilon) : gaussianEpsilon(2 * composed.mu, plan.delta),
    accountant: composed.accountant,
    accountantSettings: composed.accountant === 'rdp' ? `order ${composed.order ?? 'none'}${composed.isOrderAtEdge ? ', at the edge of the orders tried' : ''}` : 'analytic Gaussian',
    ...mechanismFacts(plan, facts),
    steps: plan.steps,
    clipNorm: plan.clipNorm,
    mu: composed.mu,
    guessingBound: 1 / (1 + Math.exp(-composed.epsilon)),
    validation: plan.validationEpsilon === null ? null : { part: 'held-out', epsilon: plan.validationEpsilon },
    publicFacts: publicFactCodes.filter((code) => code !== 'person-count' || facts.unit === 'person'),
    notCovered: notCoveredCodes.filter((code) => code !== (facts.unit === 'person' ? 'held-out' : 'held-out-people')),
    isSecureNoise: true,
  };
}

function mechanismFacts(plan: PrivatePlan, facts: PublicFacts): { readonly sampling: 'full-batch' | 'poisson'; readonly samplingRate: number; readonly noiseMultiplier: number } {
  if (plan.kind === 'full-batch-head') return { sampling: 'full-batch', samplingRate: 1, noiseMultiplier: recipeBudget(plan, facts.trainingUnits, facts.classes).stepNoiseMultiplier };
  const { samplingRate, noiseMultiplier } = dpSgdMechanism(plan, facts.trainingUnits);
  return { sampling: 'poisson', samplingRate, noiseMultiplier };
}

/**
 * Two zero-outs in a row: (2 epsilon(d), (1 + e^epsilon(d)) d), with d chosen so that the second is at most `delta`.
 * Source: group privacy (Dwork and Roth 2014, theorem 2.2) in its approximate form.
 */
export function replaceOneEpsilon(delta: number, epsilonAt: (delta: number) => number): number {
  let inner = delta / 2;
  // Each round shrinks `inner` towards the solution from above; the last loop steps below it.
  for (let round = 0; round < 8; round++) inner = delta / (1 + Math.exp(epsilonAt(inner)));
  while (inner > 0 && (1 + Math.exp(epsilonAt(inner))) * inner > delta) inner *= 0.9;
  return inner > 0 ? 2 * epsilonAt(inner) : Infinity;
}
