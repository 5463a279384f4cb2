import type { Dataset } from '../data/table.ts';
import { cohortsOf, type HashedRow } from '../privacy/cohort.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import { createUnitHasher, keyIdOf, normaliseText, personNamingOf } from '../privacy/unit-hash.ts';
import { splitNotes, type Split } from '../training/split.ts';
import { countHashedUnits } from '../training/units.ts';
import type { BedsideDatabase } from './database.ts';
import { SharedWork, type Follower } from './shared-work.ts';
import { inTransaction } from './transaction.ts';
import { takeTurn } from './turn.ts';

/** Notes hashed between two turns: some milliseconds of work. */
const notesAtATime = 512;

/** Hashes each note's text, and its person, under the installation's key. The worker stays reachable meanwhile; what `between` throws ends the work. */
export async function hashesOfNotes(dataset: Pick<Dataset, 'notes'>, key: Uint8Array, between: (done: number) => void = () => undefined): Promise<readonly HashedRow[]> {
  const hasher = createUnitHasher(key);
  const persons = new Map<string, string>();
  const personHash = (person: string): string => {
    const known = persons.get(person);
    if (known !== undefined) return known;
    const hash = hasher.unitHash('person', normaliseText(person));
    persons.set(person, hash);
    return hash;
  };
  const rows: HashedRow[] = [];
  for (const { text, person } of dataset.notes) {
    rows.push({ row: hasher.unitHash('row', normaliseText(text)), person: person === null ? null : personHash(person) });
    if (rows.length % notesAtATime === 0) {
      between(rows.length);
      await takeTurn();
    }
  }
  between(rows.length);
  return rows;
}

/** Says which column is which: hashes of other columns are hashes of other texts and persons. */
function columnsOf(dataset: Dataset): string {
  return JSON.stringify(dataset.columns.map(({ name, role }) => [name, role]));
}

/** Hashes by data set and key, for as long as somebody holds the data set: made once, whoever asks meanwhile. */
const hashing = new WeakMap<Dataset, Map<string, SharedWork<readonly HashedRow[]>>>();

/** The notes' keyed hashes, in order; from storage where they were made under this key, of these columns. */
export function hashedRows(database: BedsideDatabase, projectId: string, dataset: Dataset, key: Uint8Array, follower?: Follower): Promise<readonly HashedRow[]> {
  const keyId = keyIdOf(key);
  const name = `${projectId} ${keyId}`;
  const works = hashing.get(dataset) ?? new Map<string, SharedWork<readonly HashedRow[]>>();
  hashing.set(dataset, works);
  let work = works.get(name);
  if (!work) works.set(name, (work = new SharedWork((report) => storedHashes(database, projectId, dataset, key, keyId, report))));
  return work.result(follower);
}

async function storedHashes(database: BedsideDatabase, projectId: string, dataset: Dataset, key: Uint8Array, keyId: string, report: (done: number) => void): Promise<readonly HashedRow[]> {
  const columns = columnsOf(dataset);
  const kept = await inTransaction(database, ['hashes'], 'readonly', (transaction) => transaction.objectStore('hashes').get(projectId));
  if (kept && kept.keyId === keyId && kept.columns === columns && kept.rows.length === dataset.notes.length) return kept.rows;
  const rows = await hashesOfNotes(dataset, key, report);
  await inTransaction(database, ['projects', 'hashes'], 'readwrite', async (transaction) => {
    // A project that was deleted meanwhile must leave nothing behind.
    if (await transaction.objectStore('projects').getKey(projectId)) await transaction.objectStore('hashes').put({ projectId, keyId, columns, rows });
  });
  return rows;
}

export interface HashedSplit {
  readonly split: Split;
  readonly training: readonly HashedRow[];
  readonly heldOut: readonly HashedRow[];
}

/** Deals notes by the keyed hash of the person, or of the row; the same unit always falls on the same side, whatever its spelling in case and spaces. */
export function splitByHash(dataset: Pick<Dataset, 'notes'>, rows: readonly HashedRow[], key: Uint8Array, heldOutShare: number): HashedSplit {
  const hasher = createUnitHasher(key);
  const dealt = new Map<string, boolean>();
  const parts = { training: [] as HashedRow[], heldOut: [] as HashedRow[] };
  const split = splitNotes(dataset.notes, (_kind, _id, index) => {
    const hashed = rows[index]!;
    const unit = hashed.person ?? hashed.row;
    let isOut = dealt.get(unit);
    if (isOut === undefined) dealt.set(unit, (isOut = hasher.isHeldOut(unit, heldOutShare)));
    (isOut ? parts.heldOut : parts.training).push(hashed);
    return isOut;
  });
  return { split, ...parts };
}

/** A data set dealt under one unit and one share, what the ledger calls its parts, and its units: all of them, and those of the training part. */
export type DealtNotes = ReturnType<typeof cohortsOf> & { readonly split: Split; readonly units: number; readonly trainingUnits: number; /** No unit lies in both parts. */ readonly isDisjoint: boolean };

export interface Deal {
  readonly unit: PrivacyUnit;
  readonly heldOutShare: number;
  /** See `cohortsOf`. */
  readonly declarationId: string | null;
  readonly declaredBefore: number | null;
}

/** What names a data set's persons; null where no column does. */
export function namingOf({ personColumn }: Pick<Dataset, 'personColumn'>, key: Uint8Array): string | null {
  return personColumn === null ? null : personNamingOf(key, personColumn);
}

const mostDeals = 4;
/** Deals by hashes, unit and share: a plan asks for the same one over and over. Kept for as long as the hashes are. */
const deals = new WeakMap<readonly HashedRow[], Map<string, DealtNotes>>();

export function dealtNotes(dataset: Pick<Dataset, 'notes' | 'personColumn' | 'isSynthetic'>, rows: readonly HashedRow[], key: Uint8Array, { unit, heldOutShare, declarationId, declaredBefore }: Deal): DealtNotes {
  const keyId = keyIdOf(key);
  const name = JSON.stringify([keyId, unit, heldOutShare, declarationId, declaredBefore]);
  const known = deals.get(rows) ?? new Map<string, DealtNotes>();
  deals.set(rows, known);
  let dealt = known.get(name);
  if (!dealt) {
    const { split, training, heldOut } = splitByHash(dataset, rows, key, heldOutShare);
    const trainingUnits = countHashedUnits(training, unit);
    // Somebody may try one share after the other.
    if (known.size >= mostDeals) known.clear();
    known.set(name, (dealt = { split, units: trainingUnits + countHashedUnits(heldOut, unit), trainingUnits, isDisjoint: countHashedUnits([...training, ...heldOut], unit) === trainingUnits + countHashedUnits(heldOut, unit), ...cohortsOf({ unit, keyId, training, heldOut, declarationId, declaredBefore, isAboutNobody: dataset.isSynthetic, personNaming: namingOf(dataset, key) }) }));
  }
  return dealt;
}
