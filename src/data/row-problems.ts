import type { RowProblem } from './table.ts';

/** Rows of the file that a problem takes with it: all those inside an open quote, else its own. */
export function rowsInside({ row, values }: Pick<RowProblem, 'row' | 'values'>): number {
  return Math.max(1, (values['lastRow'] ?? row) - row + 1);
}
