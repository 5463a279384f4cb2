import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createEngine } from '../engine/bert.ts';
import type { Engine } from '../engine/engine.ts';
import { checkGoldenBatch, readGoldenBatch, type GoldenBatch } from '../engine/golden-batch.ts';
import { parseJsonObject } from '../engine/model/json.ts';
import { engineFiles, goldenFile, manifestFile, readManifest, type ModelManifest } from '../engine/model/manifest.ts';
import { modelError } from '../engine/model/model-error.ts';
import { openModel, type OpenModel } from '../engine/model/open-model.ts';
import { openSafetensors } from '../engine/model/safetensors.ts';
import { createReferenceOperations } from '../engine/reference/reference-operations.ts';
import type { OperationCheck } from '../engine/self-check.ts';
import type { Tokenizer } from '../engine/tokenizer.ts';
import { createHeadProducts, type WasmHeadProducts } from '../engine/wasm/head-products.ts';
import { instantiateKernels, multipliesIntegersFaster, supportedBuild, type KernelBinaries } from '../engine/wasm/module.ts';
import { createWasmOperations, wasmMicroBatchTokens } from '../engine/wasm/wasm-operations.ts';

const kernelFolder = join(import.meta.dirname, '..', 'engine', 'wasm');
/** Where the WebAssembly kernels lie. */
export const nodeKernels: KernelBinaries = {
  simd: () => readFile(join(kernelFolder, 'kernels.simd.wasm')),
  relaxed: () => readFile(join(kernelFolder, 'kernels.relaxed.wasm')),
};

/** Where the base model lies when no folder is named. */
export const defaultModelFolder = join(import.meta.dirname, '..', '..', 'models', 'all-MiniLM-L6-v2');

export interface NodeModel {
  readonly engine: Engine;
  readonly tokenizer: Tokenizer;
  readonly manifest: ModelManifest;
  /** Of the model's golden batch; empty where it has none. */
  readonly checks: readonly OperationCheck[];
}

export interface ModelFolder extends OpenModel, Pick<NodeModel, 'manifest'> {
  /** Null in a folder of an older version. */
  readonly golden: GoldenBatch | null;
}

/** The manifest of a model folder made by `npm run model`. */
export async function readModelManifest(folder: string): Promise<ModelManifest> {
  const path = join(folder, manifestFile);
  if (!existsSync(path)) throw modelError('no-folder', `${folder} is not a model folder: it has no ${manifestFile}.`, 'Make one with `npm run model -- add <folder>`, or name another with --model.', { folder });
  return readManifest(parseJsonObject(await readFile(path), manifestFile));
}

/** The products of a head over cached features, on memory of their own; null without SIMD. */
export async function openHeadProducts(): Promise<WasmHeadProducts | null> {
  return supportedBuild() === null ? null : createHeadProducts(await instantiateKernels(nodeKernels));
}

/** All that a model folder holds. */
export async function readModelFolder(folder: string): Promise<ModelFolder> {
  const manifest = await readModelManifest(folder);
  const files = new Map<string, Uint8Array>();
  for (const name of engineFiles) if (existsSync(join(folder, name))) files.set(name, await readFile(join(folder, name)));
  const golden = existsSync(join(folder, goldenFile)) ? readGoldenBatch(openSafetensors(await readFile(join(folder, goldenFile)))) : null;
  return { ...openModel(files), manifest, golden };
}

/**
 * Opens a model folder on WebAssembly where this Node has SIMD and gives the answers of the model's golden batch, on the reference elsewhere.
 * Each call has memory of its own. `mayRound`: whether frozen features may be read with rounded inputs where that is faster.
 */
export async function openNodeModel(folder: string, { mayRound = true }: { readonly mayRound?: boolean } = {}): Promise<NodeModel> {
  const { manifest, weights, tokenizer, golden } = await readModelFolder(folder);
  const build = supportedBuild();
  const reference = () => createEngine(createReferenceOperations(), weights);
  if (build === null) return { engine: reference(), tokenizer, manifest, checks: [] };
  const engine = createEngine(createWasmOperations(await instantiateKernels(nodeKernels)), weights, { maximumTokens: wasmMicroBatchTokens, roundsEncoding: mayRound && multipliesIntegersFaster(build) });
  const checks = golden ? await checkGoldenBatch(engine, golden) : [];
  if (checks.every(({ passed }) => passed)) return { engine, tokenizer, manifest, checks };
  engine.dispose();
  return { engine: reference(), tokenizer, manifest, checks };
}
