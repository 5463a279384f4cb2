import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import type { CohortEvent, DataPart, PrivacyUnit } from './events.ts';

/** One row of a data set as the ledger knows it: the hash of its text, and of its person where there is one. */
export interface HashedRow {
  readonly row: string;
  readonly person: string | null;
}

/**
 * The two cohorts of a data set. Their ids follow from the set of hashes, the unit and the key alone: the same rows in another order, with other
 * labels or in another project, are the same cohorts and go on paying from the same budget.
 */
export function cohortsOf(dataSet: {
  readonly unit: PrivacyUnit;
  readonly keyId: string;
  readonly training: readonly HashedRow[];
  readonly heldOut: readonly HashedRow[];
  /** A new identifier where the person declares this to be about people other than those of every data set so far; null where not. */
  readonly declarationId: string | null;
  /** Where the declaration was made earlier, of the same rows dealt otherwise: how many entries the ledger held then. */
  readonly declaredBefore?: number | null;
  /** The rows are those of the built-in sample, by their content. */
  readonly isAboutNobody?: boolean;
  /** `personNamingOf` the column that names the persons; null where there is none or it is not known. */
  readonly personNaming?: string | null;
}): { readonly splitId: string; readonly events: readonly [CohortEvent, CohortEvent] } {
  const { unit, keyId, declarationId, declaredBefore = null, isAboutNobody = false } = dataSet;
  const rows = [...dataSet.training, ...dataSet.heldOut];
  const personNaming = rows.some(({ person }) => person !== null) ? (dataSet.personNaming ?? null) : null;
  // The same rows and persons with other cells left blank are other units, also where a text stands in rows that name nobody and in rows that do.
  const unnamed = rows.some(({ person }) => person !== null) ? sorted(rows.flatMap(({ row, person }) => (person === null ? [row] : []))) : [];
  const isUnnamed = new Set(unnamed);
  const named = sorted(rows.flatMap(({ row, person }) => (person !== null && isUnnamed.has(row) ? [`${row} ${person}`] : [])));
  const splitId = digest([unit, keyId, sortedHashes(dataSet.training).join(), sortedHashes(dataSet.heldOut).join(), ...[unnamed, named].flatMap((list) => (list.length > 0 ? [list.join()] : []))].join('\n'));
  const shared = textsOfSeveral(rows);
  const event = (part: DataPart, own: readonly HashedRow[], ofPerson = maximumRowsPerPerson(own, shared), ofText = maximumRowsPerText(own)): CohortEvent => ({
    kind: 'cohort',
    // The same texts may come to be more rows of a person, by another label, and the same names may come from another column: that is news.
    id: [declarationId ?? 'cohort', splitId, part, ofPerson ?? 'unknown', ...(ofText > 1 ? [`text ${ofText}`] : []), ...(personNaming === null ? [] : [digest(`${splitId} ${personNaming}`).slice(0, 8)]), ...(isAboutNobody ? ['nobody'] : [])].join('/'),
    cohortId: `${splitId}/${part}`,
    splitId,
    part,
    unit,
    maximumRowsPerPerson: ofPerson,
    ...(ofText > 1 ? { maximumRowsPerText: ofText } : {}),
    personNaming,
    hasUnnamedRows: own.some(({ person }) => person === null),
    keyId,
    rowHashes: sorted(own.map(({ row }) => row)),
    personHashes: sorted(own.flatMap(({ person }) => person ?? [])),
    isDeclaredDisjoint: declarationId !== null,
    ...(declarationId !== null && declaredBefore !== null ? { declaredBefore } : {}),
    ...(isAboutNobody ? { isAboutNobody } : {}),
  });
  return { splitId, events: [event('training', dataSet.training), event('held-out', dataSet.heldOut)] };
}

/** Names a set of rows, whatever names their persons and however they are dealt. */
export function nameOfRows(rows: readonly HashedRow[]): string {
  return digest(sorted(rows.map(({ row }) => row)).join());
}

function digest(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)).subarray(0, 16));
}

function sorted(hashes: readonly string[]): string[] {
  return [...new Set(hashes)].sort();
}

function sortedHashes(rows: readonly HashedRow[]): string[] {
  return sorted(rows.flatMap(({ row, person }) => (person === null ? [row] : [row, person])));
}

/** Which texts are rows of more than one person, a row that names nobody being of a person of its own. */
function textsOfSeveral(rows: readonly HashedRow[]): ReadonlySet<string> {
  const first = new Map<string, string | null>();
  const several = new Set<string>();
  for (const { row, person } of rows) {
    if (!first.has(row)) first.set(row, person);
    else if (first.get(row) !== person) several.add(row);
  }
  return several;
}

/**
 * Null where no row names its person. Among rows that do, one that does not is a person of its own.
 * Where rows are units, a text is one: without one of its persons, what is left of it is clipped anew, which moves it by up to twice the clip norm.
 */
function maximumRowsPerPerson(rows: readonly HashedRow[], shared: ReadonlySet<string>): number | null {
  const counts = new Map<string, number>();
  const rowsOfShared = new Map<string, number>();
  for (const { row, person } of rows) {
    if (person === null) continue;
    let weight = 1;
    if (shared.has(row)) {
      // The first row of a shared text counts as two; a second one is among them.
      const name = `${person} ${row}`;
      const before = rowsOfShared.get(name) ?? 0;
      rowsOfShared.set(name, before + 1);
      weight = before === 0 ? 2 : before === 1 ? 0 : 1;
    }
    counts.set(person, (counts.get(person) ?? 0) + weight);
  }
  if (counts.size === 0) return rows.length === 0 ? 1 : null;
  return most(counts);
}

function maximumRowsPerText(rows: readonly HashedRow[]): number {
  const counts = new Map<string, number>();
  for (const { row } of rows) counts.set(row, (counts.get(row) ?? 0) + 1);
  return most(counts);
}

function most(counts: ReadonlyMap<string, number>): number {
  let largest = 1;
  for (const count of counts.values()) largest = Math.max(largest, count);
  return largest;
}
