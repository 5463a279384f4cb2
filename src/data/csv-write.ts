/**
 * One RFC 4180 record without its line end. Cells are written as they came: no cell is changed to guard a
 * spreadsheet against formulas, because the file must come back with the same contents.
 */
export function csvRecord(cells: readonly string[]): string {
  // A lone empty cell is quoted: unquoted it would be a blank line, which readers skip.
  if (cells.length === 1 && cells[0] === '') return '""';
  return cells.map((cell) => (/[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',');
}

/**
 * A table as comma-separated text (RFC 4180: CRLF, quotes doubled).
 * Excel reads UTF-8 rightly only with a byte order mark; files for people get one, pipes do not.
 */
export function csvText(header: readonly string[], rows: Iterable<readonly string[]>, { withByteOrderMark = false } = {}): string {
  const records = [csvRecord(header)];
  for (const cells of rows) records.push(csvRecord(cells));
  return `${withByteOrderMark ? '\uFEFF' : ''}${records.join('\r\n')}\r\n`;
}
