import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createEngine } from '../bert.ts';
import type { Engine } from '../engine.ts';
import { createReferenceOperations } from '../reference/reference-operations.ts';
import { instantiateKernels } from '../wasm/module.ts';
import { createWasmOperations } from '../wasm/wasm-operations.ts';
import { bertConfig, bertShape } from './config.ts';
import { parseJsonObject } from './json.ts';
import { bertTensors, loadBert } from './load.ts';
import { openModel } from './open-model.ts';
import { randomBertTensors } from './random-bert.ts';
import { openSafetensors, readSafetensors, writeSafetensors } from './safetensors.ts';
import { familyName } from './family.ts';
import type { BertShape } from './weights.ts';

/* The folder is one that Hugging Face transformers saved; `make.py` in it made it, and `expected.json` is what transformers says of it. */
const fixture = new URL('../../fixtures/distilbert/', import.meta.url);
const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'];
const files = new Map(await Promise.all(names.map(async (name) => [name, new Uint8Array(await readFile(new URL(name, fixture)))] as const)));
const expected: { readonly maximum_length: number; readonly rows: readonly { readonly text: string; readonly ids: readonly number[]; readonly pooled: readonly (readonly number[])[] }[] } = JSON.parse(
  await readFile(new URL('expected.json', fixture), 'utf8'),
);
const kernels = {
  simd: () => readFile(new URL('../wasm/kernels.simd.wasm', import.meta.url)),
  relaxed: () => readFile(new URL('../wasm/kernels.relaxed.wasm', import.meta.url)),
};
const model = openModel(files);

async function worstPooled(engine: Engine): Promise<number> {
  let worst = 0;
  for (const { ids, pooled } of expected.rows) {
    const found = await engine.encode({ ids: Int32Array.from(ids), offsets: Int32Array.of(0, ids.length) }, [0, 1, 2]);
    for (const [i, value] of pooled.flat().entries()) worst = Math.max(worst, Math.abs(found[i]! - value));
  }
  return worst;
}

describe('a DistilBERT as Hugging Face transformers saves it', () => {
  test('has its own shape: no token types, heads of width 16', () => {
    expect(model.weights.shape).toEqual({ family: 'distilbert', layers: 2, width: 48, heads: 3, feedForwardWidth: 80, vocabularySize: 110, maximumPositions: 40, tokenTypes: 0, layerNormEpsilon: 1e-12 });
  });

  test('is tokenized as transformers does', () => {
    for (const { text, ids } of expected.rows) expect([...model.tokenizer.encode(text, expected.maximum_length).ids]).toEqual(ids);
  });

  // Values of order 1 after three layer norms in float32, and expected.json has seven decimals.
  const tolerance = 5e-6;
  test('gives the layers of transformers: reference', async () => expect(await worstPooled(createEngine(createReferenceOperations(), model.weights))).toBeLessThan(tolerance));
  test('gives the layers of transformers: WebAssembly', async () => {
    expect(await worstPooled(createEngine(createWasmOperations(await instantiateKernels(kernels, 'simd')), model.weights))).toBeLessThan(tolerance);
  });

  test('reads back what it writes, under its own names', () => {
    const written = bertTensors(model.weights);
    expect([...written.keys()]).toContain('transformer.layer.1.ffn.lin2.weight.scale');
    expect([...written.keys()].filter((name) => /encoder|token_type|dense/.test(name))).toEqual([]);
    const config = bertConfig(model.weights.shape);
    expect(bertShape(config)).toEqual(model.weights.shape);
    expect(loadBert({ config, tensors: readSafetensors(writeSafetensors(written)) })).toEqual(model.weights);
  });

  test('names what is missing as its file would', () => {
    const tensors = readSafetensors(files.get('model.safetensors')!);
    tensors.delete('distilbert.transformer.layer.0.attention.out_lin.bias');
    const config = parseJsonObject(files.get('config.json')!, 'config.json');
    expect(() => loadBert({ config, tensors })).toThrow('The model has no tensor transformer.layer.0.attention.out_lin.bias');
    expect(() => bertShape({ ...config, n_heads: 5 })).toThrow('config.json should have n_heads as a divisor of 48, found 5');
    expect(() => bertShape({ ...config, activation: 'relu' })).toThrow('config.json should have activation "gelu"');
  });
});

test('every name of BERT has one name of DistilBERT', () => {
  const shape: BertShape = { layers: 2, width: 32, heads: 2, feedForwardWidth: 64, vocabularySize: 8, maximumPositions: 8, tokenTypes: 1, layerNormEpsilon: 1e-12 };
  const bert = [...randomBertTensors(shape, 1).keys()].filter((name) => !name.includes('token_type'));
  const own = bert.map((name) => `distilbert.${familyName('distilbert', name)}`);
  expect([...own].sort()).toEqual(openSafetensors(files.get('model.safetensors')!).names.toSorted());
});

describe('memory of loading', () => {
  let floatBytes: number[] = [];
  beforeEach(() => {
    floatBytes = [];
    // Counts arrays that own their memory: views of others take none.
    class Counted extends Float32Array {
      constructor(...given: readonly unknown[]) {
        super(...(given as []));
        if (this.byteLength === this.buffer.byteLength) floatBytes.push(this.byteLength);
      }
    }
    vi.stubGlobal('Float32Array', Counted);
  });
  afterEach(() => vi.unstubAllGlobals());

  const shape: BertShape = { layers: 2, width: 64, heads: 4, feedForwardWidth: 256, vocabularySize: 500, maximumPositions: 32, tokenTypes: 2, layerNormEpsilon: 1e-12 };

  test('int8 weights go from the file to the device without a copy as floats', async () => {
    const bytes = writeSafetensors(bertTensors(loadBert({ config: bertConfig(shape), tensors: randomBertTensors(shape, 3) })));
    const vectorBytes = [...readSafetensors(bytes).values()].reduce((sum, { values }) => (values instanceof Int8Array ? sum : sum + values.byteLength), 0);
    const operations = createWasmOperations(await instantiateKernels(kernels, 'simd'));
    floatBytes = [];
    const weights = loadBert({ config: bertConfig(shape), tensors: openSafetensors(bytes) });
    expect(weights.wordEmbeddings.values.buffer).toBe(bytes.buffer);
    operations.load(weights);
    // Biases, norms and scales once as they are read, and biases and scales once more where three maps become one.
    expect(floatBytes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(2 * vectorBytes);
    expect(Math.max(...floatBytes)).toBeLessThanOrEqual(4 * Math.max(shape.vocabularySize, 3 * shape.width, shape.feedForwardWidth));
    operations.dispose();
  });

  test('float weights are quantized one matrix at a time, and none is kept', () => {
    const bytes = writeSafetensors(randomBertTensors(shape, 3));
    floatBytes = [];
    const weights = loadBert({ config: bertConfig(shape), tensors: openSafetensors(bytes) });
    expect(Math.max(...floatBytes)).toBeLessThanOrEqual(4 * shape.vocabularySize * shape.width);
    const kept = weights.layers.flatMap(({ query, intermediate, output }) => [query, intermediate, output]).flatMap(({ weight, bias }) => [weight.scales, bias]);
    expect(Math.max(...kept.map((values) => values.buffer.byteLength))).toBeLessThanOrEqual(4 * shape.feedForwardWidth);
    expect(weights.wordEmbeddings.values).toBeInstanceOf(Int8Array);
  });
});
