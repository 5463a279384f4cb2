import type { ChargeEvent, DataPart, LedgerEntry } from '../../../privacy/events.ts';

/** Neighbouring charges of one run for one purpose, told as one line. */
export interface LedgerLine {
  readonly first: LedgerEntry;
  readonly last: LedgerEntry;
  readonly count: number;
}

const isAlike = (a: ChargeEvent, b: ChargeEvent): boolean => a.runId === b.runId && a.purpose === b.purpose && a.cohortId === b.cohortId && JSON.stringify(a.mechanism) === JSON.stringify(b.mechanism);

/** Charged for the rounds of a federation, which no run of a project is: `federationRunId` of the shell makes such ids. */
export const isFederationRun = (runId: string): boolean => runId.startsWith('federation-');

/** Newest first. */
export function ledgerLines(entries: readonly LedgerEntry[]): readonly LedgerLine[] {
  const lines: { first: LedgerEntry; last: LedgerEntry; count: number }[] = [];
  for (const entry of entries) {
    const open = lines.at(-1);
    if (open && open.last.event.kind === 'charge' && entry.event.kind === 'charge' && isAlike(open.last.event, entry.event)) {
      open.last = entry;
      open.count += 1;
    } else lines.push({ first: entry, last: entry, count: 1 });
  }
  return lines.toReversed();
}

/** Whose budget a charge comes out of, by its cohort: training and held-out part have one each. */
export function partsOfCohorts(entries: readonly LedgerEntry[]): ReadonlyMap<string, DataPart> {
  return new Map(entries.flatMap(({ event }) => (event.kind === 'cohort' ? [[event.cohortId, event.part] as const] : [])));
}
