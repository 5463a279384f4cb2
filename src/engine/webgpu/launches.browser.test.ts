import { expect, it } from 'vitest';
import { createEngine } from '../bert.ts';
import type { UnitBatch } from '../engine.ts';
import { nanoShape } from '../model/nano.ts';
import { randomBert } from '../model/random-bert.ts';
import { acquireGpuDevice } from './device.ts';
import { batch, labels } from './testing/small-engine.ts';
import { createWebGpuOperations } from './webgpu-operations.ts';

/** What `compute` asks of WebGPU: compute launches, and reads of results. */
async function gpuCalls(compute: () => Promise<unknown>): Promise<{ launches: number; readBacks: number }> {
  let [launches, readBacks] = [0, 0];
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  const { mapAsync } = GPUBuffer.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...size) {
    launches++;
    return dispatchWorkgroups.apply(this, size);
  };
  GPUBuffer.prototype.mapAsync = function (mode, ...range) {
    if (mode === GPUMapMode.READ) readBacks++;
    return mapAsync.apply(this, [mode, ...range]);
  };
  try {
    await compute();
  } finally {
    GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
    GPUBuffer.prototype.mapAsync = mapAsync;
  }
  return { launches, readBacks };
}

it('a private step of six layers is 147 launches a micro-batch, and one read-back however many there are', async () => {
  const device = await acquireGpuDevice();
  const shape = { ...nanoShape, layers: 6 };
  const layers = [0, 1, 2, 3, 4, 5];
  const step = async (maximumTokens: number, keepsHalves = false) => {
    const engine = createEngine(createWebGpuOperations(device), randomBert(shape, 3), { maximumTokens, keepsHalves });
    const layout = engine.configure({ classes: 3, lora: { rank: 4, alpha: 8, targets: ['query', 'value'], layers } });
    engine.setParameters(new Float32Array(layout.length).fill(0.01));
    async function* batches(): AsyncGenerator<UnitBatch> {
      yield { input: batch, labels, unitOffsets: Int32Array.of(0, 1, 3, 5) };
    }
    const calls = await gpuCalls(() => engine.clippedSum(batches, { gridScale: 2 ** 20, sensitivity: 2 ** 20 }));
    engine.dispose();
    return calls;
  };
  // Twelve a layer forward, thirteen backward (the lowest two fewer), nine around them, two for the sum.
  expect(await step(512)).toEqual({ launches: 147, readBacks: 1 });
  // One more a layer, which packs what it keeps.
  expect(await step(512, true)).toEqual({ launches: 153, readBacks: 1 });
  // Cut into three micro-batches: the third unit goes on from the second into the last, which takes one more.
  expect(await step(64)).toEqual({ launches: 3 * 147 + 1, readBacks: 1 });
  expect(device.failure).toBeNull();
  device.destroy();
});
