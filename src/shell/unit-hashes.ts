import type { Dataset } from '../data/table.ts';
import type { HashedRow } from '../privacy/cohort.ts';
import { isHeldOut, keyIdOf, normaliseText, unitHash } from '../privacy/unit-hash.ts';
import { splitNotes, type Split } from '../training/split.ts';
import type { BedsideDatabase } from './database.ts';
import { inTransaction } from './transaction.ts';
import { takeTurn } from './turn.ts';

/** Hashes each note's text, and its person, under the installation's key. The worker stays reachable meanwhile. */
export async function hashesOfNotes(dataset: Pick<Dataset, 'notes'>, key: Uint8Array): Promise<readonly HashedRow[]> {
  const rows: HashedRow[] = [];
  for (const { text, person } of dataset.notes) {
    rows.push({ row: unitHash(key, 'row', normaliseText(text)), person: person === null ? null : unitHash(key, 'person', normaliseText(person)) });
    if (rows.length % 512 === 0) await takeTurn();
  }
  return rows;
}

/** Says which column is which: hashes of other columns are hashes of other texts and persons. */
function columnsOf(dataset: Dataset): string {
  return JSON.stringify(dataset.columns.map(({ name, role }) => [name, role]));
}

/** The notes' keyed hashes, in order; from storage where they were made under this key, of these columns. */
export async function hashedRows(database: BedsideDatabase, projectId: string, dataset: Dataset, key: Uint8Array): Promise<readonly HashedRow[]> {
  const keyId = keyIdOf(key);
  const columns = columnsOf(dataset);
  const kept = await inTransaction(database, ['hashes'], 'readonly', (transaction) => transaction.objectStore('hashes').get(projectId));
  if (kept && kept.keyId === keyId && kept.columns === columns && kept.rows.length === dataset.notes.length) return kept.rows;
  const rows = await hashesOfNotes(dataset, key);
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
  const hashOf = new Map(dataset.notes.map((note, index) => [note, rows[index]!]));
  const byPerson = new Map(dataset.notes.map((note, index) => [note.person, rows[index]!.person]));
  const byText = new Map(dataset.notes.map((note, index) => [note.text, rows[index]!.row]));
  const split = splitNotes(dataset.notes, (kind, id) => isHeldOut(key, (kind === 'person' ? byPerson.get(id) : byText.get(id)) ?? id, heldOutShare));
  const hashes = (notes: Split['training']) => notes.map((note) => hashOf.get(note)!);
  return { split, training: hashes(split.training), heldOut: hashes(split.heldOut) };
}
