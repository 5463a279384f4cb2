import { isPrivate } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Charge } from '../privacy/composition.ts';
import { recipeBudget } from './full-batch-head.ts';
import { dpSgdMechanism } from './run-dp-sgd.ts';
import { fullBatchCharges } from './run-full-batch-head.ts';

/** What a run of a plan charges the training part by the end of `steps` steps, all of them unless said. Depends on public counts alone. */
export function plannedCharges(plan: Plan, units: number, classes: number, steps?: number): readonly Charge[] {
  if (!isPrivate(plan)) return [];
  if (plan.kind === 'full-batch-head') return fullBatchCharges(plan, recipeBudget(plan, units, classes), steps ?? plan.steps);
  return [{ mechanism: dpSgdMechanism(plan, units), count: steps ?? plan.steps }];
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
