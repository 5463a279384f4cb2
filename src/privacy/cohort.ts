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
  /** `personNamingOf` the column that names the persons; null where there is none or it is not known. */
  readonly personNaming?: string | null;
}): { readonly splitId: string; readonly events: readonly [CohortEvent, CohortEvent] } {
  const { unit, keyId, declarationId } = dataSet;
  const rows = [...dataSet.training, ...dataSet.heldOut];
  const personNaming = rows.some(({ person }) => person !== null) ? (dataSet.personNaming ?? null) : null;
  const splitId = digest([unit, keyId, sortedHashes(dataSet.training).join(), sortedHashes(dataSet.heldOut).join()].join('\n'));
  const event = (part: DataPart, own: readonly HashedRow[]): CohortEvent => ({
    kind: 'cohort',
    // The same texts may come to be more rows of a person, by another label, and the same names may come from another column: that is news.
    id: [declarationId ?? 'cohort', splitId, part, maximumRowsPerPerson(own) ?? 'unknown', ...(personNaming === null ? [] : [digest(`${splitId} ${personNaming}`).slice(0, 8)])].join('/'),
    cohortId: `${splitId}/${part}`,
    splitId,
    part,
    unit,
    maximumRowsPerPerson: maximumRowsPerPerson(own),
    personNaming,
    hasUnnamedRows: own.some(({ person }) => person === null),
    keyId,
    rowHashes: sorted(own.map(({ row }) => row)),
    personHashes: sorted(own.flatMap(({ person }) => person ?? [])),
    isDeclaredDisjoint: declarationId !== null,
  });
  return { splitId, events: [event('training', dataSet.training), event('held-out', dataSet.heldOut)] };
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

/** Null where no row names its person. Among rows that do, one that does not is a person of its own. */
function maximumRowsPerPerson(rows: readonly HashedRow[]): number | null {
  const counts = new Map<string, number>();
  for (const { person } of rows) if (person !== null) counts.set(person, (counts.get(person) ?? 0) + 1);
  if (counts.size === 0) return rows.length === 0 ? 1 : null;
  let most = 1;
  for (const count of counts.values()) most = Math.max(most, count);
  return most;
}
