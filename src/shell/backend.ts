/** Backends as a trainer worker opens them: the WASM kernels with their files, or a GPU device. */
import type { BackendName, Engine } from '../engine/engine.ts';
import { createEngine } from '../engine/bert.ts';
import { operationCases } from '../engine/operations/cases.ts';
import type { Operations } from '../engine/operations/operations.ts';
import { selfCheck } from '../engine/self-check.ts';
import type { BertWeights } from '../engine/model/weights.ts';
import { instantiateKernels, type KernelBinaries } from '../engine/wasm/module.ts';
import simdUrl from '../engine/wasm/kernels.simd.wasm?url';
import relaxedUrl from '../engine/wasm/kernels.relaxed.wasm?url';
import { createWasmOperations, wasmMicroBatchTokens } from '../engine/wasm/wasm-operations.ts';
import { BedsideError } from '../ground/errors.ts';
import type { KernelCheck } from './bedside.service.ts';

export type Thoroughness = 'start' | 'all';

export interface Backend {
  readonly name: BackendName;
  readonly device: string;
  /** A software renderer of WebGPU: correct, and slower than WASM. */
  readonly isSoftware: boolean;
  check(thoroughness: Thoroughness, onCheck: (check: KernelCheck) => void): Promise<readonly KernelCheck[]>;
  engine(weights: BertWeights): Promise<Engine>;
  /** Gives the device up, as its loss would: for tests and for changing backends. */
  close(): void;
}

/** At the start every operation runs on the two small encoders; the full-size layers take seconds and are for the asked-for check. */
const startCases = operationCases.filter(({ model }) => model === 'nano' || model === 'odd');

async function checkAll<Buffer>(createOperations: () => Operations<Buffer> | Promise<Operations<Buffer>>, thoroughness: Thoroughness, onCheck: (check: KernelCheck) => void): Promise<readonly KernelCheck[]> {
  const checks = await selfCheck(createOperations, thoroughness === 'all' ? operationCases : startCases);
  for (const check of checks) onCheck(check);
  return checks;
}

async function fetchKernels(url: string): Promise<ArrayBuffer> {
  const response = await fetch(new URL(url, import.meta.url)).catch(() => null);
  if (!response?.ok) throw new BedsideError('device/kernels-missing', 'device', 'The WebAssembly kernels could not be loaded.', 'Connect once and load the page again; afterwards it works without a network.');
  return response.arrayBuffer();
}

export async function openWasm(): Promise<Backend> {
  const files = new Map<string, Promise<ArrayBuffer>>();
  const file = (url: string) => () => {
    const known = files.get(url) ?? fetchKernels(url);
    files.set(url, known);
    return known;
  };
  const binaries: KernelBinaries = { simd: file(simdUrl), relaxed: file(relaxedUrl) };
  const operations = async () => createWasmOperations(await instantiateKernels(binaries));
  const { device } = await operations();
  return {
    name: 'wasm',
    device,
    isSoftware: false,
    check: (thoroughness, onCheck) => checkAll(operations, thoroughness, onCheck),
    engine: async (weights) => createEngine(await operations(), weights, { maximumTokens: wasmMicroBatchTokens }),
    close: () => undefined,
  };
}

/** Loads tfjs only here. Throws errors of family device. */
export async function openWebGpu(): Promise<Backend> {
  const [{ acquireGpuDevice }, { createWebGpuOperations }] = await Promise.all([import('../engine/webgpu/device.ts'), import('../engine/webgpu/webgpu-operations.ts')]);
  const device = await acquireGpuDevice();
  return {
    name: 'webgpu',
    device: device.name,
    isSoftware: device.isSoftware,
    check: (thoroughness, onCheck) => checkAll(() => createWebGpuOperations(device), thoroughness, onCheck),
    engine: async (weights) => createEngine(createWebGpuOperations(device), weights),
    close: () => device.destroy(),
  };
}
