import { caseValues, offsetsOf, type OperationCase } from '../operation-case.ts';
import type { UnitGrid } from '../../engine.ts';

interface ClippedSumSetting {
  readonly name: string;
  readonly parameters: number;
  /** Rows of each unit. */
  readonly units: readonly number[];
  readonly deviation: number;
}

const settings: readonly ClippedSumSetting[] = [
  { name: 'one unit of one row, below the bound', parameters: 1, units: [1], deviation: 1e-3 },
  { name: 'units of one row, clipped, a length that no workgroup divides', parameters: 1000, units: [1, 1, 1, 1, 1], deviation: 1 },
  { name: 'units of several rows', parameters: 130, units: [3, 1, 2], deviation: 0.1 },
  { name: 'some clipped and some not', parameters: 64, units: [1, 1, 1, 1], deviation: 0.12 },
  { name: 'giants', parameters: 77, units: [1, 2], deviation: 1e12 },
  { name: 'as good as nothing', parameters: 77, units: [1, 2], deviation: 1e-30 },
];

const caseGrid: UnitGrid = { gridScale: 2 ** 19, sensitivity: 2 ** 19 };

export const clippedSumCases: readonly OperationCase[] = settings.map(({ name, parameters, units, deviation }, seed) => ({
  operation: 'clippedSums',
  name,
  model: 'nano',
  tolerance: 2e-4,
  reason: 'the factor aims below K by what float32 may err, (P / 64 + 32) units of 2^-23, and truncation may then differ by a grid step a unit',
  run(operations, buffers) {
    const unitOffsets = Int32Array.from(offsetsOf(units));
    const rows = unitOffsets.at(-1)!;
    const gradients = buffers.input(caseValues(rows * parameters, 1000 + seed, deviation));
    const losses = buffers.input(caseValues(rows, 1010 + seed));
    const sums = operations.clippedSums(parameters, caseGrid, rows);
    buffers.result(async () => {
      await sums.add({ gradients, losses, unitOffsets, continuesUnit: false, leavesUnitOpen: false });
      const read = await sums.read();
      sums.release();
      return [Float32Array.from(read.sum), read.losses];
    });
  },
}));
