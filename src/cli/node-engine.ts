import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createEngine } from '../engine/bert.ts';
import type { Engine } from '../engine/engine.ts';
import { parseJsonObject } from '../engine/model/json.ts';
import { engineFiles, manifestFile, readManifest, type ModelManifest } from '../engine/model/manifest.ts';
import { modelError } from '../engine/model/model-error.ts';
import { openModel } from '../engine/model/open-model.ts';
import { createReferenceOperations } from '../engine/reference/reference-operations.ts';
import type { Tokenizer } from '../engine/tokenizer.ts';
import { instantiateKernels, supportedBuild, type KernelBinaries } from '../engine/wasm/module.ts';
import { createWasmOperations, wasmMicroBatchTokens } from '../engine/wasm/wasm-operations.ts';

const kernelFolder = join(import.meta.dirname, '..', 'engine', 'wasm');
const binaries: KernelBinaries = {
  simd: () => readFile(join(kernelFolder, 'kernels.simd.wasm')),
  relaxed: () => readFile(join(kernelFolder, 'kernels.relaxed.wasm')),
};

/** Where the base model lies when no folder is named. */
export const defaultModelFolder = join(import.meta.dirname, '..', '..', 'models', 'all-MiniLM-L6-v2');

export interface NodeModel {
  readonly engine: Engine;
  readonly tokenizer: Tokenizer;
  readonly manifest: ModelManifest;
}

/** The manifest of a model folder made by `npm run model`. */
export async function readModelManifest(folder: string): Promise<ModelManifest> {
  const path = join(folder, manifestFile);
  if (!existsSync(path)) throw modelError('no-folder', `${folder} is not a model folder: it has no ${manifestFile}.`, 'Make one with `npm run model -- add <folder>`, or name another with --model.', { folder });
  return readManifest(parseJsonObject(await readFile(path), manifestFile));
}

/** Opens a model folder on WebAssembly where this Node has SIMD, on the reference elsewhere. Each call has memory of its own. */
export async function openNodeModel(folder: string): Promise<NodeModel> {
  const manifest = await readModelManifest(folder);
  const files = new Map<string, Uint8Array>();
  for (const name of engineFiles) if (existsSync(join(folder, name))) files.set(name, await readFile(join(folder, name)));
  const { weights, tokenizer } = openModel(files);
  const engine = supportedBuild() === null ? createEngine(createReferenceOperations(), weights) : createEngine(createWasmOperations(await instantiateKernels(binaries)), weights, { maximumTokens: wasmMicroBatchTokens });
  return { engine, tokenizer, manifest };
}
