import type { RawTable, RowProblem } from '../data/table.ts';

const largestShown = 5;

/** Rows of the file that a problem stands for: an open quote takes along all that it swallowed. */
export function rowsOf({ row, code, values }: RowProblem): number {
  return code === 'unclosed-quote' ? (values['lastRow'] ?? row) - row + 1 : 1;
}

/** Rows of a table that could not be read. */
export function unreadableRows(table: RawTable): number {
  return table.unreadable.reduce((sum, problem) => sum + rowsOf(problem), 0);
}

/** What could not be read, one line each, by code and row; none of the file's text. */
export function unreadableLines(path: string, table: RawTable): string[] {
  const lines = table.unreadable.slice(0, largestShown).map((problem) => {
    const count = rowsOf(problem);
    return `${path}: row ${problem.row} cannot be read (${problem.code})${count > 1 ? `, nor can those behind it up to row ${problem.row + count - 1}: ${count} rows` : ''}.`;
  });
  if (table.unreadable.length > largestShown) lines.push(`${path}: ${unreadableRows(table)} rows cannot be read, in ${table.unreadable.length} places.`);
  return lines;
}
