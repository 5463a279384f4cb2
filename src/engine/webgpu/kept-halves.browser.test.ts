import { describe, expect, it } from 'vitest';
import { createEngine } from '../bert.ts';
import { float32ToFloat16 } from '../model/float16.ts';
import { nanoModel, nanoShape } from '../model/nano.ts';
import { largestHalf } from '../operations/kept/reference.ts';
import { caseValues, scaledError } from '../operations/operation-case.ts';
import type { Operations } from '../operations/operations.ts';
import { loraTargets, type AdapterConfig } from '../parameters.ts';
import { clippedSumPass } from '../passes.ts';
import { plannedMemory } from '../planned-memory.ts';
import { createReferenceOperations } from '../reference/reference-operations.ts';
import type { GpuDevice } from './device.ts';
import { shareDevice } from './testing/shared-device.ts';
import { batch, labels, randomBatch } from './testing/small-engine.ts';
import { createWebGpuOperations } from './webgpu-operations.ts';

const adapter: AdapterConfig = { classes: 3, lora: { rank: 4, alpha: 8, targets: loraTargets, layers: [0, 1] } };

function engineOn<Buffer>(operations: Operations<Buffer>, keepsHalves: boolean) {
  const engine = createEngine(operations, nanoModel(11).weights, { keepsHalves });
  const layout = engine.configure(adapter);
  engine.setParameters(caseValues(layout.length, 5, 0.2));
  return engine;
}

let device: GpuDevice;
shareDevice((opened) => (device = opened));

describe('values packed on the device', () => {
  const packed = async (values: Float32Array) => {
    const operations = createWebGpuOperations(device);
    const given = operations.upload(values);
    const { whole } = operations.keepHalves!([given], [values.length]);
    const words = await device.downloadIntegers(whole, values.length / 2);
    operations.release(given, whole);
    return new Uint16Array(words.buffer);
  };

  it('are those of a nearest half', async () => {
    const values = caseValues(4096, 9, 3);
    const [found, nearest] = [await packed(values), float32ToFloat16(values)];
    // WGSL lets a device take either neighbour.
    expect(found.every((half, i) => Math.abs(half - nearest[i]!) <= 1)).toBe(true);
    expect(found).not.toEqual(new Uint16Array(values.length));
  });

  it('are exact where they can be, and never infinite', async () => {
    const exact = Float32Array.of(0, 1, -0.5, 2 ** -14, 3 * 2 ** -24, 2047, largestHalf, -largestHalf);
    expect(await packed(exact)).toEqual(float32ToFloat16(exact));
    expect(await packed(Float32Array.of(1e6, -1e30, 65520, -65519))).toEqual(float32ToFloat16(Float32Array.of(largestHalf, -largestHalf, largestHalf, -largestHalf)));
  });
});

describe('an engine that keeps halves on WebGPU', () => {
  it('has the losses of float32 to the bit, and gradients near those of float32 and of the reference', async () => {
    const [halves, whole] = [engineOn(createWebGpuOperations(device), true), engineOn(createWebGpuOperations(device), false)];
    const [found, floats] = [await halves.gradients(batch, labels), await whole.gradients(batch, labels)];
    expect(found.losses).toEqual(floats.losses);
    expect(found.gradients).not.toEqual(floats.gradients);
    const wanted = await engineOn(createReferenceOperations(), true).gradients(batch, labels);
    // 2^-11 of each activation at most, which meet in a gradient; what lies between two halves may go to either here and there, so no nearer to the reference than that.
    for (const other of [floats, wanted]) expect(scaledError([found.gradients], [other.gradients])).toBeLessThan(2 ** -9);
    halves.dispose();
    whole.dispose();
  });

  it('gives a row the same bits alone as among others', async () => {
    const engine = engineOn(createWebGpuOperations(device), true);
    const together = await engine.gradients(batch, labels);
    const parameters = together.gradients.length / labels.length;
    for (let b = 0; b < labels.length; b++) {
      const alone = await engine.gradients({ ids: batch.ids.subarray(batch.offsets[b]!, batch.offsets[b + 1]!), offsets: Int32Array.of(0, batch.offsets[b + 1]! - batch.offsets[b]!) }, labels.subarray(b, b + 1));
      expect(alone.gradients).toEqual(together.gradients.subarray(b * parameters, (b + 1) * parameters));
    }
    engine.dispose();
  });

  it('takes the memory that was planned, which is less', async () => {
    const [tokens, rows] = [64, 4];
    const before = device.storageBytes;
    const operations = createWebGpuOperations(device);
    const engine = createEngine(operations, nanoModel(11).weights, { maximumTokens: tokens, maximumRows: rows, keepsHalves: true });
    engine.configure(adapter);
    await clippedSumPass.again(engine, randomBatch([1, 1, 1, tokens - 3], 1));
    const request = { backend: 'webgpu', shape: nanoShape, adapter, passes: [clippedSumPass], bucket: { tokens, rows } } as const;
    const planned = await plannedMemory({ ...request, keepsHalves: true });
    expect(device.storageBytes - before).toBe(planned.totalBytes);
    expect(operations.steps!.unplannedBuffers).toBe(0);
    expect(planned.stepBytes).toBeLessThan((await plannedMemory({ ...request, keepsHalves: false })).stepBytes);
    engine.dispose();
  });
});
