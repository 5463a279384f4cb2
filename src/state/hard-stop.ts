import type { BudgetReport } from '../shell/bedside.service.ts';

/** Epsilon at which charging ends: the limit, or for a copy of a project file what is spent and the rest of what it brought along, where that is less. */
export function hardStopOf({ epsilonLimit, epsilonSpent, allowance }: Pick<BudgetReport, 'epsilonLimit' | 'epsilonSpent' | 'allowance'>): number {
  return allowance ? Math.min(epsilonLimit, epsilonSpent + Math.max(0, allowance.epsilon - allowance.epsilonSpent)) : epsilonLimit;
}

/** Epsilon that is free under the limit and, for a copy, of what it brought along. */
export function freeOf(budget: Pick<BudgetReport, 'epsilonLimit' | 'epsilonSpent' | 'allowance'>): number {
  return Math.max(0, hardStopOf(budget) - budget.epsilonSpent);
}
