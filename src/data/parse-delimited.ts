/// <reference path="./papaparse.d.ts" />
import Papa from 'papaparse';
import { headerQuoteError, noRowsError } from './data-errors.ts';
import { uniqueHeader } from './header.ts';
import { checkpoint, chunkCharacters, type ParseControl } from './parse-control.ts';
import type { RawRow, RowProblem } from './table.ts';

export type Delimiter = ',' | ';' | '\t';
const delimiters: readonly Delimiter[] = [',', ';', '\t'];
const headCharacters = 1 << 18;
const headRecords = 200;

export interface ParsedRows {
  readonly header: readonly string[];
  readonly rows: readonly RawRow[];
  readonly unreadable: readonly RowProblem[];
}

/** Old Mac files end lines with CR alone; elsewhere LF ends them, and a CR before it is taken off. */
function lineEnd(text: string): '\n' | '\r' {
  const head = text.slice(0, headCharacters);
  return !head.includes('\n') && head.includes('\r') ? '\r' : '\n';
}

/** Length of the line `sep=;` with which Excel names the delimiter, and the delimiter; spreadsheets do not count it as a row. */
function separatorLine(text: string): { readonly length: number; readonly delimiter: Delimiter } | null {
  const match = /^sep=([,;\t])(?:\r\n|\r|\n|$)/.exec(text);
  return match === null ? null : { length: match[0].length, delimiter: delimiters.find((one) => one === match[1])! };
}

/**
 * The delimiter under which most of the first records have as many columns as the header; of equals, the one with
 * more columns. One column is what remains where none occurs in the header.
 */
export function detectDelimiter(text: string): Delimiter {
  const head = text.slice(0, headCharacters);
  let best: { delimiter: Delimiter; share: number; columns: number } = { delimiter: ',', share: 0, columns: 1 };
  for (const delimiter of delimiters) {
    const { data } = new Papa.Parser({ delimiter, newline: lineEnd(text), preview: headRecords }).parse(head, 0, head.length < text.length);
    const records = data.filter((cells) => cells.length > 1 || cells[0]!.trim() !== '');
    const columns = records[0]?.length ?? 0;
    if (columns < 2) continue;
    const share = records.filter((cells) => cells.length === columns).length / records.length;
    if (share > best.share || (share === best.share && columns > best.columns)) best = { delimiter, share, columns };
  }
  return best.delimiter;
}

function countLineEnds(cells: readonly string[]): number {
  return cells.reduce((count, cell) => count + (cell.match(/\r\n|\r|\n/g)?.length ?? 0), 0);
}

function isBlank(cells: readonly string[]): boolean {
  return cells.length === 1 && cells[0]!.trim() === '';
}

/** Gathers records as header, rows and problems, and counts rows as a spreadsheet does: a record is one row, a blank line too. */
class RecordCollector {
  header: readonly string[] | null = null;
  readonly rows: RawRow[] = [];
  readonly unreadable: RowProblem[] = [];
  #nextRow = 1;

  get rowCount(): number {
    return this.rows.length + this.unreadable.length;
  }

  /**
   * @param quote 'sound'; 'stray' where a quote inside a quoted cell is followed by more text;
   *   'open' where the file ends inside the cell
   */
  add(cells: string[], quote: 'sound' | 'stray' | 'open'): void {
    const row = this.#nextRow++;
    // A stray quote on one line is a careless writer's; over several lines it is the next row's quote closing an earlier one.
    const linesInside = quote === 'sound' ? 0 : countLineEnds([...cells.slice(0, -1), cells.at(-1)!.trimEnd()]);
    const isUnclosed = quote === 'open' || (quote === 'stray' && linesInside > 0);
    if (this.header === null) {
      if (isUnclosed) throw headerQuoteError();
      if (!isBlank(cells)) this.header = uniqueHeader(cells);
    } else if (isUnclosed) {
      this.#nextRow = row + linesInside + 1;
      this.unreadable.push({ row, code: 'unclosed-quote', values: { lastRow: row + linesInside }, cells });
    } else if (isBlank(cells)) {
      return;
    } else if (cells.length !== this.header.length) {
      this.unreadable.push({ row, code: 'column-count', values: { found: cells.length, expected: this.header.length }, cells });
    } else {
      this.rows.push({ row, cells });
    }
  }
}

/**
 * Parses delimited text in chunks, RFC 4180 with quotes read leniently.
 * Row numbers: the header is 1; line ends inside quotes do not count; blank lines count and are no rows.
 * Cost is linear: a record longer than a chunk doubles the chunk, and is read again from its start.
 * @throws {BedsideError} no rows; header with an open quote; cancelled
 */
export async function parseDelimited(text: string, control: ParseControl): Promise<ParsedRows & { readonly delimiter: Delimiter }> {
  const separator = separatorLine(text);
  let start = separator?.length ?? 0;
  const delimiter = separator?.delimiter ?? detectDelimiter(text);
  const newline = lineEnd(text.slice(start, start + headCharacters));
  const collector = new RecordCollector();
  let size = chunkCharacters;
  while (start < text.length) {
    const end = Math.min(text.length, start + size);
    const isLast = end === text.length;
    const { data, errors, meta } = new Papa.Parser({ delimiter, newline }).parse(text.slice(start, end), 0, !isLast);
    if (data.length === 0 && !isLast) {
      size *= 2;
      continue;
    }
    const faults = new Map(errors.map((error) => [error.row, error.code]));
    data.forEach((cells, index) => {
      const last = cells.length - 1;
      if (newline === '\n' && cells[last]!.endsWith('\r')) cells[last] = cells[last]!.slice(0, -1);
      const fault = faults.get(index);
      collector.add(cells, fault === undefined ? 'sound' : fault === 'MissingQuotes' ? 'open' : 'stray');
    });
    start = isLast ? text.length : start + meta.cursor;
    size = chunkCharacters;
    await checkpoint(control, { done: start, total: text.length, rows: collector.rowCount });
  }
  if (collector.header === null || collector.rowCount === 0) throw noRowsError();
  return { header: collector.header, rows: collector.rows, unreadable: collector.unreadable, delimiter };
}
