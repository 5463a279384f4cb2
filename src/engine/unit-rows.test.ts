import { expect, it } from 'vitest';
import { unitBoundaries, unitsWithin } from './unit-rows.ts';

const batch = (unitOffsets: readonly number[], rows: number) => ({ input: { ids: new Int32Array(rows), offsets: Int32Array.from({ length: rows + 1 }, (_, i) => i) }, labels: new Int32Array(rows), unitOffsets: Int32Array.from(unitOffsets) });

it('leaves out units without rows, and refuses units that overlap or leave rows over', () => {
  expect([...unitBoundaries(batch([0, 0, 2, 2, 5, 5], 5), 2)]).toEqual([0, 2, 5]);
  expect([...unitBoundaries(batch([0, 0], 0), 2)]).toEqual([0]);
  expect(() => unitBoundaries(batch([0, 3, 2, 5], 5), 2)).toThrow(/one after the other/);
  expect(() => unitBoundaries(batch([0, 4], 5), 2)).toThrow(/cover the rows/);
  expect(() => unitBoundaries({ ...batch([0, 5], 5), labels: Int32Array.of(0, 1, 2, 0, 0) }, 2)).toThrow(/label/);
});

it('cuts units where a micro-batch cuts them', () => {
  const boundaries = Int32Array.of(0, 2, 3, 7);
  const within = (firstRow: number, rows: number) => {
    const { unitOffsets, ...rest } = unitsWithin(boundaries, firstRow, rows);
    return { unitOffsets: [...unitOffsets], ...rest };
  };
  expect(within(0, 7)).toEqual({ unitOffsets: [0, 2, 3, 7], continuesUnit: false, leavesUnitOpen: false });
  expect(within(0, 1)).toEqual({ unitOffsets: [0, 1], continuesUnit: false, leavesUnitOpen: true });
  expect(within(1, 3)).toEqual({ unitOffsets: [0, 1, 2, 3], continuesUnit: true, leavesUnitOpen: true });
  expect(within(4, 2)).toEqual({ unitOffsets: [0, 2], continuesUnit: true, leavesUnitOpen: true });
  expect(within(5, 2)).toEqual({ unitOffsets: [0, 2], continuesUnit: true, leavesUnitOpen: false });
});
