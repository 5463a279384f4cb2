// The one file that touches WebAssembly.
import { BedsideError } from '../../ground/errors.ts';
import type { Kernels } from './kernels.ts';
import { initialPages, LinearMemory } from './linear-memory.ts';

/** The plain build gives the same bits everywhere; the relaxed build fuses multiply and add where the CPU does. */
export type WasmBuild = 'simd' | 'relaxed';

type KernelFile = Uint8Array | ArrayBuffer;

/** Bytes of `kernels.simd.wasm` and `kernels.relaxed.wasm`, or how to get them: only the one that is used is loaded. */
export type KernelBinaries = Readonly<Record<WasmBuild, KernelFile | (() => KernelFile | Promise<KernelFile>)>>;

export interface WasmModule {
  readonly build: WasmBuild;
  readonly kernels: Kernels;
  readonly memory: LinearMemory;
}

/** A module of one function `() -> v128` with the given body. */
function probe(...body: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // magic, version
    1, 5, 1, 0x60, 0, 1, 0x7b, // type: () -> v128
    3, 2, 1, 0, // one function of it
    10, body.length + 4, 1, body.length + 2, 0, ...body, 0x0b, // its code
  );
}

const i32Const = 0x41;
const i8x16Splat = [0xfd, 0x0f];
const i8x16RelaxedSwizzle = [0xfd, 0x80, 0x02];

/** The best build that this machine can run, or null where it has no SIMD. */
export function supportedBuild(): WasmBuild | null {
  if (typeof WebAssembly === 'undefined') return null;
  if (!WebAssembly.validate(probe(i32Const, 0, ...i8x16Splat))) return null;
  return WebAssembly.validate(probe(i32Const, 1, ...i8x16Splat, i32Const, 2, ...i8x16Splat, ...i8x16RelaxedSwizzle)) ? 'relaxed' : 'simd';
}

/** A module whose function f gives lane 0 of a relaxed conversion of NaN to an integer. */
const relaxedNaN = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // magic, version
  1, 5, 1, 0x60, 0, 1, 0x7f, // type: () -> i32
  3, 2, 1, 0, // one function of it
  7, 5, 1, 1, 0x66, 0, 0, // exported as f
  10, 17, 1, 15, 0, 0x43, 0, 0, 0xc0, 0x7f, 0xfd, 0x13, 0xfd, 0x81, 0x02, 0xfd, 0x1b, 0, 0x0b, // f32.const NaN, splat, i32x4.relaxed_trunc_f32x4_s, lane 0
);

/**
 * Whether products in 16-bit integers take less time here than in float32: on x86, which multiplies and adds pairs of them in one instruction, and wherever
 * float32 takes two to multiply and add. An ARM processor with the relaxed build is told by what it makes of NaN; the answer is always the same on one machine,
 * which a race against the clock would not be.
 */
export function multipliesIntegersFaster(build: WasmBuild): boolean {
  if (build === 'simd') return true;
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(relaxedNaN)).exports;
  return typeof f === 'function' && f() === -(2 ** 31);
}

function noSimdError(): BedsideError {
  return new BedsideError('device/no-wasm-simd', 'device', 'This browser cannot run WebAssembly with SIMD, which the model needs.', 'Use Chrome or Edge 91, Firefox 89, Safari 16.4, or later.');
}

function staleKernelsError(name: string): BedsideError {
  return new BedsideError('device/stale-kernels', 'device', `The WebAssembly file has no kernel ${name}.`, 'Reload the page; if that does not help, build the kernels again.', { name });
}

const kernelNames = Object.keys({
  firstFreeByte: 0, panelBytes: 0, multiply: 0, multiplyByTransposed: 0, multiplyTransposed: 0, packWeights: 0, linearForward: 0, integerScratchBytes: 0, linearForwardIntegers: 0, linearBackward: 0,
  gelu: 0, geluBackward: 0, layerNorm: 0, layerNormBackward: 0, embed: 0, meanRows: 0, scaleRow: 0,
  attentionScratchBytes: 0, attentionHead: 0, attentionHeadBackward: 0, headLogits: 0, weavePairs: 0, addPairs: 0,
} satisfies Record<keyof Kernels, 0>);

function isKernels(exports: WebAssembly.Exports): exports is WebAssembly.Exports & Kernels {
  for (const name of kernelNames) if (typeof exports[name] !== 'function') throw staleKernelsError(name);
  return true;
}

/**
 * Compiles the best build for this machine over a memory of its own; each call is one independent device.
 * Edge cases: `build` forces one, for tests and comparisons.
 * Throws: a device error where there is no SIMD.
 */
export async function instantiateKernels(binaries: KernelBinaries, build: WasmBuild | null = supportedBuild()): Promise<WasmModule> {
  if (build === null) throw noSimdError();
  const source = binaries[build];
  const file = typeof source === 'function' ? await source() : source;
  const memory = new WebAssembly.Memory({ initial: initialPages });
  const { instance } = await WebAssembly.instantiate(new Uint8Array(file), { env: { memory } });
  const { exports } = instance;
  if (!isKernels(exports)) throw noSimdError();
  return { build, kernels: exports, memory: new LinearMemory(memory, exports.firstFreeByte()) };
}
