import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, preview, type InlineConfig, type PreviewServer } from 'vite';
import { bertConfig } from '../../src/engine/model/config.ts';
import { loadModel } from './work/models.ts';
import { bertOnnx } from './onnx/bert-onnx.ts';

const root = join(import.meta.dirname, '..', '..');
const pageRoot = join(import.meta.dirname, 'page');
const output = join(root, '.cache', 'bench-engine');
const modelFolder = join(root, 'models', 'all-MiniLM-L6-v2');

export const readModelFile = async (file: string): Promise<Uint8Array> => new Uint8Array(readFileSync(join(modelFolder, file)));

const config: InlineConfig = {
  configFile: false,
  root: pageRoot,
  logLevel: 'error',
  base: '/',
  // One tfjs, whoever imports it: kernels register with the copy that they know.
  resolve: { dedupe: ['@tensorflow/tfjs-core'] },
  build: { target: 'es2023', outDir: output, emptyOutDir: true, minify: false, chunkSizeWarningLimit: 100_000 },
  worker: { format: 'es' },
};

/** Builds the page, lays the model and the peers' files beside it, and serves it. */
export async function servePage(): Promise<PreviewServer> {
  await build(config);
  cpSync(modelFolder, join(output, 'models', 'all-MiniLM-L6-v2'), { recursive: true });
  const { weights } = await loadModel('minilm', readModelFile);
  const onnx = join(output, 'onnx');
  const transformers = join(output, 'transformers', 'bert');
  mkdirSync(onnx, { recursive: true });
  mkdirSync(join(transformers, 'onnx'), { recursive: true });
  for (const kind of ['float32', 'int8'] as const) writeFileSync(join(onnx, `${kind}.onnx`), bertOnnx(weights, kind));
  cpSync(join(onnx, 'float32.onnx'), join(transformers, 'onnx', 'model.onnx'));
  writeFileSync(join(transformers, 'config.json'), JSON.stringify(bertConfig(weights.shape)));
  for (const name of readdirSync(modelFolder).filter((file) => file.startsWith('tokenizer'))) cpSync(join(modelFolder, name), join(transformers, name));
  return preview({ ...config, preview: { host: '127.0.0.1', port: 4478 } });
}
