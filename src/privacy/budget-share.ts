/**
 * A share of a budget that leaves with a copy of the notes, and that the origin loses.
 *
 * Let a data set's units be promised (L, delta). For a share e the origin's limit falls to L - e and its delta to delta / 2, durably, before the copy
 * is handed over; the copy may charge what composes to at most e at delta / 2. Everything the origin ever releases, before and after, is then
 * (L - e, delta / 2)-DP, and what the copy releases by itself is (e, delta / 2)-DP, so that both together are (L, delta)-DP by basic composition
 * (Dwork & Roth 2014, Theorem 3.16). What one releases may depend on what the other has released: composition theorems hold for interactive
 * mechanisms that run side by side (Lyu 2022; Vadhan & Zhang 2023). What the copy knows of the origin's spending is in the origin's part.
 *
 * A copy's copy is the same with the allowance in place of the limit. Every data set of the ledger that may hold the same people loses the share
 * too, and so does every allowance: the least of what they have left is what can be given. Delta is halved by each share.
 * A data set that the ledger comes to know later has a limit of its own, from which nothing that left before is taken: what copies still spend comes beside it, and statements list
 * copies as not covered. Whoever is in the data set that gave the share keeps (L, delta) all the same, for what is charged to the later one counts against its limit.
 * A share is meant to be opened on one other device. A file that is opened on two spends it twice, and nobody sees it.
 */
import { BedsideError } from '../ground/errors.ts';
import { checkPositive } from '../ground/check.ts';
import { roundDownTo, roundUp } from '../ground/rounding.ts';
import type { LedgerState } from './balance.ts';
import type { AllowanceEvent, BudgetEvent } from './events.ts';

/** To this relative slack a share is within what is left: "all that is left" went through a page and back. */
const SHARE_SLACK = 1e-9;

export interface Shareable {
  /** The most that may be given away. */
  readonly epsilon: number;
  /** What it is counted at, here and there, once it is given. */
  readonly delta: number;
}

export function shareTooLarge(found: number, largest: number): BedsideError {
  const values = { found: roundUp(found, 4), largest: roundDownTo(largest, 4) };
  return new BedsideError('settings/share-too-large', 'settings', `At most epsilon ${values.largest} is left to go with a copy of these notes, found ${values.found}. Nothing was given away and no file was written.`, 'Give less, or none: a copy without a share can be used and not trained privately.', values);
}

/** What of a data set's budget could leave with a copy; null where no budget is set for it. */
export function shareable(state: LedgerState, splitId: string): Shareable | null {
  return state.bounds.tightly(() => shareableOf(state, splitId));
}

function shareableOf(state: LedgerState, splitId: string): Shareable | null {
  if (!state.budget(splitId)) return null;
  const affected = state.affectedBy(splitId).filter((other) => state.budget(other) !== null);
  const deltas = affected.flatMap((other) => state.balance(other)?.delta ?? []);
  const delta = Math.min(...deltas) / 2;
  const limits = affected.flatMap((other) => {
    const balance = state.balance(other, {}, other, delta);
    return balance ? [balance.epsilonLimit - balance.epsilonSpent] : [];
  });
  const allowances = state.allowances(splitId, {}, delta).map(({ epsilon, epsilonSpent }) => epsilon - epsilonSpent);
  const least = Math.min(...limits, ...allowances);
  return { epsilon: least > 0 ? least : 0, delta };
}

/**
 * The events by which the origin loses a share: a lower limit for every data set that counts, a lower allowance where it was a copy itself.
 * @throws settings/share-too-large where less is left.
 */
export function shareEvents(state: LedgerState, splitId: string, share: { readonly id: string; readonly epsilon: number }): { readonly events: readonly (BudgetEvent | AllowanceEvent)[]; readonly delta: number } {
  const { id, epsilon } = share;
  checkPositive('share of the budget', epsilon);
  const most = shareable(state, splitId) ?? { epsilon: 0, delta: 0 };
  if (!(epsilon <= most.epsilon * (1 + SHARE_SLACK))) throw shareTooLarge(epsilon, most.epsilon);
  const { delta } = most;
  const byLimit = new Map<number, string[]>();
  for (const other of state.affectedBy(splitId)) {
    const budget = state.budget(other);
    if (budget) byLimit.set(budget.epsilonLimit, [...(byLimit.get(budget.epsilonLimit) ?? []), ...state.cohortIds.filter((cohortId) => state.splitOf(cohortId) === other)]);
  }
  const less = (limit: number) => Math.max(0, limit - epsilon);
  const budgets = [...byLimit].map(([limit, cohortIds], index): BudgetEvent => ({ kind: 'budget', id: `${id}/limit-${index + 1}`, cohortIds, epsilonLimit: less(limit), delta, share: { id, epsilon } }));
  const allowances = state.allowances(splitId, {}).map((one, index): AllowanceEvent => ({
    kind: 'allowance', id: `${id}/allowance-${index + 1}`, allowanceId: one.allowanceId, cohortIds: [...one.cohortIds], epsilon: less(one.epsilon), delta, givenBy: one.givenBy,
  }));
  return { events: [...budgets, ...allowances], delta };
}
