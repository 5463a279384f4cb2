import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../ground/random.ts';
import { createEngine } from './bert.ts';
import type { Engine, TokenBatch } from './engine.ts';
import { countBuffers } from './live-buffers.ts';
import { randomBert } from './model/random-bert.ts';
import type { BertShape } from './model/weights.ts';
import { caseValues, offsetsOf, scaledError } from './operations/operation-case.ts';
import { type AdapterConfig, parameterEntry, type WholeConfig } from './parameters.ts';
import { createReferenceOperations, createReferenceOperationsIn } from './reference/reference-operations.ts';
import { instantiateKernels } from './wasm/module.ts';
import { createWasmOperations } from './wasm/wasm-operations.ts';

const shape: BertShape = { layers: 2, width: 16, heads: 2, feedForwardWidth: 24, vocabularySize: 11, maximumPositions: 12, tokenTypes: 2, layerNormEpsilon: 1e-12 };
const weights = randomBert(shape, 5);
const classes = 3;
const offsets = Int32Array.from(offsetsOf([3, 1, 5]));
const batch: TokenBatch = { ids: Int32Array.from({ length: 9 }, (_, t) => (t * 7) % 11), offsets };
const labels = Int32Array.of(2, 0, 1);
const parts: readonly (readonly [string, WholeConfig])[] = [['the top layer', { topLayers: 1, embeddings: false }], ['both layers', { topLayers: 2, embeddings: false }], ['everything', { topLayers: 2, embeddings: true }]];
const kernels = { simd: () => readFile(new URL('./wasm/kernels.simd.wasm', import.meta.url)), relaxed: () => readFile(new URL('./wasm/kernels.relaxed.wasm', import.meta.url)) };

/** Configured, at the frozen model with a head that is not zero. */
function configured(engine: Engine, whole: WholeConfig): Float32Array {
  const adapter = { classes, lora: null, whole };
  const layout = engine.configure(adapter);
  const theta = engine.initialParameters(adapter);
  const head = parameterEntry(layout, 'classifier.weight').offset;
  theta.set(caseValues(layout.length - head, 3, 0.3), head);
  engine.setParameters(theta);
  return theta;
}

describe.each(parts)('%s', (_, whole) => {
  test('begins as the frozen model: the logits are those of the same head on it', async () => {
    const engine = createEngine(createReferenceOperations(), weights);
    const theta = configured(engine, whole);
    const found = await engine.logits(batch);
    engine.configure({ classes, lora: null });
    engine.setParameters(theta.slice(-(classes * shape.width + classes)));
    // q * scale is rounded to float32 where the frozen maps multiply in float64.
    expect(scaledError([found], [await engine.logits(batch)])).toBeLessThan(2e-6);
  });

  test('has the gradient of the summed loss, by central differences in float64', async () => {
    const operations = createReferenceOperationsIn<Float64Array>((length) => new Float64Array(length));
    const engine = createEngine(operations, weights);
    const theta = configured(engine, whole);
    const { gradient, losses } = await engine.summedGradient(batch, labels);
    expect(losses).toHaveLength(3);
    const lossAt = async (moved: Float32Array) => {
      engine.setParameters(moved);
      return (await engine.summedGradient(batch, labels)).losses.reduce((sum, loss) => sum + loss, 0);
    };
    const { entries } = engine.configure({ classes, lora: null, whole });
    const random = mulberry32(1);
    const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // Two numbers of every tensor; losses come back in float32, so that a step of 2e-3 leaves 3 x 6e-8 / 2e-3, and h² f''' as much again.
    const h = 2e-3;
    for (const { name, offset, length } of entries) {
      for (let draw = 0; draw < 2; draw++) {
        const i = offset + Math.floor(random() * length);
        const [up, down] = [Float32Array.from(theta), Float32Array.from(theta)];
        up[i]! += h;
        down[i]! -= h;
        const wanted = ((await lossAt(up)) - (await lossAt(down))) / (up[i]! - down[i]!);
        expect(Math.abs(gradient[i]! - wanted), `${name} [${i - offset}]`).toBeLessThan(5e-4 * Math.max(1, largest));
      }
    }
  });

  test('is the same in parts, from a cached prefix, and in WebAssembly, and leaves no buffer', async () => {
    const reference = createEngine(createReferenceOperations(), weights);
    configured(reference, whole);
    const wanted = await reference.summedGradient(batch, labels);
    for (const maximumTokens of [4096, 4]) {
      const { operations, live } = countBuffers(createWasmOperations(await instantiateKernels(kernels, 'simd')));
      const engine = createEngine(operations, weights, { maximumTokens });
      configured(engine, whole);
      const held = live.count;
      const found = await engine.summedGradient(batch, labels);
      // As the self-check holds gradients of adapters: some twenty operations in a row, each within 1e-5.
      expect(scaledError([found.losses, found.gradient, await engine.logits(batch)], [wanted.losses, wanted.gradient, await reference.logits(batch)])).toBeLessThan(2e-4);
      if (!whole.embeddings) {
        const layer = shape.layers - whole.topLayers;
        const prefix = { hidden: await engine.hidden(batch, layer), offsets, layer };
        expect((await engine.summedGradient(prefix, labels)).gradient).toEqual(found.gradient);
      }
      expect(live.count).toBe(held);
    }
  });
});

describe('refuses', () => {
  const engine = createEngine(createReferenceOperations(), weights);
  const configure = (adapter: AdapterConfig) => () => engine.configure(adapter);
  test.each<[string, AdapterConfig, RegExp]>([
    ['adapters in layers that train whole', { classes, lora: { rank: 2, alpha: 4, targets: ['query'], layers: [1] }, whole: { topLayers: 1, embeddings: false } }, /whole layers train without adapters/],
    ['embeddings under frozen layers', { classes, lora: null, whole: { topLayers: 1, embeddings: true } }, /embeddings train where every layer does/],
    ['more layers than there are', { classes, lora: null, whole: { topLayers: 3, embeddings: false } }, /layers that train must be a whole number from 1 to 2/],
  ])('%s', (_, adapter, message) => expect(configure(adapter)).toThrow(message));

  test('gradients by example of whole layers: a private plan has none to clip', async () => {
    configured(engine, { topLayers: 1, embeddings: false });
    await expect(engine.gradients(batch, labels)).rejects.toThrow(/gradients by example are of adapters and head/);
  });
  test('a summed gradient of adapters', async () => {
    engine.configure({ classes, lora: null });
    await expect(engine.summedGradient(batch, labels)).rejects.toThrow(/whole layers are configured/);
  });
});
