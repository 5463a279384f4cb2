import relaxedUrl from '../engine/wasm/kernels.relaxed.wasm?url';
import simdUrl from '../engine/wasm/kernels.simd.wasm?url';
import { createHeadProducts, type WasmHeadProducts } from '../engine/wasm/head-products.ts';
import { instantiateKernels, supportedBuild, type KernelBinaries } from '../engine/wasm/module.ts';
import { BedsideError } from '../ground/errors.ts';

async function fetchKernels(url: string): Promise<ArrayBuffer> {
  const response = await fetch(new URL(url, import.meta.url)).catch(() => null);
  if (!response?.ok) throw new BedsideError('device/kernels-missing', 'device', 'The WebAssembly kernels could not be loaded.', 'Connect once and load the page again; afterwards it works without a network.');
  return response.arrayBuffer();
}

/** The files of both builds; the one that is used is fetched once. */
export function kernelBinaries(): KernelBinaries {
  const files = new Map<string, Promise<ArrayBuffer>>();
  const file = (url: string) => () => {
    const known = files.get(url) ?? fetchKernels(url);
    files.set(url, known);
    return known;
  };
  return { simd: file(simdUrl), relaxed: file(relaxedUrl) };
}

/** The products of a head over cached features, on memory of their own, whichever backend encodes; null without SIMD. */
export async function openHeadProducts(): Promise<WasmHeadProducts | null> {
  return supportedBuild() === null ? null : createHeadProducts(await instantiateKernels(kernelBinaries()));
}
