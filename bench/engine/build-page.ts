import { cpSync, linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, preview, type InlineConfig } from 'vite';
import { bertConfig } from '../../src/engine/model/config.ts';
import { loadModel } from './workload/models.ts';
import { bertOnnx } from './onnx/bert-onnx.ts';

const root = join(import.meta.dirname, '..', '..');
const pageRoot = join(import.meta.dirname, 'page');
const modelFolder = join(root, 'models', 'all-MiniLM-L6-v2');

export const readModelFile = async (file: string): Promise<Uint8Array> => new Uint8Array(readFileSync(join(modelFolder, file)));

const configOf = (output: string): InlineConfig => ({
  configFile: false,
  root: pageRoot,
  logLevel: 'error',
  base: '/',
  // One tfjs, whoever imports it: kernels register with the copy that they know.
  resolve: { dedupe: ['@tensorflow/tfjs-core'] },
  build: { target: 'es2023', outDir: output, emptyOutDir: true, minify: false, chunkSizeWarningLimit: 100_000 },
  worker: { format: 'es' },
});

export interface ServedPage {
  readonly address: string;
  close(): Promise<void>;
}

/** Builds the page into a folder of its own, lays the model and the peers' files beside it, and serves it until `close`. */
export async function servePage(): Promise<ServedPage> {
  const output = mkdtempSync(join(tmpdir(), 'bedside-bench-'));
  const config = configOf(output);
  await build(config);
  cpSync(modelFolder, join(output, 'models', 'all-MiniLM-L6-v2'), { recursive: true });
  const { weights } = await loadModel('minilm', readModelFile);
  const onnx = join(output, 'onnx');
  const transformers = join(output, 'transformers', 'bert');
  mkdirSync(onnx, { recursive: true });
  mkdirSync(join(transformers, 'onnx'), { recursive: true });
  for (const kind of ['float32', 'int8'] as const) writeFileSync(join(onnx, `${kind}.onnx`), bertOnnx(weights, kind));
  linkSync(join(onnx, 'float32.onnx'), join(transformers, 'onnx', 'model.onnx'));
  writeFileSync(join(transformers, 'config.json'), JSON.stringify(bertConfig(weights.shape)));
  for (const name of readdirSync(modelFolder).filter((file) => file.startsWith('tokenizer'))) cpSync(join(modelFolder, name), join(transformers, name));
  const server = await preview({ ...config, preview: { host: '127.0.0.1', port: 4478 } });
  return {
    address: server.resolvedUrls!.local[0]!,
    async close() {
      await server.close();
      rmSync(output, { recursive: true, force: true });
    },
  };
}
