/**
 * One RFC 4180 record without its line end. Cells are written as they came: no cell is changed to guard a
 * spreadsheet against formulas, because the file must come back with the same contents.
 */
export function csvRecord(cells: readonly string[]): string {
  // A lone empty cell is quoted: unquoted it would be a blank line, which readers skip.
  if (cells.length === 1 && cells[0] === '') return '""';
  return cells.map((cell) => (/[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',');
}

const recordsAPart = 2000;

/**
 * A table as comma-separated text (RFC 4180: CRLF, quotes doubled), in parts of some thousand records that follow each other.
 * Excel reads UTF-8 rightly only with a byte order mark; files for people get one, pipes do not.
 */
export function* csvParts(header: readonly string[], rows: Iterable<readonly string[]>, { withByteOrderMark = false } = {}): Generator<string> {
  let records = [`${withByteOrderMark ? '\uFEFF' : ''}${csvRecord(header)}`];
  for (const cells of rows) {
    records.push(csvRecord(cells));
    if (records.length < recordsAPart) continue;
    yield `${records.join('\r\n')}\r\n`;
    records = [];
  }
  if (records.length > 0) yield `${records.join('\r\n')}\r\n`;
}

/** The whole of it as one text. */
export function csvText(header: readonly string[], rows: Iterable<readonly string[]>, options: { readonly withByteOrderMark?: boolean } = {}): string {
  return [...csvParts(header, rows, options)].join('');
}
