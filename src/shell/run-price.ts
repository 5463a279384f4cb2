import type { AfterRun } from './after-run.ts';
import type { BudgetReport, RunPrice } from './bedside.service.ts';

/** What a run would bring each part to, by the ledger before it. */
export function runPrice({ epsilonLimit, epsilonSpent, epsilonTraining = epsilonSpent, epsilonHeldOut }: BudgetReport, after: AfterRun): RunPrice {
  const { epsilonTrainingAfter, epsilonHeldOutAfter, fitsBudget, scoreFits } = after;
  // A charge adds something, if it is less than a page shows.
  const heldOut = epsilonHeldOutAfter > epsilonHeldOut ? { epsilonBefore: epsilonHeldOut, epsilonAfter: epsilonHeldOutAfter } : null;
  return { epsilonBefore: epsilonTraining, epsilonAfter: epsilonTrainingAfter, epsilonLimit, fits: fitsBudget, heldOut, scoreFits };
}
