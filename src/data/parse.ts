import { emptyFileError, jsonArrayError, tooLargeError } from './data-errors.ts';
import { decodeText, detectEncoding, isUndecodable, type Decode } from './encoding.ts';
import { refuseOtherKinds } from './file-kind.ts';
import type { ParseControl } from './parse-control.ts';
import { parseDelimited, type ParsedRows } from './parse-delimited.ts';
import { isJsonObject, parseJsonLines } from './parse-jsonl.ts';
import type { RawRow, RawTable, RowProblem, TableFormat, TextEncoding } from './table.ts';

export interface ParseRequest extends ParseControl {
  readonly fileName: string;
  readonly bytes: Uint8Array;
  readonly decode: Decode;
}

/** A file becomes one string, and engines end those near 2^29 characters. */
const maximumBytes = 500_000_000;

/** Whether the text is JSON Lines, by its first line and then by its name; throws where it is JSON of another shape. */
function isJsonLines(fileName: string, text: string): boolean {
  const start = text.slice(0, 1 << 16).trimStart();
  const firstLine = start.split('\n', 1)[0]!.trim();
  if (firstLine.startsWith('{') && isJsonObject(firstLine)) return true;
  const isNamedSo = /\.(jsonl|ndjson)$/i.test(fileName);
  const hasOpenedObject = firstLine.startsWith('{') && firstLine.length > 1;
  // A broken first line of a file that calls itself JSON Lines is one bad row, not another format.
  if (/^(\[\s*[[{\]]|\{\s*("|$))/.test(start) && !(isNamedSo && hasOpenedObject)) throw jsonArrayError();
  return isNamedSo;
}

function setAsideUndecodable(parsed: ParsedRows, encoding: TextEncoding): ParsedRows {
  const rows: RawRow[] = [];
  const unreadable: RowProblem[] = [...parsed.unreadable];
  for (const row of parsed.rows) {
    if (row.cells.some((cell) => isUndecodable(cell, encoding))) unreadable.push({ row: row.row, code: 'undecodable', values: {}, cells: row.cells });
    else rows.push(row);
  }
  return { header: parsed.header, rows, unreadable: unreadable.sort((a, b) => a.row - b.row) };
}

/**
 * Reads a CSV, TSV or JSON Lines file, whatever it calls itself. Rows that cannot be read are set aside with a reason.
 * Gives others a turn (`pause`) and asks `isCancelled` after every million characters.
 * @throws {BedsideError} the file is no table (a PDF, a spreadsheet, an image, ...), is empty, is too large, or reading was cancelled
 */
export async function parseTable({ fileName, bytes, decode, ...control }: ParseRequest): Promise<RawTable> {
  if (bytes.length === 0) throw emptyFileError();
  if (bytes.length > maximumBytes) throw tooLargeError(bytes.length, maximumBytes);
  const detected = detectEncoding(bytes);
  const { encoding } = detected;
  refuseOtherKinds(bytes, encoding === 'utf-16le' || encoding === 'utf-16be');
  const text = decodeText(bytes, detected, decode);
  if (text.trim() === '') throw emptyFileError();
  let parsed: ParsedRows;
  let format: TableFormat;
  if (isJsonLines(fileName, text)) {
    parsed = await parseJsonLines(text, control);
    format = 'jsonl';
  } else {
    const { delimiter, ...rest } = await parseDelimited(text, control);
    parsed = rest;
    format = delimiter === '\t' ? 'tsv' : 'csv';
  }
  if (detected.hasUndecodable) parsed = setAsideUndecodable(parsed, encoding);
  return { fileName, format, encoding, ...parsed };
}
