/** What of a file's events is news to a ledger: hashes that it lacks, and limits for data sets that have none here. */
import { LedgerState } from './balance.ts';
import type { BudgetEvent, CohortEvent, LedgerEvent } from './events.ts';

/**
 * The events with every budget event made one that a ledger may take from elsewhere. A data set that has a budget here keeps it: what a copy set for
 * itself, or what was set before a share left, says nothing of the limit and the delta that hold here. A data set that has none gets the least limit and
 * the least delta that the file names for it, in an event of its own. Its id follows from what it says, so that the same file says it once.
 */
export function withoutKnownLimits(state: LedgerState, events: readonly LedgerEvent[]): LedgerEvent[] {
  const after = new LedgerState(events.filter(({ kind }) => kind === 'cohort'), state);
  const given = new Map<string, BudgetEvent[]>();
  for (const event of events) {
    if (event.kind !== 'budget') continue;
    for (const splitId of new Set(event.cohortIds.flatMap((cohortId) => after.splitOf(cohortId) ?? []))) {
      if (!state.budget(splitId)) given.set(splitId, [...(given.get(splitId) ?? []), event]);
    }
  }
  // Where the last of a data set's budgets stood, all of its cohorts are known.
  return events.flatMap((event): LedgerEvent[] => (event.kind !== 'budget' ? [event] : [...given].flatMap(([splitId, budgets]) => (budgets.at(-1) === event ? leastOf(splitId, budgets, after) : []))));
}

function leastOf(splitId: string, budgets: readonly BudgetEvent[], state: LedgerState): BudgetEvent[] {
  const [first] = budgets;
  if (!first) return [];
  const cohortIds = [...new Set(budgets.flatMap((budget) => budget.cohortIds.filter((cohortId) => state.splitOf(cohortId) === splitId)))];
  if (budgets.length === 1 && cohortIds.length === first.cohortIds.length && !state.event(first.id)) return [first];
  const epsilonLimit = Math.min(...budgets.map((budget) => budget.epsilonLimit));
  const delta = Math.min(...budgets.map((budget) => budget.delta));
  return [{ kind: 'budget', id: [first.id, splitId, epsilonLimit, delta].join('/'), cohortIds, epsilonLimit, delta }];
}

/** What a cohort event whose id is known brings of hashes that its cohort lacks here, as an event of its own; null where it brings none. */
export function newHashesOf(state: LedgerState, event: CohortEvent): CohortEvent | null {
  const known = state.unitsOf(event.cohortId);
  const { hashes = [], ...named } = event;
  const rowHashes = (event.rowHashes ?? []).filter((hash) => !known.rows.has(hash) && !known.either.has(hash));
  const personHashes = (event.personHashes ?? []).filter((hash) => !known.persons.has(hash) && !known.either.has(hash));
  const either = hashes.filter((hash) => !known.either.has(hash));
  if (rowHashes.length + personHashes.length + either.length === 0) return null;
  let number = 1;
  while (state.event(`${event.id}/hashes-${number}`)) number++;
  return { ...named, id: `${event.id}/hashes-${number}`, rowHashes, personHashes, ...(either.length > 0 ? { hashes: either } : {}), isDeclaredDisjoint: false };
}
