import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createEngine } from './bert.ts';
import { checkGoldenBatch, goldenDirection, goldenTensors, goldenTexts, makeGoldenBatch, normAndProduct, readGoldenBatch } from './golden-batch.ts';
import { loadBert } from './model/load.ts';
import { nanoModel } from './model/nano.ts';
import { openSafetensors, readSafetensors, writeSafetensors } from './model/safetensors.ts';
import type { Operations } from './operations/operations.ts';
import { createReferenceOperations } from './reference/reference-operations.ts';
import { createTokenizer } from './tokenizer.ts';
import { instantiateKernels } from './wasm/module.ts';
import { createWasmOperations, wasmMicroBatchTokens } from './wasm/wasm-operations.ts';

const file = async (path: string) => new Uint8Array(await readFile(new URL(path, import.meta.url)));
const models = '../../models/all-MiniLM-L6-v2';

/** Rows of the PyTorch file whose texts are the golden ones. */
const rows = [0, 13, 14, 3];

describe("all-MiniLM-L6-v2's golden batch", () => {
  it('is what PyTorch makes of the same rows', async () => {
    const { input, labels, answers } = readGoldenBatch(openSafetensors(await file(`${models}/golden.safetensors`)));
    const json: { texts: string[]; input_ids: number[][]; loss: { int8: number[] }; norms: { int8: number[] } } = JSON.parse((await readFile(new URL('../fixtures/goldens/minilm.json', import.meta.url))).toString('utf8'));
    const tensors = readSafetensors(await file('../fixtures/goldens/minilm_forward_and_lora.safetensors'));
    expect(rows.map((row) => json.texts[row])).toEqual([...goldenTexts]);
    expect([...input.ids]).toEqual(rows.flatMap((row) => json.input_ids[row]!));
    // The file's labels are the row's number mod 4.
    expect([...labels]).toEqual([0, 1, 2, 3]);
    expect(rows.map((row) => row % 4)).toEqual([0, 1, 2, 3]);
    const [L, D] = [6, 384];
    for (const [b, row] of rows.entries()) {
      for (let layer = 0; layer <= L; layer++) {
        const wanted = tensors.get(`int8.layer${layer}_pooled`)!.values.subarray(row * D, (row + 1) * D);
        const found = answers.pooled.subarray((b * (L + 1) + layer) * D, (b * (L + 1) + layer + 1) * D);
        // PyTorch's forward pass is in float32: a hundredth of the tolerance of its file.
        for (const [i, value] of found.entries()) expect(Math.abs(value - wanted[i]!)).toBeLessThan(2e-6);
      }
      expect(answers.losses[b]).toBeCloseTo(json.loss.int8[row]!, 5);
      const squares = answers.gradientNorms.subarray(b * (L + 1), (b + 1) * (L + 1)).reduce((sum, norm) => sum + norm ** 2, 0);
      expect(Math.sqrt(squares) / json.norms.int8[row]!).toBeCloseTo(1, 4);
    }
    // The whole gradient is there of the first row: 6 layers of 4 factors of 8 x 384, then the head.
    const gradient = tensors.get('int8.lora.example0_grad')!.values;
    const part = 4 * 8 * D;
    for (let group = 0; group <= L; group++) {
      const own = Float32Array.from(gradient.subarray(group * part, group < L ? (group + 1) * part : gradient.length));
      const { norm, product } = normAndProduct(own, goldenDirection(own.length));
      expect(answers.gradientNorms[group]! / norm).toBeCloseTo(1, 4);
      expect(Math.abs(answers.gradientProducts[group]! - product) / norm).toBeLessThan(1e-4);
    }
  });

  it('is given by the WebAssembly kernels, inputs rounded and not, outputs of float32, losses and gradients within a hundredth of what is allowed', async () => {
    const golden = readGoldenBatch(openSafetensors(await file(`${models}/golden.safetensors`)));
    const weights = loadBert({ config: JSON.parse((await readFile(new URL(`${models}/config.json`, import.meta.url))).toString('utf8')), tensors: openSafetensors(await file(`${models}/model.safetensors`)) });
    const kernels = { simd: () => file('./wasm/kernels.simd.wasm'), relaxed: () => file('./wasm/kernels.relaxed.wasm') };
    for (const roundsEncoding of [false, true]) {
      const engine = createEngine(createWasmOperations(await instantiateKernels(kernels, 'simd')), weights, { maximumTokens: wasmMicroBatchTokens, roundsEncoding });
      const checks = await checkGoldenBatch(engine, golden);
      expect(checks.map(({ operation, passed }) => [operation, passed])).toEqual([['goldenOutputs', true], ['goldenLosses', true], ['goldenGradients', true]]);
      // Rounded inputs are 4e-4 of the largest output off, and stand apart.
      for (const { operation, worstError, tolerance } of checks) expect(worstError, operation).toBeLessThan(operation === 'goldenOutputs' && roundsEncoding ? tolerance / 2 : tolerance / 100);
    }
  });
});

describe('a golden batch', async () => {
  const { weights, tokenizerJson, tokenizerConfigJson } = nanoModel(3);
  const tokenizer = createTokenizer(tokenizerJson, tokenizerConfigJson);
  const reference = createReferenceOperations;
  const ids = goldenTexts.map((text) => tokenizer.encode(text, 128).ids);
  const golden = await makeGoldenBatch(createEngine(reference(), weights), ids);
  const checked = (plant: (good: Operations<Float32Array>) => Partial<Operations<Float32Array>>) => {
    const good = reference();
    return checkGoldenBatch(createEngine({ ...good, ...plant(good) }, weights), golden);
  };

  it('is read as it was written', () => {
    expect(readGoldenBatch(openSafetensors(writeSafetensors(goldenTensors(golden))))).toEqual(golden);
  });

  it('passes the engine that made it, with error 0', async () => {
    expect(await checked(() => ({}))).toEqual([
      { operation: 'goldenOutputs', backend: 'reference', passed: true, worstError: 0, tolerance: 1e-3 },
      { operation: 'goldenLosses', backend: 'reference', passed: true, worstError: 0, tolerance: 5e-4 },
      { operation: 'goldenGradients', backend: 'reference', passed: true, worstError: 0, tolerance: 2e-3 },
    ]);
  });

  it.each<[string, (good: Operations<Float32Array>) => Partial<Operations<Float32Array>>, Readonly<Record<string, number | undefined>>]>([
    ['embeddings of another word', (good) => ({ embed: (words, sequences) => good.embed(words.map((word) => (word > 60 ? word - 1 : word)), sequences) }), { goldenOutputs: 0, goldenLosses: undefined, goldenGradients: 3 }],
    ['one map of the second layer', (good) => ({ linear: (layer, name, x, tokens, residual) => good.linear(layer, name, layer === 1 && name === 'output' ? x.map((value) => 1.1 * value) : x, tokens, residual) }), { goldenOutputs: 2, goldenLosses: undefined, goldenGradients: 3 }],
    // Right on the way up, so nothing but the gradients below it can tell.
    ['the way back through one map', (good) => ({ linearBackward: (layer, name, dy, tokens, residual) => good.linearBackward(layer, name, layer === 1 && name === 'intermediate' ? dy.map((value) => -value) : dy, tokens, residual) }), { goldenGradients: 2 }],
    ['numbers that are none', (good) => ({ gelu: (x, length) => good.gelu(x, length).fill(NaN) }), { goldenOutputs: 1, goldenLosses: undefined, goldenGradients: 3 }],
    ['an error', () => ({ meanPool: () => { throw new RangeError('memory'); } }), { goldenOutputs: undefined, goldenLosses: undefined, goldenGradients: undefined }],
  ])('catches %s, and names the layer', async (_name, plant, layers) => {
    const failed = (await checked(plant)).filter(({ passed }) => !passed);
    expect(Object.fromEntries(failed.map(({ operation, layer }) => [operation, layer]))).toEqual(layers);
  });

  it('of another model fails', async () => {
    const other = await makeGoldenBatch(createEngine(reference(), nanoModel(4).weights), ids);
    expect((await checkGoldenBatch(createEngine(reference(), weights), other)).every(({ passed }) => !passed)).toBe(true);
  });
});
