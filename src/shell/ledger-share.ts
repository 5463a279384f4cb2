/** The part of a ledger that travels with a project's notes: events with mechanisms, membership by position of the note, never a hash or a key. */
import type { HashedRow } from '../privacy/cohort.ts';
import type { AllowanceEvent, CohortEvent, LedgerEvent } from '../privacy/events.ts';
import { noUnits, withUnitsOf } from '../privacy/unit-sets.ts';

/** A cohort whose hashes are replaced by the positions of the notes, and of the notes whose persons, are in it. */
export interface SharedCohort {
  readonly event: CohortEvent;
  readonly rows: readonly number[];
  readonly persons: readonly number[];
  /** It names its persons by the column that these notes name them by. Absent in files of before this was told: then nobody knows. */
  readonly isNamedAlike?: boolean;
  /** Every row and every person of it is among these notes. Absent in files of before this was told: then nobody knows. */
  readonly isWhole?: boolean;
}

/** What a copy may spend by itself from here on: the origin has given it up before the file was written. */
export type SharedAllowance = Pick<AllowanceEvent, 'id' | 'epsilon' | 'delta' | 'givenBy'>;

export interface SharedLedger {
  readonly cohorts: readonly SharedCohort[];
  /** Everything else, in the ledger's order. */
  readonly events: readonly LedgerEvent[];
  /** Null where there are no notes to spend anything on. */
  readonly allowance: SharedAllowance | null;
}

/**
 * Events that count for these notes: every cohort in `counting`, whatever it holds of them, with its budgets, charges and runs. What the origin gave
 * away or brought along itself stays with it.
 */
export function shareLedger(ledger: readonly LedgerEvent[], counting: ReadonlySet<string>, notes: readonly HashedRow[], personNaming: string | null = null): Omit<SharedLedger, 'allowance'> {
  const cohorts: SharedCohort[] = [];
  const events: LedgerEvent[] = [];
  const [rowsHere, personsHere] = [new Set(notes.map(({ row }) => row)), new Set(notes.map(({ person }) => person))];
  const runIds = new Set(ledger.flatMap((event) => (event.kind === 'charge' && counting.has(event.cohortId) ? [event.runId] : [])));
  for (const event of ledger) {
    switch (event.kind) {
      case 'cohort': {
        if (!counting.has(event.cohortId)) break;
        const { rows, persons, either } = withUnitsOf(noUnits, event);
        const isEvery = (hashes: ReadonlySet<string>, here: ReadonlySet<string | null>) => [...hashes].every((hash) => here.has(hash));
        const positions = (isIn: (note: HashedRow) => boolean) => notes.flatMap((note, index) => (isIn(note) ? [index] : []));
        cohorts.push({
          event: withoutHashes(event),
          rows: positions(({ row }) => rows.has(row) || either.has(row)),
          persons: positions(({ person }) => person !== null && (persons.has(person) || either.has(person))),
          isNamedAlike: personNaming !== null && event.personNaming === personNaming,
          isWhole: isEvery(rows, rowsHere) && isEvery(persons, personsHere) && either.size === 0,
        });
        break;
      }
      case 'budget': {
        const cohortIds = event.cohortIds.filter((id) => counting.has(id));
        if (cohortIds.length > 0 && !event.share) events.push({ ...event, cohortIds });
        break;
      }
      case 'charge':
        if (counting.has(event.cohortId)) events.push(event);
        break;
      case 'run':
        if (runIds.has(event.runId)) events.push(event);
        break;
      case 'allowance':
        break;
    }
  }
  return { cohorts, events };
}

function withoutHashes({ hashes: _, ...event }: CohortEvent): CohortEvent {
  return { ...event, personNaming: null, rowHashes: [], personHashes: [] };
}

/**
 * What the file of an earlier version brings along: it took nothing from where it was saved, so its copy may spend nothing. It is known at home by the
 * key of its hashes. Null where the ledger held nothing of the notes.
 */
export function olderAllowance({ cohorts, events }: Pick<SharedLedger, 'cohorts' | 'events'>): SharedAllowance | null {
  const [first] = cohorts;
  if (!first) return null;
  const delta = Math.min(1e-5, ...events.flatMap((event) => (event.kind === 'budget' ? [event.delta] : [])));
  return { id: `older-file/${first.event.splitId}`, epsilon: 0, delta, givenBy: [...new Set(cohorts.map(({ event }) => event.keyId))] };
}

/**
 * The events as the importing installation enters them: hashes of the notes at hand under its own key, named by its own key id; then the allowance.
 * Where only some of a cohort's notes are at hand, an event without hashes keeps the key that it was made under beside: what is not at hand cannot be
 * compared, so nothing is taken to be about different people. It is left out where `isKnown` says that the cohort's event was entered before.
 * An installation that gave the share, or from whose share it was given, takes up no allowance: its own limit binds it, and its loss stays.
 */
export function eventsOfShare({ cohorts, events, allowance }: SharedLedger, notes: readonly HashedRow[], keyId: string, personNaming: string | null = null, isKnown: (eventId: string) => boolean = () => false): LedgerEvent[] {
  const own = cohorts.map(({ event, rows, persons, isNamedAlike = false, isWhole = false }) => {
    const [rowHashes, personHashes] = [new Set<string>(), new Set<string>()];
    for (const position of rows) {
      const note = notes[position];
      if (note) rowHashes.add(note.row);
    }
    for (const position of persons) {
      const person = notes[position]?.person;
      if (person) personHashes.add(person);
    }
    // A cohort of which no note is at hand keeps the key that it was made under: it is then never taken to be about different people.
    const isAtHand = rowHashes.size > 0 || personHashes.size > 0;
    const [naming, bare] = [isNamedAlike ? personNaming : null, withoutHashes(event)];
    const mine: CohortEvent = { ...bare, personNaming: naming, rowHashes: [...rowHashes].sort(), personHashes: [...personHashes].sort(), keyId: isAtHand ? keyId : event.keyId };
    const isPart = isAtHand && !isWhole && event.keyId !== keyId && !isKnown(event.id);
    const rest: readonly CohortEvent[] = isPart ? [{ ...bare, id: `${event.id}/not-at-hand`, personNaming: naming, isDeclaredDisjoint: false }] : [];
    return { isAtHand, event: mine, rest };
  });
  const cohortEvents = own.flatMap(({ event, rest }) => [event, ...rest]);
  const cohortIds = [...new Set(own.flatMap(({ event, isAtHand }) => (isAtHand ? [event.cohortId] : [])))];
  if (!allowance || cohortIds.length === 0 || allowance.givenBy.includes(keyId)) return [...cohortEvents, ...events];
  const { id, epsilon, delta, givenBy } = allowance;
  return [...cohortEvents, ...events, { kind: 'allowance', id, allowanceId: id, cohortIds, epsilon, delta, givenBy }];
}
