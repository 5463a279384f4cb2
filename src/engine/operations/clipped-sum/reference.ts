import { invariant } from '../../../ground/check.ts';
import { clipToIntegers } from '../../../ground/integer-clip.ts';
import type { FloatArray } from '../../reference/float-array.ts';
import type { UnitGrid } from '../../engine.ts';
import { largestUnitCount, type ClippedSums } from './contract.ts';

/** The sum in host memory: rows are added in float64. `view` shows `length` numbers of a buffer. */
export function hostClippedSums<Buffer>(parameters: number, grid: UnitGrid, view: (buffer: Buffer, length: number) => FloatArray): ClippedSums<Buffer> {
  let sum = new Int32Array(parameters);
  let losses: number[] = [];
  let unitCount = 0;
  const unit = new Float64Array(parameters);
  return {
    async add({ gradients, losses: added, unitOffsets, continuesUnit, leavesUnitOpen }) {
      const units = unitOffsets.length - 1;
      const rows = unitOffsets[units]!;
      const values = view(gradients, rows * parameters);
      for (let u = 0; u < units; u++) {
        if (u > 0 || !continuesUnit) unit.fill(0);
        for (let row = unitOffsets[u]!; row < unitOffsets[u + 1]!; row++) {
          const from = row * parameters;
          for (let i = 0; i < parameters; i++) unit[i]! += values[from + i]!;
        }
        if (u === units - 1 && leavesUnitOpen) break;
        unitCount++;
        if (clipToIntegers(unit, grid.gridScale, grid.sensitivity)) for (let i = 0; i < parameters; i++) sum[i]! += unit[i]!;
      }
      losses.push(...view(added, rows));
      invariant(unitCount <= largestUnitCount(grid), 'a sum is read before its integers could overflow');
    },
    async read() {
      const found = { sum, losses: Float32Array.from(losses) };
      sum = new Int32Array(parameters);
      losses = [];
      unitCount = 0;
      return found;
    },
    release: () => undefined,
  };
}
