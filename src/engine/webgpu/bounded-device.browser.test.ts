import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UnitBatch } from '../engine.ts';
import { operationCases } from '../operations/cases.ts';
import { caseWeights, runCase } from '../operations/operation-case.ts';
import { BoundedDevice } from './bounded-device.ts';
import { acquireGpuDevice, type GpuDevice } from './device.ts';
import type { Kernel } from './kernel.ts';
import { batch, labels, smallEngine } from './testing/small-engine.ts';
import { createWebGpuOperations } from './webgpu-operations.ts';

/** So few multiply-adds that most launches of more than one workgroup are cut. */
const few = 20_000;

let device: GpuDevice;
let launches = 0;
const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;

beforeAll(async () => {
  device = await acquireGpuDevice();
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...size) {
    launches++;
    return dispatchWorkgroups.apply(this, size);
  };
});
afterAll(() => {
  GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
  device.destroy();
});

async function launchesOf<Result>(compute: () => Promise<Result>): Promise<{ readonly result: Result; readonly count: number }> {
  const before = launches;
  const result = await compute();
  return { result, count: launches - before };
}

describe('launches that are cut into ranges of their threads', () => {
  it('every case of every operation gives the same bits', async () => {
    const [whole, cut] = [createWebGpuOperations(device), createWebGpuOperations(new BoundedDevice(device, few, few))];
    whole.load(caseWeights('odd'));
    cut.load(caseWeights('odd'));
    const cutOperations = new Set<string>();
    for (const one of operationCases.filter(({ model }) => model === 'odd')) {
      const wanted = await launchesOf(() => runCase(one, whole));
      const found = await launchesOf(() => runCase(one, cut));
      expect(found.result, `${one.operation}: ${one.name}`).toEqual(wanted.result);
      if (found.count > wanted.count) cutOperations.add(one.operation);
    }
    // The others' cases are too small to be cut.
    expect(cutOperations.size).toBeGreaterThan(6);
    whole.dispose();
    cut.dispose();
    expect(device.failure).toBeNull();
  });

  it('a whole private step gives the same bits, in several times the launches and one read-back', async () => {
    const step = async (operations: ReturnType<typeof createWebGpuOperations>) => {
      const engine = smallEngine(operations);
      async function* batches(): AsyncGenerator<UnitBatch> {
        yield { input: batch, labels, unitOffsets: Int32Array.of(0, 1, 3, 5) };
      }
      const found = await launchesOf(async () => ({ sum: await engine.clippedSum(batches, { gridScale: 2 ** 20, sensitivity: 2 ** 20 }), gradients: await engine.gradients(batch, labels), features: await engine.encode(batch, [0, 1, 2]) }));
      engine.dispose();
      return found;
    };
    const [whole, cut] = [await step(createWebGpuOperations(device)), await step(createWebGpuOperations(new BoundedDevice(device, few, few)))];
    expect(cut.result).toEqual(whole.result);
    expect(cut.count).toBeGreaterThan(3 * whole.count);
    expect(device.failure).toBeNull();
  });

  it('each thread runs once where a range has more workgroups than one dimension takes', async () => {
    const addOne: Kernel<never, never> = { key: 'add one', inputs: {}, output: 'f32', uniforms: {}, body: 'result[index] += 1.0;' };
    const groupsOfRange = 65_537;
    const threads = 2 * 64 * groupsOfRange;
    const output = device.upload(new Float32Array(threads));
    const bounded = new BoundedDevice(device, threads / 2, 1);
    const { count } = await launchesOf(async () => bounded.run(addOne, { inputs: {}, uniforms: {}, threads, output, multiplyAdds: threads }));
    expect(count).toBe(2);
    expect((await device.download(output, threads)).every((value) => value === 1)).toBe(true);
    device.release(output);
    expect(device.failure).toBeNull();
  });
});
