import { invariant } from '../ground/check.ts';
import type { UnitBatch } from './engine.ts';
import { checkLabels } from './input-check.ts';
import type { UnitRows } from './operations/clipped-sum/contract.ts';

/** Where units begin and end among the rows, units without rows left out: ascending, from 0 to the number of rows. */
export function unitBoundaries({ input, labels, unitOffsets }: UnitBatch, classes: number): Int32Array {
  const rows = input.offsets.length - 1;
  checkLabels(labels, rows, classes);
  invariant(unitOffsets[0] === 0 && unitOffsets.at(-1) === rows, 'units cover the rows of their batch');
  const boundaries = unitOffsets.filter((offset, u) => u === 0 || offset !== unitOffsets[u - 1]!);
  invariant(boundaries.every((offset, u) => u === 0 || offset > boundaries[u - 1]!), 'units lie one after the other');
  return boundaries;
}

/** The units of rows `firstRow` to `firstRow + rows`, which may begin and end inside a unit. */
export function unitsWithin(boundaries: Int32Array, firstRow: number, rows: number): Pick<UnitRows<unknown>, 'unitOffsets' | 'continuesUnit' | 'leavesUnitOpen'> {
  const inside = boundaries.filter((at) => at > firstRow && at < firstRow + rows).map((at) => at - firstRow);
  return {
    unitOffsets: Int32Array.of(0, ...inside, rows),
    continuesUnit: !boundaries.includes(firstRow),
    leavesUnitOpen: !boundaries.includes(firstRow + rows),
  };
}
