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
}): { readonly splitId: string; readonly events: readonly [CohortEvent, CohortEvent] } {
  const { unit, keyId, declarationId } = dataSet;
  const training = sortedHashes(dataSet.training);
  const heldOut = sortedHashes(dataSet.heldOut);
  const splitId = bytesToHex(sha256(utf8ToBytes([unit, keyId, training.join(), heldOut.join()].join('\n'))).subarray(0, 16));
  const event = (part: DataPart, hashes: readonly string[], rows: readonly HashedRow[]): CohortEvent => ({
    kind: 'cohort',
    // The same texts may come to be more rows of a person, by another label: that is news.
    id: `${declarationId ?? 'cohort'}/${splitId}/${part}/${maximumRowsPerPerson(rows) ?? 'unknown'}`,
    cohortId: `${splitId}/${part}`,
    splitId,
    part,
    unit,
    maximumRowsPerPerson: maximumRowsPerPerson(rows),
    keyId,
    hashes,
    isDeclaredDisjoint: declarationId !== null,
  });
  return { splitId, events: [event('training', training, dataSet.training), event('held-out', heldOut, dataSet.heldOut)] };
}

function sortedHashes(rows: readonly HashedRow[]): string[] {
  return [...new Set(rows.flatMap(({ row, person }) => (person === null ? [row] : [row, person])))].sort();
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
