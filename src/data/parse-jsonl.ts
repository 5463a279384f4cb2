import { noRowsError, tooManyColumnsError } from './data-errors.ts';
import { maximumColumns, uniqueHeader } from './header.ts';
import { checkpoint, chunkCharacters, type ParseControl } from './parse-control.ts';
import type { ParsedRows } from './parse-delimited.ts';
import type { RawRow, RowProblem } from './table.ts';

/** Cell of a JSON value: text as it is, null as empty, anything else as JSON. */
function valueToCell(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value);
}

function parseObject(line: string): readonly [string, unknown][] | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : null;
  } catch {
    return null;
  }
}

/** Whether a line is one JSON object. */
export function isJsonObject(line: string): boolean {
  return parseObject(line) !== null;
}

/**
 * Parses JSON Lines: one object a line; the header is the union of the keys in the order they first appear.
 * Row numbers are the lines of the file, from 1: there is no header line.
 * @throws {BedsideError} no rows; more than a thousand keys; cancelled
 */
export async function parseJsonLines(text: string, control: ParseControl): Promise<ParsedRows> {
  const columns = new Map<string, number>();
  const rows: { row: number; cells: string[] }[] = [];
  const unreadable: RowProblem[] = [];
  let nextCheckpoint = chunkCharacters;
  let row = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(start, end).trim();
    start = end + 1;
    row++;
    if (line !== '') {
      const entries = parseObject(line);
      if (entries === null) {
        unreadable.push({ row, code: 'invalid-json', values: {}, cells: [line] });
      } else {
        const cells: string[] = [];
        for (const [key, value] of entries) {
          let column = columns.get(key);
          if (column === undefined) {
            column = columns.size;
            columns.set(key, column);
            if (columns.size > maximumColumns) throw tooManyColumnsError(columns.size, maximumColumns);
          }
          while (cells.length < column) cells.push('');
          cells[column] = valueToCell(value);
        }
        rows.push({ row, cells });
      }
    }
    if (start >= nextCheckpoint || start >= text.length) {
      nextCheckpoint = start + chunkCharacters;
      await checkpoint(control, { done: Math.min(start, text.length), total: text.length, rows: rows.length + unreadable.length });
    }
  }
  if (rows.length + unreadable.length === 0) throw noRowsError();
  for (const { cells } of rows) while (cells.length < columns.size) cells.push('');
  return { header: uniqueHeader([...columns.keys()]), rows: rows satisfies RawRow[], unreadable };
}
