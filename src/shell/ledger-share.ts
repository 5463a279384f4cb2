/** The part of a ledger that travels with a project's notes: events with mechanisms, membership by position of the note, never a hash or a key. */
import type { HashedRow } from '../privacy/cohort.ts';
import type { CohortEvent, LedgerEntry, LedgerEvent } from '../privacy/events.ts';

/** A cohort whose hashes are replaced by the positions of the notes, and of the notes whose persons, are in it. */
export interface SharedCohort {
  readonly event: CohortEvent;
  readonly rows: readonly number[];
  readonly persons: readonly number[];
}

export interface SharedLedger {
  readonly cohorts: readonly SharedCohort[];
  /** Everything else, in the ledger's order. */
  readonly events: readonly LedgerEvent[];
}

/** Events that count for these notes: every cohort in `counting`, whatever it holds of them, with its budgets, charges and runs. */
export function shareLedger(entries: readonly LedgerEntry[], counting: ReadonlySet<string>, notes: readonly HashedRow[]): SharedLedger {
  const cohorts: SharedCohort[] = [];
  const events: LedgerEvent[] = [];
  const runIds = new Set(entries.flatMap(({ event }) => (event.kind === 'charge' && counting.has(event.cohortId) ? [event.runId] : [])));
  for (const { event } of entries) {
    switch (event.kind) {
      case 'cohort': {
        if (!counting.has(event.cohortId)) break;
        const hashes = new Set(event.hashes);
        const positions = (isIn: (note: HashedRow) => boolean) => notes.flatMap((note, index) => (isIn(note) ? [index] : []));
        cohorts.push({ event: { ...event, hashes: [] }, rows: positions(({ row }) => hashes.has(row)), persons: positions(({ person }) => person !== null && hashes.has(person)) });
        break;
      }
      case 'budget': {
        const cohortIds = event.cohortIds.filter((id) => counting.has(id));
        if (cohortIds.length > 0) events.push({ ...event, cohortIds });
        break;
      }
      case 'charge':
        if (counting.has(event.cohortId)) events.push(event);
        break;
      case 'run':
        if (runIds.has(event.runId)) events.push(event);
        break;
    }
  }
  return { cohorts, events };
}

/** The events as the importing installation enters them: hashes of the notes at hand under its own key, named by its own key id. */
export function eventsOfShare({ cohorts, events }: SharedLedger, notes: readonly HashedRow[], keyId: string): LedgerEvent[] {
  const own = cohorts.map(({ event, rows, persons }): CohortEvent => {
    const hashes = new Set<string>();
    for (const position of rows) {
      const note = notes[position];
      if (note) hashes.add(note.row);
    }
    for (const position of persons) {
      const person = notes[position]?.person;
      if (person) hashes.add(person);
    }
    // A cohort of which no note is at hand keeps the key that it was made under: it is then never taken to be about different people.
    return { ...event, hashes: [...hashes].sort(), keyId: hashes.size > 0 ? keyId : event.keyId };
  });
  return [...own, ...events];
}
