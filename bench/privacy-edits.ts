/** What edited and nearly equal notes do to the ledger: how many of their hashes are new, and what could be spent on an edited copy of trained notes. */
import { sampleTable } from '../src/data/sample.ts';
import { guessColumns, guessedRoles } from '../src/data/columns.ts';
import { buildDataset } from '../src/data/dataset.ts';
import { measureEdits, type EditedNote } from '../src/privacy/testing/edited-notes.ts';

export function editsBench(): unknown {
  const table = sampleTable();
  const dataset = buildDataset(table, guessedRoles(guessColumns(table)));
  const notes: readonly EditedNote[] = dataset.notes.map(({ text, person }) => ({ text, person }));
  return { notes: notes.length, edits: measureEdits(notes) };
}
