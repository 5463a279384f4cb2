import { validationMechanism } from './charged-validation.ts';
import { isPrivate, noiseLawOf, searchOf, type Plan, type PrivatePlan } from './plan.ts';
import type { Charge } from '../privacy/composition.ts';
import { recipeBudget, searchMechanism, searchScoreMu } from './full-batch-head.ts';
import { searchSlots } from './search-candidates.ts';
import { dpSgdMechanism } from './run-dp-sgd.ts';
import { fullBatchCharges } from './run-full-batch-head.ts';

/** What a run of a plan charges the training part by the end of `steps` steps, all of them unless said. Depends on public counts alone. */
export function plannedCharges(plan: Plan, units: number, classes: number, steps?: number): readonly Charge[] {
  if (!isPrivate(plan)) return [];
  if (plan.kind === 'full-batch-head') return fullBatchCharges(plan, recipeBudget(plan, units, classes), steps ?? plan.steps);
  return [{ mechanism: dpSgdMechanism(plan, units), count: steps ?? plan.steps }];
}

/** What a run charges the held-out part for choosing among its settings: without it the run cannot be made. */
export function searchScoreCharges(plan: Plan): readonly Charge[] {
  const search = searchOf(plan);
  return search && isPrivate(plan) ? [{ mechanism: searchMechanism(search, searchScoreMu(search, plan.delta)), count: 1 }] : [];
}

/** All that a run charges the held-out part: what it chooses by, and the score that may leave. */
export function heldOutCharges(plan: PrivatePlan): readonly Charge[] {
  const score = plan.validationEpsilon === null ? [] : [{ mechanism: validationMechanism({ epsilon: plan.validationEpsilon, delta: plan.delta, noiseLaw: noiseLawOf(plan) }), count: 1 }];
  return [...searchScoreCharges(plan), ...score];
}

/** Number of steps of a plan; of a search, of all its runs together. */
export function plannedSteps(plan: Plan, rows: number): number {
  switch (plan.kind) {
    case 'full-batch-head':
      return plan.search ? searchSlots(plan.search).slots * plan.steps : plan.steps;
    case 'dp-sgd':
      return plan.steps;
    case 'plain-head':
    case 'plain-lora':
    case 'plain-layers':
      return plan.epochs * Math.ceil(rows / plan.batchSize);
    case 'label-sentences':
      return 0;
  }
}
