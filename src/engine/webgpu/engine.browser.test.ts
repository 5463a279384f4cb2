import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, ExampleGradients } from '../engine.ts';
import { scaledError } from '../operations/operation-case.ts';
import { createReferenceOperations } from '../reference/reference-operations.ts';
import { acquireGpuDevice, type GpuDevice } from './device.ts';
import type { WorkerAnswer } from './testing/gradients.worker.ts';
import { batch, labels, randomBatch, smallEngine } from './testing/small-engine.ts';
import { createWebGpuOperations } from './webgpu-operations.ts';

/** Euclidean norm of each row of a [B, P] matrix. */
function normsOf({ gradients, losses }: ExampleGradients): Float32Array {
  const parameters = gradients.length / losses.length;
  return losses.map((_, b) => Math.hypot(...gradients.subarray(b * parameters, (b + 1) * parameters)));
}

/** Two layers of float32 sums of up to 64 terms in another order than the reference: some tens of 6e-8. */
const tolerance = 1e-5;

describe('the engine on WebGPU', () => {
  let device: GpuDevice;
  let engine: Engine;
  const reference = smallEngine(createReferenceOperations());

  beforeAll(async () => {
    device = await acquireGpuDevice();
    engine = smallEngine(createWebGpuOperations(device));
  });
  afterAll(() => {
    expect(device.failure).toBeNull();
    engine.dispose();
    device.destroy();
  });

  it('encodes and caches as the reference does', async () => {
    const layers = [0, 1, 2];
    expect(scaledError([await engine.encode(batch, layers)], [await reference.encode(batch, layers)])).toBeLessThan(tolerance);
    expect(scaledError([await engine.hidden(batch, 1)], [await reference.hidden(batch, 1)])).toBeLessThan(tolerance);
  });

  it('gives the logits of the reference', async () => {
    expect(scaledError([await engine.logits(batch)], [await reference.logits(batch)])).toBeLessThan(tolerance);
  });

  it('gives the losses, per-example gradients and norms of the reference', async () => {
    const found = await engine.gradients(batch, labels);
    const wanted = await reference.gradients(batch, labels);
    expect(scaledError([found.losses, found.gradients, normsOf(found)], [wanted.losses, wanted.gradients, normsOf(wanted)])).toBeLessThan(tolerance);
  });

  it('gives every example the gradient it has alone, to the bit', async () => {
    const together = await engine.gradients(batch, labels);
    const parameters = together.gradients.length / labels.length;
    for (let b = 0; b < labels.length; b++) {
      const alone = await engine.gradients({ ids: batch.ids.subarray(batch.offsets[b]!, batch.offsets[b + 1]!), offsets: Int32Array.of(0, batch.offsets[b + 1]! - batch.offsets[b]!) }, labels.subarray(b, b + 1));
      expect(alone.losses[0]).toBe(together.losses[b]);
      expect(alone.gradients).toEqual(together.gradients.subarray(b * parameters, (b + 1) * parameters));
    }
  });

  it('gives the same bits in a module worker', async () => {
    const worker = new Worker(new URL('./testing/gradients.worker.ts', import.meta.url), { type: 'module' });
    const answer = await new Promise<WorkerAnswer>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
    worker.terminate();
    expect(answer).toEqual(await engine.gradients(batch, labels));
  });

  it('compiles nothing new and holds bounded memory while the token counts vary', async () => {
    const compiled = device.pipelineCount;
    const sizes: number[] = [];
    for (let step = 0; step < 30; step++) {
      const varied = randomBatch([1 + ((step * 37) % 120), 1 + ((step * 53) % 90), 1 + (step % 7)], step);
      await engine.gradients(varied, labels.subarray(0, 3));
      sizes.push(device.allocatedBytes);
    }
    expect(device.pipelineCount).toBe(compiled);
    // 3.3 MB with buckets; 12.8 MB were buffers kept by exact size.
    expect(Math.max(...sizes)).toBeLessThan(6e6);
  });
});

describe('a device lost in the middle of gradients', () => {
  it('rejects with device/lost, and a new device gives the same bits', async () => {
    const first = await acquireGpuDevice();
    const engine = smallEngine(createWebGpuOperations(first));
    const before = await engine.gradients(batch, labels);
    const interrupted = engine.gradients(batch, labels);
    first.backend.device.destroy();
    await expect(interrupted).rejects.toMatchObject({ code: 'device/lost', family: 'device' });
    await expect(engine.logits(batch)).rejects.toMatchObject({ code: 'device/lost' });
    engine.dispose();

    const second = await acquireGpuDevice();
    const again = await smallEngine(createWebGpuOperations(second)).gradients(batch, labels);
    expect(again.losses).toEqual(before.losses);
    expect(again.gradients).toEqual(before.gradients);
    expect(second.failure).toBeNull();
    second.destroy();
  });
});
