import { guessColumns, guessedRoles } from '../data/columns.ts';
import type { SampleDeal } from '../data/sample-deal.ts';
import type { Task } from '../federation/task.ts';
import type { BedsideDatabase } from './database.ts';
import { createProject, listProjects, saveDataset } from './projects.ts';

/** The made-up notes of a seat as a project whose columns are confirmed; the one of before where they were dealt here already. Resolves to its id. */
export async function dealtProject(database: BedsideDatabase, { labels, labelSentences }: Task, sample: SampleDeal, seat: number): Promise<string> {
  // The words of the made-up notes come when somebody takes a seat.
  const [{ buildDataset }, { dealtTable }] = await Promise.all([import('../data/dataset.ts'), import('../data/sample-deal.ts')]);
  const table = dealtTable(sample, seat);
  const known = (await listProjects(database)).find(({ record }) => record.fileName === table.fileName && record.isSynthetic && record.rowCount === table.rows.length && record.noteCount !== null);
  if (known) return known.record.id;
  const roles = guessedRoles(guessColumns(table));
  const { id } = await createProject(database, table, true, Object.fromEntries(labels.map((label, index) => [label, labelSentences[index]!])));
  await saveDataset(database, id, roles, buildDataset(table, roles));
  return id;
}
