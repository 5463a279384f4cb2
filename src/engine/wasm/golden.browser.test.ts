import { expect, it } from 'vitest';
import goldenJson from '../../fixtures/goldens/minilm.json';
import goldenTensors from '../../fixtures/goldens/minilm_forward_and_lora.safetensors?url';
import { createEngine } from '../bert.ts';
import { goldenAgreement, readMiniLmGolden } from '../golden-agreement.ts';
import { parseJsonObject } from '../model/json.ts';
import { loadBert } from '../model/load.ts';
import { readSafetensors } from '../model/safetensors.ts';
import relaxedUrl from './kernels.relaxed.wasm?url';
import simdUrl from './kernels.simd.wasm?url';
import { instantiateKernels } from './module.ts';
import { createWasmOperations } from './wasm-operations.ts';

const folder = '../../../models/all-MiniLM-L6-v2';

async function bytesOf(url: string | URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${String(url)} answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

it('the relaxed build agrees with PyTorch on all-MiniLM-L6-v2: layers, logits, losses, norms and clipped gradients', async () => {
  const golden = readMiniLmGolden(goldenJson, readSafetensors(await bytesOf(goldenTensors)));
  const weights = loadBert({
    config: parseJsonObject(await bytesOf(new URL(`${folder}/config.json`, import.meta.url)), 'config.json'),
    tensors: readSafetensors(await bytesOf(new URL(`${folder}/model.safetensors`, import.meta.url))),
  });
  const kernels = await instantiateKernels({ simd: () => bytesOf(simdUrl), relaxed: () => bytesOf(relaxedUrl) }, 'relaxed');
  const engine = createEngine(createWasmOperations(kernels), weights);
  const checks = await goldenAgreement(engine, golden);
  expect(checks.map(({ name }) => name)).toContain('int8.lora.sum_clipped4');
  expect(checks.filter(({ passed }) => !passed)).toEqual([]);
  engine.dispose();
});
