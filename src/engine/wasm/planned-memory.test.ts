import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../ground/random.ts';
import { createEngine } from '../bert.ts';
import { checkGoldenBatch, makeGoldenBatch } from '../golden-batch.ts';
import type { TokenBatch } from '../engine.ts';
import { randomBert } from '../model/random-bert.ts';
import type { BertShape } from '../model/weights.ts';
import { offsetsOf } from '../operations/operation-case.ts';
import { parameterLayout, type AdapterConfig } from '../parameters.ts';
import { clippedSumPass, gradientsPass, summedGradientPass } from '../passes.ts';
import { plannedMemory } from '../planned-memory.ts';
import { createReferenceOperations } from '../reference/reference-operations.ts';
import { dryKernels } from './dry-run.ts';
import { blockBytes } from './linear-memory.ts';
import { instantiateKernels, type KernelBinaries } from './module.ts';
import { createWasmOperations } from './wasm-operations.ts';

const file = (name: string) => () => readFile(new URL(`./kernels.${name}.wasm`, import.meta.url));
const binaries: KernelBinaries = { simd: file('simd'), relaxed: file('relaxed') };
const shape: BertShape = { layers: 3, width: 32, heads: 2, feedForwardWidth: 64, vocabularySize: 97, maximumPositions: 128, tokenTypes: 2, layerNormEpsilon: 1e-12 };
const adapter: AdapterConfig = { classes: 5, lora: { rank: 4, alpha: 8, targets: ['query', 'value', 'feed-forward'], layers: [1, 2] } };
const grid = { gridScale: 2 ** 19, sensitivity: 2 ** 19 };

function batchOf(lengths: readonly number[]): TokenBatch {
  const offsets = Int32Array.from(offsetsOf(lengths));
  return { ids: Int32Array.from({ length: offsets.at(-1)! }, (_, t) => (t * 37) % shape.vocabularySize), offsets };
}

async function open(limits: { maximumTokens: number; maximumRows: number; budgetBytes?: number }) {
  const operations = createWasmOperations(await instantiateKernels(binaries));
  const engine = createEngine(operations, randomBert(shape, 5), limits);
  return { operations, engine };
}

/** Every row a unit of its own. */
const clippedSum = (input: TokenBatch, labels: Int32Array) =>
  async function* () {
    yield { input, labels, unitOffsets: Int32Array.from({ length: labels.length + 1 }, (_, row) => row) };
  };

describe('the memory of a step on WebAssembly', () => {
  it.each([
    { name: 'all layers adapted', adapter: { classes: 5, lora: { rank: 4, alpha: 8, targets: ['query', 'value', 'feed-forward'], layers: [0, 1, 2] } }, tokens: 128, rows: 8 },
    { name: 'a frozen prefix', adapter, tokens: 96, rows: 2 },
    { name: 'a head alone', adapter: { classes: 77, lora: null }, tokens: 128, rows: 1 },
  ] as const)('is what was planned: $name', async ({ adapter: trained, tokens, rows }) => {
    const module = await instantiateKernels(binaries);
    const engine = createEngine(createWasmOperations(module), randomBert(shape, 5), { maximumTokens: tokens, maximumRows: rows });
    engine.configure(trained);
    const batch = batchOf([...Array<number>(rows - 1).fill(1), tokens - rows + 1]);
    await engine.clippedSum(clippedSum(batch, new Int32Array(rows)), grid);
    const planned = await plannedMemory({ backend: 'wasm', shape, adapter: trained, passes: [clippedSumPass], bucket: { tokens, rows } }, module.kernels.firstFreeByte());
    expect(module.memory.sizeBytes).toBe(planned.totalBytes);
    // The arena is most of what is beside the weights, so a plan that forgot a part of it would fall short.
    expect(planned.stepBytes).toBeGreaterThan(tokens * shape.width * 4);
  });

  it.each([
    { name: 'the top two layers', whole: { topLayers: 2, embeddings: false } },
    { name: 'the whole encoder', whole: { topLayers: 3, embeddings: true } },
  ] as const)('is what was planned where layers train whole: $name', async ({ whole }) => {
    const module = await instantiateKernels(binaries);
    const engine = createEngine(createWasmOperations(module), randomBert(shape, 5), { maximumTokens: 96, maximumRows: 4 });
    const trained: AdapterConfig = { classes: 5, lora: null, whole };
    engine.configure(trained);
    await engine.summedGradient(batchOf([1, 1, 1, 93]), new Int32Array(4));
    const planned = await plannedMemory({ backend: 'wasm', shape, adapter: trained, passes: [summedGradientPass], bucket: { tokens: 96, rows: 4 } }, module.kernels.firstFreeByte());
    expect(module.memory.sizeBytes).toBe(planned.totalBytes);
  });

  it('is not asked for again in steps of any rows within the bucket', async () => {
    const { operations, engine } = await open({ maximumTokens: 128, maximumRows: 8 });
    engine.configure(adapter);
    const step = async (lengths: readonly number[]) => {
      const batch = batchOf(lengths);
      const labels = new Int32Array(lengths.length);
      await engine.gradients(batch, labels);
      await engine.clippedSum(clippedSum(batch, labels), grid);
      await engine.logits(batch);
      await engine.encode(batch, [0, 2, 3]);
      const hidden = await engine.hidden(batch, 1);
      await engine.gradients({ hidden, offsets: batch.offsets, layer: 1 }, labels);
    };
    await step([...Array<number>(7).fill(1), 121]);
    const held = operations.memoryBytes;
    const random = mulberry32(3);
    for (let i = 0; i < 20; i++) await step(Array.from({ length: 1 + Math.floor(random() * 12) }, () => 1 + Math.floor(random() * 128)));
    expect(operations.memoryBytes).toBe(held);
    expect(operations.steps!.unplannedBuffers).toBe(0);
  });

  it('is not planned for the passes of the golden batch, once that has been checked', async () => {
    const golden = await makeGoldenBatch(createEngine(createReferenceOperations(), randomBert(shape, 5)), [Int32Array.of(1, 2, 3), Int32Array.of(4)]);
    const limits = { maximumTokens: 128, maximumRows: 8 };
    const [fresh, checked] = [await open(limits), await open(limits)];
    expect((await checkGoldenBatch(checked.engine, golden)).every(({ passed }) => passed)).toBe(true);
    for (const { engine } of [fresh, checked]) await engine.encode(batchOf([...Array<number>(7).fill(1), 121]), [3]);
    const bareHead = parameterLayout(shape, { classes: 4, lora: null }).length;
    expect(checked.operations.steps!.heldBytes).toBe(fresh.operations.steps!.heldBytes + blockBytes(4 * bareHead));
  });

  it('gives the bits that buffers made one by one give', async () => {
    const batch = batchOf([5, 40, 1, 17]);
    const labels = Int32Array.of(0, 1, 2, 3);
    const planned = (await open({ maximumTokens: 128, maximumRows: 8 })).engine;
    const single = createEngine({ ...createWasmOperations(await instantiateKernels(binaries)), steps: null }, randomBert(shape, 5), { maximumTokens: 128, maximumRows: 8 });
    for (const engine of [planned, single]) engine.configure(adapter);
    const theta = Float32Array.from({ length: planned.configure(adapter).length }, (_, i) => Math.sin(i) / 8);
    for (const engine of [planned, single]) engine.setParameters(theta);
    expect(await planned.gradients(batch, labels)).toEqual(await single.gradients(batch, labels));
    expect(await planned.encode(batch, [1, 3])).toEqual(await single.encode(batch, [1, 3]));
  });

  it('is refused in a sentence before it is taken, and a smaller step still runs', async () => {
    const { stepBytes } = await plannedMemory({ backend: 'wasm', shape, adapter, passes: [gradientsPass], bucket: { tokens: 128, rows: 1 } });
    const { operations, engine } = await open({ maximumTokens: 128, maximumRows: 8, budgetBytes: stepBytes });
    engine.configure(adapter);
    const before = operations.memoryBytes;
    await expect(engine.gradients(batchOf([128]), Int32Array.of(0))).rejects.toMatchObject({
      code: 'device/step-too-large',
      message: expect.stringMatching(/^A step of 128 tokens needs \d+ MB of memory at once; 1 MB can be had here\. (64|80|96|112) tokens would fit\.$/),
      hint: expect.stringMatching(/^Set the maximum length to (64|80|96|112) or less/),
    });
    expect(operations.memoryBytes).toBe(before);
    expect((await engine.gradients(batchOf([16]), Int32Array.of(0))).losses).toHaveLength(1);
  });

  it('is kept within the budget by cutting micro-batches, which changes no bit', async () => {
    const limits = { maximumTokens: 128, maximumRows: 8 };
    const held = (await open(limits)).operations.steps!.heldBytes;
    const { stepBytes } = await plannedMemory({ backend: 'wasm', shape, adapter, passes: [clippedSumPass], bucket: { tokens: 64, rows: 4 } });
    // Weights, theta, the clipped sum, and a step of half the tokens, with a little to spare.
    const budgetBytes = held + stepBytes + 200_000;
    const [free, tight] = [await open(limits), await open({ ...limits, budgetBytes })];
    const batch = batchOf([16, 15, 1, 30, 2, 29, 17, 18, 40, 8]);
    const labels = Int32Array.from({ length: 10 }, (_, row) => row % 5);
    const all = async ({ engine }: typeof free) => {
      const { length } = engine.configure(adapter);
      engine.setParameters(Float32Array.from({ length }, (_, i) => Math.sin(i) / 8));
      return [await engine.gradients(batch, labels), await engine.clippedSum(clippedSum(batch, labels), grid), await engine.logits(batch), await engine.encode(batch, [0, 3])];
    };
    expect(await all(tight)).toEqual(await all(free));
    expect(tight.operations.steps!.heldBytes).toBeLessThan(budgetBytes);
    expect(tight.operations.steps!.unplannedBuffers).toBe(0);
    // The budget is one: without it a step takes more.
    expect((await plannedMemory({ backend: 'wasm', shape, adapter, passes: [clippedSumPass], bucket: { tokens: 128, rows: 8 } })).stepBytes).toBeGreaterThan(stepBytes + 200_000);
  });

  it('proposes nothing where not even a short row would fit', async () => {
    const { engine, operations } = await open({ maximumTokens: 128, maximumRows: 8, budgetBytes: 1000 });
    engine.configure(adapter);
    await expect(engine.gradients(batchOf([100]), Int32Array.of(0))).rejects.toMatchObject({ values: { fits: 0 }, hint: 'Choose a smaller model, a lower adapter rank or fewer layers to train.' });
    expect(operations.steps!.unplannedBuffers).toBe(0);
  });
});

it('the room that kernels want is the same in a rehearsal', async () => {
  const { kernels } = await instantiateKernels(binaries);
  for (const depth of [1, 7, 64, 1536]) expect(dryKernels.panelBytes(depth)).toBe(kernels.panelBytes(depth));
  for (const tokens of [1, 8, 9, 512]) for (const headWidth of [4, 12, 32, 64]) expect(dryKernels.attentionScratchBytes(tokens, headWidth)).toBe(kernels.attentionScratchBytes(tokens, headWidth));
});
