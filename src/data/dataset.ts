import { roleCountError, unknownColumnError } from './data-errors.ts';
import { guessColumns } from './columns.ts';
import { isSampleTable } from './sample.ts';
import type { ClassCount, ColumnGuess, ColumnRole, Dataset, Note, RawTable, RowProblem } from './table.ts';

/** Classes below this many rows are warned about. */
export const rareClassRows = 10;

/** Text under which two rows count as the same: composed characters, runs of white space as one space. Case is kept. */
export function comparableText(text: string): string {
  // Lone spaces, nearly all there is, are left alone: ten times cheaper than rewriting every run.
  return text.normalize('NFC').replace(/\s{2,}|[^\S ]/g, ' ').trim();
}

interface ColumnPlaces {
  readonly text: number;
  readonly label: number;
  readonly person: number | null;
  readonly groups: readonly number[];
}

function placeColumns(header: readonly string[], roles: Readonly<Record<string, ColumnRole>>): ColumnPlaces {
  if (Object.keys(roles).some((name) => !header.includes(name))) throw unknownColumnError();
  const withRole = (role: ColumnRole) => header.flatMap((name, index) => (Object.hasOwn(roles, name) && roles[name] === role ? [index] : []));
  const texts = withRole('text');
  const labels = withRole('label');
  const persons = withRole('person');
  if (texts.length !== 1) throw roleCountError('text', texts.length);
  if (labels.length !== 1) throw roleCountError('label', labels.length);
  if (persons.length > 1) throw roleCountError('person', persons.length);
  return { text: texts[0]!, label: labels[0]!, person: persons[0] ?? null, groups: withRole('group') };
}

/** Counts of each label, in code-unit order of the labels. */
function countClasses(notes: readonly Note[]): ClassCount[] {
  const counts = new Map<string, number>();
  for (const { label } of notes) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].map(([label, count]) => ({ label, count })).sort((a, b) => (a.label < b.label ? -1 : 1));
}

/**
 * Gives the columns of a table their meaning. Rows without text or label are set aside, and so are repeats of a row
 * with the same text, label and person; the first is kept. The same text under another label or person is kept.
 * Labels and persons are trimmed and otherwise taken as they stand; small classes are reported, never removed.
 * A note without a person has `person` null and is a person of its own.
 * @param roles by column name; columns without one are ignored
 * @param guesses what `guessColumns` made of the table, where that is known already
 * @throws {BedsideError} not one text and one label column, more than one person column, a column the table lacks
 */
export function buildDataset(table: RawTable, roles: Readonly<Record<string, ColumnRole>>, guesses: readonly ColumnGuess[] = guessColumns(table)): Dataset {
  const places = placeColumns(table.header, roles);
  const notes: Note[] = [];
  const problems: RowProblem[] = [...table.unreadable];
  const firstRows = new Map<string, number>();
  for (const { row, cells } of table.rows) {
    const text = cells[places.text]!;
    const label = cells[places.label]!.trim();
    const person = places.person === null ? '' : cells[places.person]!.trim();
    const comparable = comparableText(text);
    if (comparable === '') {
      problems.push({ row, code: 'empty-text', values: {}, cells });
      continue;
    }
    if (label === '') {
      problems.push({ row, code: 'missing-label', values: {}, cells });
      continue;
    }
    const key = `${label.length} ${person.length} ${label}${person}${comparable}`;
    const firstRow = firstRows.get(key);
    if (firstRow !== undefined) {
      problems.push({ row, code: 'duplicate', values: { firstRow }, cells });
      continue;
    }
    firstRows.set(key, row);
    const groups = Object.fromEntries(places.groups.map((column) => [table.header[column]!, cells[column]!.trim()]));
    notes.push({ id: notes.length, row, text, label, person: person === '' ? null : person, groups });
  }
  const classes = countClasses(notes);
  const columns = guesses.map((guess) => ({ ...guess, role: Object.hasOwn(roles, guess.name) ? roles[guess.name]! : ('ignore' as const) }));
  return {
    fileName: table.fileName,
    format: table.format,
    encoding: table.encoding,
    columns,
    notes,
    problems: problems.sort((a, b) => a.row - b.row),
    labels: classes.map(({ label }) => label),
    classes,
    rareClasses: classes.filter(({ count }) => count < rareClassRows),
    groupColumns: places.groups.map((column) => table.header[column]!),
    personColumn: places.person === null ? null : table.header[places.person]!,
    isSynthetic: isSampleTable(table),
  };
}
