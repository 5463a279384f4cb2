import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createEngine } from '../bert.ts';
import { goldenAgreement, readMiniLmGolden } from '../golden-agreement.ts';
import { parseJsonObject } from '../model/json.ts';
import { loadBert } from '../model/load.ts';
import { readSafetensors } from '../model/safetensors.ts';
import { instantiateKernels } from './module.ts';
import { createWasmOperations } from './wasm-operations.ts';

const fixtures = '../../fixtures/goldens';
const model = '../../../models/all-MiniLM-L6-v2';
const file = async (path: string) => new Uint8Array(await readFile(new URL(path, import.meta.url)));

it('the plain build agrees with PyTorch on all-MiniLM-L6-v2: layers, logits, losses, norms and clipped gradients', async () => {
  const golden = readMiniLmGolden(parseJsonObject(await file(`${fixtures}/minilm.json`), 'minilm.json'), readSafetensors(await file(`${fixtures}/minilm_forward_and_lora.safetensors`)));
  const weights = loadBert({
    config: parseJsonObject(await file(`${model}/config.json`), 'config.json'),
    tensors: readSafetensors(await file(`${model}/model.safetensors`)),
  });
  const kernels = { simd: () => file('./kernels.simd.wasm'), relaxed: () => file('./kernels.relaxed.wasm') };
  const engine = createEngine(createWasmOperations(await instantiateKernels(kernels, 'simd')), weights);
  const checks = await goldenAgreement(engine, golden);
  expect(checks.map(({ name }) => name)).toContain('int8.lora.sum_clipped4');
  expect(checks.filter(({ passed }) => !passed)).toEqual([]);
  engine.dispose();
});
