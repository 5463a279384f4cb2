/** What of a file's notes other data sets that count hold too, in the words of whoever has the file: how many notes and persons, and in which rows. */
import type { HashedRow } from './cohort.ts';
import type { CommonUnits } from './data-sets.ts';

/** More rows than this are no list to look up. */
const mostRowsNamed = 10;

export interface CommonNotes {
  /** Notes of here whose text is there too, and different persons of here who are named there. */
  readonly notes: number;
  readonly persons: number;
  /** Every note of here. */
  readonly isAll: boolean;
  /** The rows of the file that hold these notes; none where they are many. */
  readonly rows: readonly number[];
  /** The persons of these notes have other names there, in a column of one header. */
  readonly isNamedOtherwise: boolean;
  /** What was spent there counts here as if its noise were so many times smaller, at most. */
  readonly clipNorms: number;
}

/** `hashed`: the notes of the file in order; `rowOf`: the row of each, by its position. */
export function commonNotes(common: readonly CommonUnits[], hashed: readonly HashedRow[], rowOf: (index: number) => number): CommonNotes {
  const has = (kind: 'rows' | 'persons', hash: string) => common.some(({ units }) => units[kind].has(hash) || units.either.has(hash));
  const rows = hashed.flatMap(({ row }, index) => (has('rows', row) ? [rowOf(index)] : []));
  const persons = new Set(hashed.flatMap(({ person }) => (person !== null && has('persons', person) ? [person] : [])));
  return {
    notes: rows.length,
    persons: persons.size,
    isAll: rows.length === hashed.length,
    rows: rows.length <= mostRowsNamed ? rows : [],
    isNamedOtherwise: common.some(({ isNamedOtherwise }) => isNamedOtherwise),
    clipNorms: common.reduce((most, { clipNorms }) => Math.max(most, clipNorms), 1),
  };
}
