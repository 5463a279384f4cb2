/**
 * What editing notes does to the ledger, measured: notes are known by the hash of their normalised text, so a note whose words were changed is another note.
 * It counts all the same, because other data sets of an installation count until somebody declares that they are about other people; and where a
 * column names the persons, these are known by their names, whatever their notes say.
 */
import { LedgerState } from '../balance.ts';
import { cohortsOf, type HashedRow } from '../cohort.ts';
import type { CohortEvent, LedgerEvent } from '../events.ts';
import { gaussianMu } from '../gaussian.ts';
import { createUnitHasher, normaliseText, personNamingOf } from '../unit-hash.ts';

export interface EditedNote {
  readonly text: string;
  readonly person: string | null;
}

export const edits = {
  'case, spaces and compatible characters': (text: string) => `  ${text.toUpperCase().replace(/ /g, '\u00a0 ')}\n`,
  'a full stop more': (text: string) => `${text}.`,
  'one letter dropped': (text: string) => text.slice(0, Math.floor(text.length / 2)) + text.slice(Math.floor(text.length / 2) + 1),
  'a date put in front': (text: string) => `2024-05-01 ${text}`,
  'the first word left out': (text: string) => text.replace(/^\S+\s+/, ''),
} as const;

export type EditKind = keyof typeof edits;

export interface EditResult {
  /** Notes whose hash is not the one that was charged. */
  readonly newHashes: number;
  /** Epsilon that the most exposed unit of the edited copy has spent already: not declared, and declared, to be about other people. */
  readonly spentUndeclared: number;
  readonly spentDeclared: number;
  /** The same where a column names the persons. Null where none does. */
  readonly spentDeclaredWithPersons: number | null;
}

const key = new Uint8Array(32).fill(5);
const charged = { epsilon: 3, delta: 1e-5 } as const;
const naming = personNamingOf(key, 'person');

function hashed(notes: readonly EditedNote[], withPersons: boolean): readonly HashedRow[] {
  const hasher = createUnitHasher(key);
  return notes.map(({ text, person }) => ({ row: hasher.unitHash('row', normaliseText(text)), person: withPersons && person !== null ? hasher.unitHash('person', normaliseText(person)) : null }));
}

/** All notes in the training part: what is asked here does not depend on the deal. */
function dataSet(notes: readonly EditedNote[], withPersons: boolean, declarationId: string | null): { readonly splitId: string; readonly events: readonly [CohortEvent, CohortEvent] } {
  return cohortsOf({ unit: withPersons ? 'person' : 'row', keyId: 'key', training: hashed(notes, withPersons), heldOut: [], declarationId, personNaming: withPersons ? naming : null });
}

/** What a copy has spent after its original was charged. */
function spent(notes: readonly EditedNote[], edited: readonly EditedNote[], withPersons: boolean, declarationId: string | null): number {
  const [first, second] = [dataSet(notes, withPersons, null), dataSet(edited, withPersons, declarationId)];
  const cohortIds = [...first.events, ...second.events].map(({ cohortId }) => cohortId);
  const events: readonly LedgerEvent[] = [
    ...first.events,
    { kind: 'charge', id: 'charge', cohortId: first.events[0].cohortId, runId: 'run', step: 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: 1 / gaussianMu(charged.epsilon, charged.delta) } },
    ...second.events,
    { kind: 'budget', id: 'budget', cohortIds: [...new Set(cohortIds)], epsilonLimit: 8, delta: charged.delta },
  ];
  return new LedgerState(events).balance(second.splitId)?.epsilonSpent ?? Infinity;
}

/** Edits every note in each way, after epsilon 3 was spent on all of them. */
export function measureEdits(notes: readonly EditedNote[]): Readonly<Record<EditKind, EditResult>> {
  const before = new Set(hashed(notes, false).map(({ row }) => row));
  const resultOf = (kind: EditKind): EditResult => {
    const edited = notes.map(({ text, person }) => ({ text: edits[kind](text), person }));
    const hasPersons = notes.some(({ person }) => person !== null);
    return {
      newHashes: hashed(edited, false).filter(({ row }) => !before.has(row)).length,
      spentUndeclared: spent(notes, edited, false, null),
      spentDeclared: spent(notes, edited, false, 'declared'),
      spentDeclaredWithPersons: hasPersons ? spent(notes, edited, true, 'declared') : null,
    };
  };
  return {
    'case, spaces and compatible characters': resultOf('case, spaces and compatible characters'),
    'a full stop more': resultOf('a full stop more'),
    'one letter dropped': resultOf('one letter dropped'),
    'a date put in front': resultOf('a date put in front'),
    'the first word left out': resultOf('the first word left out'),
  };
}
