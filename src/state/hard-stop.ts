import type { BudgetReport } from '../shell/bedside.service.ts';

/** Epsilon at which charging ends: the limit, or for a copy of a project file what is spent and the rest of what it brought along, where that is less. */
export function hardStopOf({ epsilonLimit, epsilonSpent, allowance }: Pick<BudgetReport, 'epsilonLimit' | 'epsilonSpent' | 'allowance'>): number {
  return allowance ? Math.min(epsilonLimit, epsilonSpent + Math.max(0, allowance.epsilon - allowance.epsilonSpent)) : epsilonLimit;
}

/** The same for the units of each part, whose charges compose apart. Of what a copy brought along, what its most exposed unit has left counts for both: that unit may be in either part here. */
export function partStopsOf(budget: Pick<BudgetReport, 'epsilonLimit' | 'epsilonSpent' | 'epsilonTraining' | 'epsilonHeldOut' | 'allowance'>): { readonly training: number; readonly heldOut: number } {
  return { training: hardStopOf({ ...budget, epsilonSpent: budget.epsilonTraining ?? budget.epsilonSpent }), heldOut: hardStopOf({ ...budget, epsilonSpent: budget.epsilonHeldOut }) };
}

/** Epsilon that is free under the limit and, for a copy, of what it brought along. */
export function freeOf(budget: Pick<BudgetReport, 'epsilonLimit' | 'epsilonSpent' | 'allowance'>): number {
  return Math.max(0, hardStopOf(budget) - budget.epsilonSpent);
}
