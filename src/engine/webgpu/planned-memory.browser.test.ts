import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../ground/random.ts';
import { createEngine } from '../bert.ts';
import type { TokenBatch } from '../engine.ts';
import { nanoModel, nanoShape } from '../model/nano.ts';
import type { AdapterConfig } from '../parameters.ts';
import { clippedSumPass, encodePass, gradientsPass, logitsPass, summedGradientPass } from '../passes.ts';
import { plannedMemory } from '../planned-memory.ts';
import type { GpuDevice } from './device.ts';
import { shareDevice } from './testing/shared-device.ts';
import { randomBatch } from './testing/small-engine.ts';
import { createWebGpuOperations } from './webgpu-operations.ts';

const adapter: AdapterConfig = { classes: 3, lora: { rank: 4, alpha: 8, targets: ['query', 'value'], layers: [0, 1] } };
const grid = { gridScale: 2 ** 19, sensitivity: 2 ** 19 };
const { weights } = nanoModel(11);

/** Every row a unit of its own. */
const units = (input: TokenBatch) =>
  async function* () {
    const rows = input.offsets.length - 1;
    yield { input, labels: new Int32Array(rows), unitOffsets: Int32Array.from({ length: rows + 1 }, (_, row) => row) };
  };

describe('the memory of a step on WebGPU', () => {
  let device: GpuDevice;
  shareDevice((opened) => (device = opened));

  it.each([
    { name: 'gradients', pass: gradientsPass, tokens: 64, rows: 4 },
    { name: 'clipped sum', pass: clippedSumPass, tokens: 48, rows: 8 },
  ])('is what was planned: $name', async ({ pass, tokens, rows }) => {
    const before = device.storageBytes;
    const operations = createWebGpuOperations(device);
    const engine = createEngine(operations, weights, { maximumTokens: tokens, maximumRows: rows });
    engine.configure(adapter);
    await pass.again(engine, randomBatch([...Array<number>(rows - 1).fill(1), tokens - rows + 1], 1));
    const planned = await plannedMemory({ backend: 'webgpu', shape: nanoShape, adapter, passes: [pass], bucket: { tokens, rows } });
    expect(device.storageBytes - before).toBe(planned.totalBytes);
    expect(operations.steps!.unplannedBuffers).toBe(0);
    engine.dispose();
  });

  it('is what was planned where units are cut between micro-batches, on the grid that has room for the most of them', async () => {
    const before = device.storageBytes;
    const operations = createWebGpuOperations(device);
    const engine = createEngine(operations, weights, { maximumTokens: 48, maximumRows: 8 });
    engine.configure(adapter);
    const input = randomBatch([...Array<number>(7).fill(1), 41, 20, 20], 1);
    async function* persons() {
      yield { input, labels: new Int32Array(10), unitOffsets: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 9, 10) };
    }
    await engine.clippedSum(persons, grid);
    const planned = await plannedMemory({ backend: 'webgpu', shape: nanoShape, adapter, passes: [clippedSumPass], bucket: { tokens: 48, rows: 8 } });
    // What the sum itself takes is given back at its end, and lies in the pool.
    expect(device.storageBytes - before).toBe(planned.totalBytes);
    engine.dispose();
  });

  it.each([
    { name: 'the top layer', whole: { topLayers: 1, embeddings: false } },
    { name: 'the whole encoder', whole: { topLayers: 2, embeddings: true } },
  ] as const)('is what was planned where layers train whole: $name', async ({ whole }) => {
    const before = device.storageBytes;
    const operations = createWebGpuOperations(device);
    const engine = createEngine(operations, weights, { maximumTokens: 64, maximumRows: 4 });
    const trained: AdapterConfig = { classes: 3, lora: null, whole };
    engine.configure(trained);
    await summedGradientPass.again(engine, randomBatch([1, 1, 1, 61], 1));
    const planned = await plannedMemory({ backend: 'webgpu', shape: nanoShape, adapter: trained, passes: [summedGradientPass], bucket: { tokens: 64, rows: 4 } });
    expect(device.storageBytes - before).toBe(planned.totalBytes);
    expect(operations.steps!.unplannedBuffers).toBe(0);
    engine.dispose();
  });

  /** A micro-batch of 61 tokens in two rows, and three of 64 in four. */
  const ofManyMicroBatches = randomBatch([1, 60, ...Array<number>(12).fill(16)], 1);

  it.each([
    { name: 'features of one layer', pass: encodePass([2]) },
    { name: 'features of several layers', pass: encodePass([0, 1, 2]) },
    { name: 'logits', pass: logitsPass },
  ])('is what was planned where the device goes on while the host reads, also where the plan grows meanwhile: $name', async ({ pass }) => {
    const before = device.storageBytes;
    const operations = createWebGpuOperations(device);
    const engine = createEngine(operations, weights, { maximumTokens: 64, maximumRows: 4 });
    engine.configure(adapter);
    await pass.again(engine, ofManyMicroBatches);
    const planned = await plannedMemory({ backend: 'webgpu', shape: nanoShape, adapter, passes: [pass], bucket: { tokens: 64, rows: 4 } });
    expect(device.storageBytes - before).toBe(planned.totalBytes);
    expect(operations.steps!.unplannedBuffers).toBe(0);
    engine.dispose();
  });

  it('is not asked for again in steps of any rows within the bucket', async () => {
    const operations = createWebGpuOperations(device);
    const engine = createEngine(operations, weights, { maximumTokens: 64, maximumRows: 8 });
    const theta = new Float32Array(engine.configure(adapter).length);
    const step = async (lengths: readonly number[], seed: number) => {
      const batch = randomBatch(lengths, seed);
      await engine.gradients(batch, new Int32Array(lengths.length));
      await engine.clippedSum(units(batch), grid);
      await engine.logits(batch);
      await engine.encode(batch, [0, 2]);
      engine.setParameters(theta);
    };
    const random = mulberry32(3);
    const lengths = () => Array.from({ length: 1 + Math.floor(random() * 8) }, () => 1 + Math.floor(random() * 40));
    await step([1, 1, 1, 1, 1, 1, 1, 57], 0);
    await step(lengths(), 1);
    const held = device.allocatedBytes;
    for (let seed = 2; seed < 22; seed++) await step(lengths(), seed);
    expect(device.allocatedBytes).toBe(held);
    expect(operations.steps!.unplannedBuffers).toBe(0);
    engine.dispose();
  });

  it('is refused in a sentence before it is taken', async () => {
    const { stepBytes } = await plannedMemory({ backend: 'webgpu', shape: nanoShape, adapter, passes: [gradientsPass], bucket: { tokens: 64, rows: 1 } });
    const engine = createEngine(createWebGpuOperations(device), weights, { maximumTokens: 64, maximumRows: 8, budgetBytes: stepBytes });
    engine.configure(adapter);
    await expect(engine.gradients(randomBatch([64], 1), Int32Array.of(0))).rejects.toMatchObject({ code: 'device/step-too-large' });
    engine.dispose();
  });
});
