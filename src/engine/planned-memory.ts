/** How much memory an engine takes, said before any of it is taken: by rehearsing its calls on operations that compute nothing. */
import { rehearsePass } from './bert.ts';
import type { BertShape } from './model/weights.ts';
import type { AdapterConfig } from './parameters.ts';
import { fullestInput, type Pass, type StepBucket } from './step-planner.ts';
import type { StepTrace } from './step-trace.ts';
import { layoutInMemory } from './wasm/buffers.ts';
import { largestMatrixBytes, reserveWeights } from './wasm/device-weights.ts';
import { BlockList, blockRoom, initialPages, pageBytes } from './wasm/linear-memory.ts';
import { rehearseOnWasm } from './wasm/wasm-operations.ts';
import { layoutInSlots } from './webgpu/stepped-device.ts';
import { rehearseOnWebGpu } from './webgpu/webgpu-operations.ts';

export interface MemoryRequest {
  readonly backend: 'wasm' | 'webgpu';
  readonly shape: BertShape;
  readonly adapter: AdapterConfig | null;
  /** What the engine will be asked to do. */
  readonly passes: readonly Pass[];
  /** The most tokens and rows of one micro-batch. */
  readonly bucket: StepBucket;
  /** The first hidden layer that is read in place of tokens; null where tokens are read. */
  readonly layer?: number | null;
  /** As of the engine's options. */
  readonly keepsHalves?: boolean;
}

export interface PlannedMemory {
  /** Everything that the engine holds on its device. */
  readonly totalBytes: number;
  /** The part that one micro-batch after another uses. */
  readonly stepBytes: number;
  /** Of the largest single buffer of a step. */
  readonly largestBufferBytes: number;
}

/** The constants of the kernels lie below; the compiled ones say where exactly. */
const assumedFirstFreeByte = 4096;

function totalOf({ heldSizes }: StepTrace): number {
  return heldSizes.reduce((sum, size) => sum + size, 0);
}

/** Bytes of linear memory after the weights, what is held beside the step, and the arena have been taken in that order. */
function linearMemoryBytes(shape: BertShape, heldSizes: readonly number[], stepBytes: number, firstFreeByte: number): number {
  let pages = initialPages;
  const memory = new BlockList({
    get sizeBytes() {
      return pages * pageBytes;
    },
    grow(more) {
      pages += more;
    },
  }, firstFreeByte);
  reserveWeights(shape, (bytes) => memory.allocate(bytes));
  memory.release(memory.allocate(largestMatrixBytes(shape)));
  for (const size of heldSizes) memory.allocate(blockRoom(size));
  memory.allocate(stepBytes);
  return memory.sizeBytes;
}

/**
 * The memory of an engine of that shape that makes these passes. Exact for WebAssembly, where linear memory only grows; for WebGPU
 * beside it come the queue's own few kilobytes of uniforms.
 * Edge cases: `firstFreeByte` of the kernels moves the total of WebAssembly by a page at most.
 */
export async function plannedMemory({ backend, shape, adapter, passes, bucket, layer = null, keepsHalves }: MemoryRequest, firstFreeByte = assumedFirstFreeByte): Promise<PlannedMemory> {
  const traces: StepTrace[] = [];
  for (const pass of passes) {
    const rehearsal = rehearsePass(shape, adapter, { maximumTokens: bucket.tokens, ...(keepsHalves === undefined ? {} : { keepsHalves }) }, pass, fullestInput(bucket, layer, shape));
    traces.push(await (backend === 'wasm' ? rehearseOnWasm(shape, rehearsal) : rehearseOnWebGpu(shape, rehearsal)));
  }
  const most = traces.reduce<StepTrace | null>((largest, trace) => (largest === null || totalOf(trace) > totalOf(largest) ? trace : largest), null);
  const held = most?.heldSizes ?? [];
  if (backend === 'webgpu') {
    const { sizeBytes, largestBytes } = layoutInSlots(traces);
    return { totalBytes: held.reduce((sum, size) => sum + 4 * size, sizeBytes), stepBytes: sizeBytes, largestBufferBytes: largestBytes };
  }
  const { sizeBytes } = layoutInMemory(traces);
  return { totalBytes: linearMemoryBytes(shape, held, sizeBytes, firstFreeByte), stepBytes: sizeBytes, largestBufferBytes: sizeBytes };
}
