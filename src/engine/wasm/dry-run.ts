/** The WASM operations without a machine under them: what a step would ask of its memory. */
import type { BertShape } from '../model/weights.ts';
import type { ClippedSums } from '../operations/clipped-sum/contract.ts';
import { StepRecorder } from '../step-trace.ts';
import { RecordedBuffers } from './buffers.ts';
import { reserveWeights } from './device-weights.ts';
import type { Kernels } from './kernels.ts';
import type { MemoryBlocks } from './linear-memory.ts';

const nothing = () => undefined;

/** Kernels that compute nothing, and say as the compiled ones do how much room each wants. */
export const dryKernels: Kernels = {
  firstFreeByte: () => 0,
  panelBytes: (depth) => depth * 32,
  integerScratchBytes: (depth) => depth * 16 + integerBlockRows(depth) * (depth * 2 + 4),
  attentionScratchBytes: (tokens, headWidth) => eights(tokens) * 4 * (3 * eights(headWidth) + 48),
  multiply: nothing, multiplyByTransposed: nothing, multiplyTransposed: nothing, packWeights: nothing, linearForward: nothing, linearForwardIntegers: nothing, linearBackward: nothing,
  gelu: nothing, geluBackward: nothing, layerNorm: nothing, layerNormBackward: nothing, embed: nothing, meanRows: nothing, scaleRow: nothing,
  attentionHead: nothing, attentionHeadBackward: nothing, headLogits: nothing, weavePairs: nothing, addPairs: nothing,
};

function integerBlockRows(depth: number): number {
  return Math.max(48, Math.min(192, 6 * Math.floor(Math.floor((96 * 1024) / depth) / 6)));
}

function eights(value: number): number {
  return Math.ceil(value / 8) * 8;
}

/** Views of one scrap that nobody reads. */
function dryMemory(): MemoryBlocks {
  let scrap = new ArrayBuffer(0);
  const room = (bytes: number) => {
    if (bytes > scrap.byteLength) scrap = new ArrayBuffer(bytes);
    return scrap;
  };
  return {
    sizeBytes: 0,
    liveBytes: 0,
    allocate: () => 0,
    release: nothing,
    floats: (_, length) => new Float32Array(room(4 * length), 0, length),
    integers: (_, length) => new Int32Array(room(4 * length), 0, length),
    bytes: (_, length) => new Int8Array(room(length), 0, length),
  };
}

/** A sum that is held by the host, and here by nobody. */
const drySums: ClippedSums<number> = {
  add: () => Promise.resolve(),
  read: () => Promise.resolve({ sum: new Int32Array(0), losses: new Float32Array(0) }),
  release: nothing,
};

/** What `createWasmOperations` takes for a dry run on an encoder of that shape, and where it is noted; sizes in bytes of linear memory. */
export function dryRun(shape: BertShape) {
  const recorder = new StepRecorder();
  const device = { build: 'simd', kernels: dryKernels, memory: dryMemory() } as const;
  return { device, dry: { buffers: new RecordedBuffers(recorder), weights: reserveWeights(shape, () => 0), sums: drySums }, recorder };
}
