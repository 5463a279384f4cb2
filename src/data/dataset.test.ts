import { describe, expect, test } from 'vitest';
import { utf8ToBytes } from '../ground/bytes.ts';
import { addColumns } from './added-columns.ts';
import { reportConsistency } from './consistency.ts';
import { csvText } from './csv-write.ts';
import { buildDataset } from './dataset.ts';
import { parseTable } from './parse.ts';
import { describeProblem, setAsideCsv } from './set-aside.ts';
import type { ColumnRole, RawTable, RowProblem } from './table.ts';

function tableOf(header: readonly string[], rows: readonly (readonly string[])[], unreadable: readonly RowProblem[] = []): RawTable {
  return { fileName: 'notes.csv', format: 'csv', encoding: 'utf-8', header, rows: rows.map((cells, index) => ({ row: index + 2, cells })), unreadable };
}

const header = ['note', 'label', 'patient', 'sex'];
const roles: Readonly<Record<string, ColumnRole>> = { note: 'text', label: 'label', patient: 'person', sex: 'group' };

describe('building a data set', () => {
  test('every row is a note or a problem, and the reason is the first that applies', () => {
    const table = tableOf(header, [
      ['knee hurts', ' bone ', 'P1', 'f'],
      [' \n', 'bone', 'P1', 'f'],
      ['cough', ' ', 'P2', 'm'],
      ['', '', 'P2', 'm'],
      ['knee  hurts ', 'bone', 'P1', 'f'],
      ['knee hurts', 'bone', 'P3', 'f'],
      ['knee hurts', 'lung', 'P1', 'f'],
      ['Knee hurts', 'bone', '', ''],
    ], [{ row: 1_000, code: 'column-count', values: { found: 1, expected: 4 }, cells: ['x'] }]);
    const dataset = buildDataset(table, roles);
    expect(dataset.notes).toEqual([
      { id: 0, row: 2, text: 'knee hurts', label: 'bone', person: 'P1', groups: { sex: 'f' } },
      { id: 1, row: 7, text: 'knee hurts', label: 'bone', person: 'P3', groups: { sex: 'f' } },
      { id: 2, row: 8, text: 'knee hurts', label: 'lung', person: 'P1', groups: { sex: 'f' } },
      { id: 3, row: 9, text: 'Knee hurts', label: 'bone', person: null, groups: { sex: '' } },
    ]);
    expect(dataset.problems.map(({ row, code, values }) => [row, code, values])).toEqual([
      [3, 'empty-text', {}], [4, 'missing-label', {}], [5, 'empty-text', {}], [6, 'duplicate', { firstRow: 2 }], [1_000, 'column-count', { found: 1, expected: 4 }],
    ]);
    expect(reportConsistency(dataset).conflicts).toEqual([[2, 7, 8]]);
  });

  test('rare classes are reported and kept; labels stand in code-unit order; variants are not merged', () => {
    const rows = [...Array.from({ length: 10 }, (_, i) => [`a${i}`, 'CLINIC']), ...Array.from({ length: 9 }, (_, i) => [`b${i}`, 'clinic ']), ['c', 'Ärztin']];
    const dataset = buildDataset(tableOf(['note', 'label'], rows), { note: 'text', label: 'label' });
    expect(dataset.labels).toEqual(['CLINIC', 'clinic', 'Ärztin']);
    expect(dataset.rareClasses).toEqual([{ label: 'clinic', count: 9 }, { label: 'Ärztin', count: 1 }]);
    expect(dataset.notes).toHaveLength(20);
    expect(reportConsistency(dataset).labelVariants).toEqual([[{ label: 'CLINIC', count: 10 }, { label: 'clinic', count: 9 }]]);
  });

  test.each([
    ['data/text-column', { label: 'label' }],
    ['data/text-column', { note: 'text', patient: 'text', label: 'label' }],
    ['data/label-column', { note: 'text' }],
    ['data/person-column', { note: 'text', label: 'label', patient: 'person', sex: 'person' }],
    ['data/unknown-column', { note: 'text', label: 'label', ward: 'group' }],
  ] as const)('%s', (code, wrong) => {
    expect(() => buildDataset(tableOf(header, [['a', 'b', 'c', 'd']]), wrong)).toThrow(expect.objectContaining({ code }));
  });
});

describe('writing', () => {
  const awkward = [['=1+1', 'a "quote"', 'two\r\nlines'], ['', ' space ', 'comma, here'], ['@x', '-', '']];

  test('what is written is read back cell by cell, formulas included', async () => {
    const bytes = utf8ToBytes(csvText(['a', 'b', 'c'], awkward, { withByteOrderMark: true }));
    const table = await parseTable({ fileName: 'x.csv', bytes, decode: (part, encoding) => new TextDecoder(encoding).decode(part) });
    expect(table.rows.map(({ cells }) => cells)).toEqual(awkward);
  });

  test('a lone empty cell is not written as a blank line', () => {
    expect(csvText(['a'], [[''], ['x']])).toBe('a\r\n""\r\nx\r\n');
  });

  test('set-aside rows carry their row, a reason, and their cells as they stood', () => {
    const problems: RowProblem[] = [
      { row: 3, code: 'column-count', values: { found: 3, expected: 2 }, cells: ['knee', ' left', 'bone'] },
      { row: 4, code: 'empty-text', values: {}, cells: ['', 'bone'] },
    ];
    expect(setAsideCsv(['note', 'label'], problems)).toBe(
      '\uFEFFrow,reason,note,label,surplus 1\r\n3,"Row 3 has 3 columns, the header has 2. Check for an unquoted separator.",knee," left",bone\r\n4,Row 4 has no text.,,bone,\r\n',
    );
  });

  test('no reason holds the text of its row', () => {
    const codes: readonly RowProblem['code'][] = ['column-count', 'unclosed-quote', 'invalid-json', 'empty-text', 'missing-label', 'duplicate', 'undecodable'];
    const values = { found: 3, expected: 2, lastRow: 9, firstRow: 2 };
    const sentences = codes.map((code) => describeProblem({ row: 7, code, values }));
    expect(new Set(sentences).size).toBe(codes.length);
    for (const sentence of sentences) expect(sentence).toMatch(/^(Row|Line) 7 .*\.$/);
    expect(sentences.join()).not.toContain('undefined');
  });

  test('added columns: every row of the file in its order, unread ones included', () => {
    const table = tableOf(['note', 'confidence'], [['a', 'x'], ['b', 'y']], [{ row: 4, code: 'column-count', values: { found: 3, expected: 2 }, cells: ['c', 'd', 'e'] }]);
    expect(addColumns(table, [{ name: 'predicted_label', cells: new Map([[2, 'L'], [3, 'M']]) }, { name: 'confidence', cells: new Map([[2, '0.9'], [3, '0.8']]) }])).toEqual({
      header: ['note', 'confidence', 'predicted_label', 'confidence (2)'],
      rows: [['a', 'x', 'L', '0.9'], ['b', 'y', 'M', '0.8'], ['c', 'd', '', '', 'e']],
    });
  });
});
