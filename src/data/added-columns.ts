import { uniqueHeader } from './header.ts';
import type { RawTable } from './table.ts';

export interface AddedColumn {
  readonly name: string;
  /** Cell by row of the file; rows it lacks get an empty cell. */
  readonly cells: ReadonlyMap<number, string>;
}

/**
 * A table with columns added on the right: every row of the file in its order, those that could not be read included,
 * each with its cells as they came. A name the table has already gets a number.
 */
export function addColumns(table: Pick<RawTable, 'header' | 'rows' | 'unreadable'>, columns: readonly AddedColumn[]): { readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] } {
  const width = table.header.length;
  const all = [...table.rows, ...table.unreadable].sort((a, b) => a.row - b.row);
  return {
    header: uniqueHeader([...table.header, ...columns.map(({ name }) => name)]),
    rows: all.map(({ row, cells }) => {
      const own = cells.length >= width ? cells : [...cells, ...new Array<string>(width - cells.length).fill('')];
      // A row with surplus cells keeps them, after the added ones, so that the added ones stay in their columns.
      return [...own.slice(0, width), ...columns.map((column) => column.cells.get(row) ?? ''), ...own.slice(width)];
    }),
  };
}
