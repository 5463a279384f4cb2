import { csvText } from './csv-write.ts';
import { uniqueHeader } from './header.ts';
import type { RowProblem } from './table.ts';

/** Why a row was set aside, in one English sentence that holds none of its text. */
export function describeProblem({ row, code, values }: Pick<RowProblem, 'row' | 'code' | 'values'>): string {
  switch (code) {
    case 'column-count':
      return `Row ${row} has ${values.found} columns, the header has ${values.expected}. Check for ${(values.found ?? 0) > (values.expected ?? 0) ? 'an unquoted' : 'a missing'} separator.`;
    case 'unclosed-quote':
      return `Row ${row} opens a quote that is not closed; ${values.lastRow === row ? 'the rest of the row is' : `rows ${row} to ${values.lastRow} are`} inside it. Close or remove the quote.`;
    case 'invalid-json':
      return `Line ${row} is not a JSON object. Write one object on the line.`;
    case 'empty-text':
      return `Row ${row} has no text.`;
    case 'missing-label':
      return `Row ${row} has no label.`;
    case 'duplicate':
      return `Row ${row} repeats row ${values.firstRow}: same text, label and person. The first is used.`;
    case 'undecodable':
      return `Row ${row} has bytes that are no characters of the file's encoding. Save the file as UTF-8.`;
  }
}

/** The rows set aside as CSV for the person: row, reason, and the cells as they stood; surplus cells under names of their own. */
export function setAsideCsv(header: readonly string[], problems: readonly RowProblem[]): string {
  const width = problems.reduce((most, { cells }) => Math.max(most, cells.length), header.length);
  const surplus = Array.from({ length: width - header.length }, (_, index) => `surplus ${index + 1}`);
  const names = uniqueHeader(['row', 'reason', ...header, ...surplus].slice(0, 1000));
  const rows = problems.map((problem) => [String(problem.row), describeProblem(problem), ...problem.cells, ...new Array<string>(width - problem.cells.length).fill('')]);
  return csvText(names, rows, { withByteOrderMark: true });
}
