import type { BudgetReport } from '../shell/bedside.service.ts';

/** Epsilon at which charging ends: the limit, or for a copy of a project file what is spent and the rest of what it brought along, where that is less. */
export function hardStopOf({ epsilonLimit, epsilonSpent, allowance }: Pick<BudgetReport, 'epsilonLimit' | 'epsilonSpent' | 'allowance'>): number {
  return allowance ? Math.min(epsilonLimit, epsilonSpent + Math.max(0, allowance.epsilon - allowance.epsilonSpent)) : epsilonLimit;
}

/** The same for the units of each part, whose charges compose apart. Of what a copy brought along, what its most exposed unit has left counts for both: that unit may be in either part here. */
export function partStopsOf(budget: Pick<BudgetReport, 'epsilonLimit' | 'epsilonSpent' | 'epsilonTraining' | 'epsilonHeldOut' | 'allowance'>): { readonly training: number; readonly heldOut: number } {
  return { training: hardStopOf({ ...budget, epsilonSpent: budget.epsilonTraining ?? budget.epsilonSpent }), heldOut: hardStopOf({ ...budget, epsilonSpent: budget.epsilonHeldOut }) };
}

/** Whether what the most exposed unit has spent is the held-out part's. */
export function isHeldOutFuller({ epsilonSpent, epsilonTraining = epsilonSpent, epsilonHeldOut }: Pick<BudgetReport, 'epsilonSpent' | 'epsilonTraining' | 'epsilonHeldOut'>): boolean {
  // Less is no difference on a page.
  return epsilonHeldOut - epsilonTraining >= 0.005;
}

/** Epsilon that is free for training and for scores of the held-out part, by `partStopsOf`. */
export function partsFreeOf(budget: Parameters<typeof partStopsOf>[0]): { readonly training: number; readonly heldOut: number } {
  const stops = partStopsOf(budget);
  return { training: Math.max(0, stops.training - (budget.epsilonTraining ?? budget.epsilonSpent)), heldOut: Math.max(0, stops.heldOut - budget.epsilonHeldOut) };
}
