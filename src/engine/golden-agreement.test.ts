import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createEngine } from './bert.ts';
import type { Engine } from './engine.ts';
import { goldenAgreement, readMiniLmGolden } from './golden-agreement.ts';
import { engineFiles } from './model/manifest.ts';
import { openModel } from './model/open-model.ts';
import { readSafetensors } from './model/safetensors.ts';
import { createReferenceOperations } from './reference/reference-operations.ts';
import { instantiateKernels } from './wasm/module.ts';
import { createWasmOperations } from './wasm/wasm-operations.ts';

const bytesOf = (path: string) => readFile(new URL(path, import.meta.url));
const files = await Promise.all(engineFiles.map(async (name) => [name, await bytesOf(`../../models/all-MiniLM-L6-v2/${name}`)] as const));
const model = openModel(new Map(files));
const json: { texts: string[]; input_ids: number[][]; max_length: number } = JSON.parse((await bytesOf('../fixtures/goldens/minilm.json')).toString('utf8'));
const golden = readMiniLmGolden(json, readSafetensors(await bytesOf('../fixtures/goldens/minilm_forward_and_lora.safetensors')));

describe('all-MiniLM-L6-v2 against PyTorch 2.13', () => {
  test('the tokenizer gives the ids of Hugging Face tokenizers', () => {
    expect(json.texts.map((text) => [...model.tokenizer.encode(text, json.max_length).ids])).toEqual(json.input_ids);
  });

  // All 16 texts take the loops half a minute of one core; the shortest four take two seconds and miss only the clipped sums.
  test('reference, four short texts', async () => {
    const checks = await goldenAgreement(createEngine(createReferenceOperations(), model.weights), golden, [0, 3, 13, 14]);
    expect(checks.map(({ name }) => name)).toEqual([
      ...[0, 1, 2, 3, 4, 5, 6].map((layer) => `int8.layer${layer}_pooled`), 'logits.int8', 'loss.int8', 'norms.int8', 'int8.lora.example0_grad',
    ]);
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    // The float64 sums of the reference leave only the rounding of what is stored: a hundredth of the tolerance.
    for (const { name, worstError, tolerance } of checks) expect(worstError, name).toBeLessThan(tolerance / 100);
  });

  test('reference, what the backward pass reads in halves', async () => {
    const checks = await goldenAgreement(createEngine(createReferenceOperations(), model.weights, { keepsHalves: true }), golden, [0]);
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    // The forward pass is not rounded. Of a gradient 8e-5 are found: what rounds to 2^-12 mostly averages out.
    const gradient = checks.find(({ name }) => name === 'int8.lora.example0_grad')!;
    expect(gradient.worstError).toBeLessThan(2e-4);
    expect(gradient.worstError).toBeGreaterThan(2e-5);
  });

  test('WebAssembly, all texts', async () => {
    const simd = await bytesOf('./wasm/kernels.simd.wasm');
    const engine = createEngine(createWasmOperations(await instantiateKernels({ simd, relaxed: simd }, 'simd')), model.weights);
    const checks = await goldenAgreement(engine, golden);
    expect(checks).toHaveLength(13);
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    engine.dispose();
  });

  test.each<[string, (engine: Engine) => Partial<Engine>, string]>([
    ['a pooled output off by 3e-4', (engine) => ({ encode: async (input, layers) => (await engine.encode(input, layers)).map((value, i) => (i === 1000 ? value + 3e-4 : value)) }), 'int8.layer2_pooled'],
    ['not a number', (engine) => ({ logits: async (input) => (await engine.logits(input)).fill(NaN) }), 'logits.int8'],
    ['gradients half a percent too long', (engine) => ({
      gradients: async (input, labels) => {
        const { losses, gradients } = await engine.gradients(input, labels);
        return { losses, gradients: gradients.map((value) => value * 1.005) };
      },
    }), 'norms.int8'],
  ])('notices %s', async (_name, plant, expected) => {
    const engine = createEngine(createReferenceOperations(), model.weights);
    const checks = await goldenAgreement({ ...engine, ...plant(engine) }, golden, [13]);
    expect(checks.filter(({ passed }) => !passed).map(({ name }) => name)).toEqual([expected]);
  });
});
