import { isPrivate } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Mechanism } from '../privacy/events.ts';
import { recipeBudget } from './full-batch-head.ts';
import { dpSgdMechanism } from './run-dp-sgd.ts';
import { fullBatchCharges } from './run-full-batch-head.ts';

/** What a whole run of a plan will charge the training part. Depends on public counts alone. */
export function plannedCharges(plan: Plan, units: number, classes: number): readonly { readonly mechanism: Mechanism; readonly count: number }[] {
  if (!isPrivate(plan)) return [];
  if (plan.kind === 'full-batch-head') return fullBatchCharges(plan, recipeBudget(plan, units, classes), plan.steps);
  return [{ mechanism: dpSgdMechanism(plan, units), count: plan.steps }];
}

/** Number of steps of a plan. */
export function plannedSteps(plan: Plan, rows: number): number {
  switch (plan.kind) {
    case 'full-batch-head':
    case 'dp-sgd':
      return plan.steps;
    case 'plain-head':
    case 'plain-lora':
      return plan.epochs * Math.ceil(rows / plan.batchSize);
    case 'label-sentences':
      return 0;
  }
}
