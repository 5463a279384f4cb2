import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const folder = join(import.meta.dirname, 'bundle');

export interface BundleSizes {
  /** JavaScript and the one kernel file that a device loads (the larger counts), gzipped. */
  readonly wasmBytes: number;
  /** The same and all that WebGPU adds, tfjs included. */
  readonly webgpuBytes: number;
  /** Gzipped bytes by file. */
  readonly files: Readonly<Record<string, number>>;
}

async function gzippedFiles(entry: string): Promise<Record<string, number>> {
  const built = await build({
    configFile: false, root: folder, logLevel: 'error', publicDir: false,
    build: { target: 'es2023', write: false, minify: true, assetsInlineLimit: 0, rolldownOptions: { input: join(folder, entry), preserveEntrySignatures: 'strict', output: { format: 'es' } } },
  });
  const outputs = Array.isArray(built) ? built : [built];
  const sizes: Record<string, number> = {};
  for (const one of outputs) {
    if (!('output' in one)) continue;
    for (const file of one.output) sizes[`${entry}: ${file.fileName}`] = gzipSync(file.type === 'chunk' ? file.code : file.source, { level: 9 }).length;
  }
  return sizes;
}

function total(files: Readonly<Record<string, number>>): number {
  const kernels = Object.entries(files).filter(([name]) => name.endsWith('.wasm')).map(([, size]) => size);
  const scripts = Object.entries(files).filter(([name]) => !name.endsWith('.wasm')).map(([, size]) => size);
  return scripts.reduce((sum, size) => sum + size, 0) + Math.max(0, ...kernels);
}

/** Builds the engine alone, as a library would be, without and with WebGPU. */
export async function bundleSizes(): Promise<BundleSizes> {
  const wasm = await gzippedFiles('wasm-engine.ts');
  const webgpu = await gzippedFiles('webgpu-engine.ts');
  return { wasmBytes: total(wasm), webgpuBytes: total(webgpu), files: { ...wasm, ...webgpu } };
}
