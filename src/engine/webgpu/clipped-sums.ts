import { invariant } from '../../ground/check.ts';
import type { UnitGrid } from '../engine.ts';
import { largestSensitivity, largestUnitCount, type ClippedSums } from '../operations/clipped-sum/contract.ts';
import { addRows, addUnits, clipFactor, clipUnits } from '../operations/clipped-sum/webgpu.ts';
import type { DeviceBuffer, LaunchDevice } from './device.ts';
import { workgroupThreads } from './kernel.ts';
import { launchCost } from './launch-cost.ts';

/** The kernels of a clipped sum; a test may put a faulty one in the place of another. */
export const clippedSumKernels = { clipUnits, addUnits, addRows };

/** A sum of clipped units that stays on the device until it is read: int32 [P], and the losses' bits behind it. */
export function createGpuClippedSums(device: LaunchDevice, parameters: number, grid: UnitGrid, maximumRows: number, kernels = clippedSumKernels): ClippedSums<DeviceBuffer> {
  invariant(grid.sensitivity >= 1 && grid.sensitivity <= largestSensitivity, 'the clip norm is 1 to 2^20 grid steps');
  const empty = new Int32Array(parameters + maximumRows);
  const factor = clipFactor(grid, parameters);
  let sum: DeviceBuffer | null = null;
  /** Rows of the unit that is still open, added up: [P]. */
  let open: DeviceBuffer | null = null;
  let isOpen = false;
  let unitCount = 0;
  let rowCount = 0;
  const passOver = (rowsOfGradients: number) => launchCost.numbers(rowsOfGradients * parameters);
  let before: Promise<void> = Promise.resolve();

  return {
    async add({ gradients, losses, unitOffsets, continuesUnit, leavesUnitOpen }) {
      const units = unitOffsets.length - 1;
      const closed = units - (leavesUnitOpen ? 1 : 0);
      const rows = unitOffsets[units]!;
      invariant(unitCount + closed <= largestUnitCount(grid) && rowCount + rows <= maximumRows, 'a sum is read before its integers could overflow');
      sum ??= device.upload(empty);
      // Whether or not a unit is cut: the memory of a step is planned for all units alike.
      open ??= device.allocate(parameters);
      if (continuesUnit) {
        invariant(isOpen, 'a unit that continues was left open');
        device.run(kernels.addRows, { inputs: { rows: open }, uniforms: { parameters, firstRow: 0, endRow: 1, isFresh: 0 }, threads: parameters, output: gradients });
      }
      if (leavesUnitOpen) {
        device.run(kernels.addRows, { inputs: { rows: gradients }, uniforms: { parameters, firstRow: unitOffsets[closed]!, endRow: rows, isFresh: 1 }, threads: parameters, output: open, multiplyAdds: passOver(rows - unitOffsets[closed]!) });
      }
      const places = device.upload(unitOffsets);
      if (closed > 0) device.run(kernels.clipUnits, { inputs: { units: places }, uniforms: { parameters, ...factor }, threads: closed * workgroupThreads, output: gradients, multiplyAdds: launchCost.clip(rows * parameters) });
      device.run(kernels.addUnits, { inputs: { gradients, units: places, losses }, uniforms: { parameters, units: closed, lossesBefore: rowCount }, threads: parameters + rows, output: sum, multiplyAdds: passOver(closed) });
      device.release(places);
      unitCount += closed;
      rowCount += rows;
      isOpen = leavesUnitOpen;
      // Two micro-batches at a time: the device always has work, and what is asked of it can still be stopped.
      const earlier = before;
      before = device.workDone();
      before.catch(() => undefined);
      await earlier;
    },

    async read() {
      if (sum === null) return { sum: new Int32Array(parameters), losses: new Float32Array(0) };
      const rows = rowCount;
      const numbers = await device.downloadIntegers(sum, parameters + rows);
      device.release(sum);
      sum = null;
      unitCount = 0;
      rowCount = 0;
      return { sum: numbers.slice(0, parameters), losses: new Float32Array(numbers.slice(parameters).buffer) };
    },

    release() {
      if (sum) device.release(sum);
      if (open) device.release(open);
      sum = null;
      open = null;
    },
  };
}
