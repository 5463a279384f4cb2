import { invariant } from '../../ground/check.ts';
import type { BertShape } from '../model/weights.ts';
import type { Sequences } from '../operations/buffers/contract.ts';
import type { Rehearsal } from '../operations/buffers/planned-steps.ts';
import type { ClippedSums } from '../operations/clipped-sum/contract.ts';
import { hostClippedSums } from '../operations/clipped-sum/reference.ts';
import type { LoraPair } from '../operations/lora/contract.ts';
import type { Operations } from '../operations/operations.ts';
import { crossEntropy } from './cross-entropy.ts';
import { createWasmDense } from './dense.ts';
import type { StepTrace } from '../step-trace.ts';
import { PlacedBuffers, stepLayout, type WasmBuffers } from './buffers.ts';
import { type DeviceBert, placeWeights } from './device-weights.ts';
import { dryRun } from './dry-run.ts';
import type { Kernels } from './kernels.ts';
import type { MemoryBlocks } from './linear-memory.ts';
import type { WasmBuild } from './module.ts';

const floatBytes = 4;

/** Tokens computed at a time on one thread: twice as many take 34 MB more at width 384 and no less time, half as many a few per cent more time. */
export const wasmMicroBatchTokens = 256;

/** Kernels over a memory of theirs: a `WasmModule`, or what stands in for one. */
interface WasmDevice {
  readonly build: WasmBuild;
  readonly kernels: Kernels;
  readonly memory: MemoryBlocks;
}

/** Other buffers than those of the memory, and weights that are only places: for steps that are noted and not computed. */
interface DryRun {
  readonly buffers: WasmBuffers;
  readonly weights: DeviceBert;
  readonly sums: ClippedSums<number>;
}

/** All that a WebAssembly memory can address. */
const wasmLimitBytes = 2 ** 32;

/** Operations whose buffers are addresses in linear memory. */
export interface WasmOperations extends Operations<number> {
  /** Buffers handed out and not yet released; the weights are not among them. */
  readonly liveBuffers: number;
  /** Bytes that linear memory has grown to. */
  readonly memoryBytes: number;
}

/** Strides and first column of a pair in bytes, and where its A and B lie in a vector of parameters. */
function placeOf({ inputWidth, outputStride, outputColumn, rank, offsetA, offsetB }: LoraPair, parameters: number) {
  return {
    inputBytes: inputWidth * floatBytes, outputBytes: outputStride * floatBytes, columnBytes: outputColumn * floatBytes, rankBytes: rank * floatBytes,
    a: parameters + offsetA * floatBytes, b: parameters + offsetB * floatBytes,
  };
}

/** The buffers of a step on an encoder of that shape; sizes in bytes of linear memory. */
export async function rehearseOnWasm(shape: BertShape, rehearsal: Rehearsal): Promise<StepTrace> {
  const { device, dry, recorder } = dryRun(shape);
  await rehearsal(createWasmOperations(device, dry), recorder);
  return recorder.trace();
}

/**
 * BERT's operations on our own kernels: int8 weights, float32 activations, one thread.
 * Guarantee: a row of the batch gives the same bits alone and among others, and the same bits on every run of one
 * build on one machine. The plain build (`simd`) gives the same bits on every machine, but for the head's softmax and
 * loss, which take exp and log from the host.
 */
export function createWasmOperations(module: WasmDevice, dry: DryRun | null = null): WasmOperations {
  const { build, kernels, memory } = module;
  const placed = new PlacedBuffers(memory);
  const buffers = dry?.buffers ?? placed;
  const weightBlocks: number[] = [];
  let bert = dry?.weights ?? null;
  let isRounding = false;

  const loaded = () => {
    invariant(bert !== null, 'weights are loaded before any operation');
    return bert;
  };

  /** A new buffer of `length` floats, not cleared. */
  const create = (length: number) => buffers.create(length * floatBytes);
  const scratch = (bytes: number) => buffers.scratch(bytes);
  const panel = (depth: number) => scratch(kernels.panelBytes(depth));

  function release(...released: readonly number[]): void {
    for (const buffer of released) buffers.release(buffer);
  }

  /** Calls `head` for each row and head with the row's first token, its length and the head's byte offset within a token. */
  function eachHead({ offsets }: Sequences, head: (firstToken: number, tokens: number, headBytes: number) => void): void {
    const { width, heads } = loaded().shape;
    for (let b = 0; b + 1 < offsets.length; b++) {
      for (let h = 0; h < heads; h++) head(offsets[b]!, offsets[b + 1]! - offsets[b]!, (h * width * floatBytes) / heads);
    }
  }

  function attentionScratch({ offsets }: Sequences, headWidth: number): number {
    let longest = 0;
    for (let b = 0; b + 1 < offsets.length; b++) longest = Math.max(longest, offsets[b + 1]! - offsets[b]!);
    return scratch(kernels.attentionScratchBytes(longest, headWidth));
  }

  return {
    backend: 'wasm',
    device: build === 'relaxed' ? 'WebAssembly, relaxed SIMD' : 'WebAssembly, SIMD',
    get liveBuffers() {
      return buffers.liveBuffers;
    },
    get memoryBytes() {
      return memory.sizeBytes;
    },

    load(weights) {
      invariant(bert === null, 'weights are loaded once');
      bert = placeWeights(weights, module, (bytes) => {
        const pointer = memory.allocate(bytes);
        weightBlocks.push(pointer);
        return pointer;
      });
    },

    upload(values) {
      const buffer = create(values.length);
      memory.floats(buffer, values.length).set(values);
      return buffer;
    },
    write: (buffer, values) => memory.floats(buffer, values.length).set(values),
    download: (buffer, length) => Promise.resolve(memory.floats(buffer, length).slice()),
    release,
    steps: {
      rehearse: (rehearsal) => rehearseOnWasm(loaded().shape, rehearsal),
      layout: (traces) => stepLayout(traces, placed),
      get heldBytes() {
        return memory.liveBytes;
      },
      limitBytes: wasmLimitBytes,
      largestBufferBytes: wasmLimitBytes,
      get unplannedBuffers() {
        return placed.unplannedBuffers;
      },
    },
    sequences: (offsets) => ({ offsets, handle: null }),
    releaseSequences: () => undefined,
    zeros(length) {
      const buffer = create(length);
      memory.floats(buffer, length).fill(0);
      return buffer;
    },

    embed(ids, { offsets }) {
      const { shape, words, positions, tokenTypes, embeddingNorm } = loaded();
      const { width: D, layerNormEpsilon } = shape;
      const idsPointer = scratch(ids.byteLength);
      const y = create(ids.length * D);
      memory.integers(idsPointer, ids.length).set(ids);
      for (let b = 0; b + 1 < offsets.length; b++) {
        const first = offsets[b]!;
        kernels.embed(
          offsets[b + 1]! - first, D, idsPointer + first * floatBytes, words.values, words.scales, positions.values, positions.scales,
          tokenTypes.values, tokenTypes.scales, y + first * D * floatBytes,
        );
      }
      kernels.layerNorm(ids.length, D, y, embeddingNorm.weight, embeddingNorm.bias, layerNormEpsilon, y);
      return y;
    },

    roundInputs(isOn) {
      isRounding = isOn;
    },
    linear(layer, name, x, tokens, residual) {
      const { N, K, weights, scales, bias } = loaded().linears[layer]![name];
      const y = create(tokens * N);
      if (isRounding) {
        kernels.linearForwardIntegers(tokens, N, K, x, weights, scales, bias, residual ?? 0, y, scratch(kernels.integerScratchBytes(K)));
        return y;
      }
      kernels.linearForward(tokens, N, K, x, weights, scales, bias, residual ?? 0, y, panel(K));
      return y;
    },
    linearBackward(layer, name, dy, tokens, residual) {
      const { N, K, weights, scales } = loaded().linears[layer]![name];
      const dx = create(tokens * K);
      kernels.linearBackward(tokens, N, K, dy, weights, scales, residual ?? 0, dx, panel(N));
      return dx;
    },

    layerNorm(layer, name, x, tokens) {
      const { shape, norms } = loaded();
      const { weight, bias } = norms[layer]![name];
      const y = create(tokens * shape.width);
      kernels.layerNorm(tokens, shape.width, x, weight, bias, shape.layerNormEpsilon, y);
      return y;
    },
    layerNormBackward(layer, name, dy, x, tokens) {
      const { shape, norms } = loaded();
      const dx = create(tokens * shape.width);
      kernels.layerNormBackward(tokens, shape.width, dy, x, norms[layer]![name].weight, shape.layerNormEpsilon, dx);
      return dx;
    },

    gelu(x, length) {
      const y = create(length);
      kernels.gelu(length, x, y);
      return y;
    },
    geluBackward(dy, x, length) {
      const dx = create(length);
      kernels.geluBackward(length, dy, x, dx);
      return dx;
    },

    attention(qkv, sequences) {
      const { width: D, heads: H } = loaded().shape;
      const [rowBytes, headWidth] = [D * floatBytes, D / H];
      const room = attentionScratch(sequences, headWidth);
      const context = create(sequences.offsets.at(-1)! * D);
      eachHead(sequences, (first, tokens, headBytes) => {
        const q = qkv + 3 * first * rowBytes + headBytes;
        kernels.attentionHead(tokens, headWidth, q, q + rowBytes, q + 2 * rowBytes, 3 * rowBytes, 1 / Math.sqrt(headWidth), context + first * rowBytes + headBytes, rowBytes, room);
      });
      return context;
    },
    attentionBackward(qkv, _context, dContext, sequences) {
      const { width: D, heads: H } = loaded().shape;
      const [rowBytes, headWidth] = [D * floatBytes, D / H];
      const room = attentionScratch(sequences, headWidth);
      const dQkv = create(sequences.offsets.at(-1)! * 3 * D);
      eachHead(sequences, (first, tokens, headBytes) => {
        const offset = 3 * first * rowBytes + headBytes;
        const [q, dq] = [qkv + offset, dQkv + offset];
        kernels.attentionHeadBackward(
          tokens, headWidth, q, q + rowBytes, q + 2 * rowBytes, 3 * rowBytes, 1 / Math.sqrt(headWidth),
          dContext + first * rowBytes + headBytes, rowBytes, dq, dq + rowBytes, dq + 2 * rowBytes, 3 * rowBytes, room,
        );
      });
      return dQkv;
    },

    addLora(x, theta, pairs, y, tokens) {
      const { inputWidth: K, outputWidth: N, rank, scaling } = pairs[0];
      const room = panel(Math.max(K, rank));
      const all = create(pairs.length * tokens * rank);
      for (const [p, pair] of pairs.entries()) {
        const { inputBytes, outputBytes, rankBytes, columnBytes, a, b } = placeOf(pair, theta);
        const u = all + p * tokens * rankBytes;
        const block = y + columnBytes;
        kernels.multiplyByTransposed(tokens, rank, K, x, inputBytes, a, inputBytes, 1, 0, 0, 0, u, rankBytes, room);
        kernels.multiplyByTransposed(tokens, N, rank, u, rankBytes, b, rankBytes, scaling, block, outputBytes, 0, block, outputBytes, room);
      }
      return all;
    },
    loraBackward(x, all, dy, theta, pairs, gradients, parameters, { offsets }, dx) {
      const { inputWidth: K, outputWidth: N, rank, scaling } = pairs[0];
      const tokens = offsets.at(-1)!;
      const room = panel(Math.max(N, rank, tokens));
      // Gradient of u: scaling · dY B, [T, R].
      const du = create(tokens * rank);
      for (const [p, pair] of pairs.entries()) {
        const { inputBytes, outputBytes, rankBytes, columnBytes, a, b } = placeOf(pair, theta);
        const u = all + p * tokens * rankBytes;
        const block = dy + columnBytes;
        kernels.multiply(tokens, rank, N, block, outputBytes, b, rankBytes, scaling, 0, 0, du, rankBytes, room);
        for (let row = 0; row + 1 < offsets.length; row++) {
          const first = offsets[row]!;
          const length = offsets[row + 1]! - first;
          const { a: dA, b: dB } = placeOf(pair, gradients + row * parameters * floatBytes);
          kernels.multiplyTransposed(rank, K, length, du + first * rankBytes, rankBytes, x + first * inputBytes, inputBytes, 1, dA, inputBytes, room);
          kernels.multiplyTransposed(N, rank, length, block + first * outputBytes, outputBytes, u + first * rankBytes, rankBytes, scaling, dB, rankBytes, room);
        }
        if (dx !== undefined) kernels.multiply(tokens, K, rank, du, rankBytes, a, inputBytes, 1, dx, inputBytes, dx, inputBytes, room);
      }
      release(du);
    },

    meanPool(x, { offsets }) {
      const { width: D } = loaded().shape;
      const pooled = create((offsets.length - 1) * D);
      for (let b = 0; b + 1 < offsets.length; b++) {
        kernels.meanRows(offsets[b + 1]! - offsets[b]!, D, x + offsets[b]! * D * floatBytes, pooled + b * D * floatBytes);
      }
      return pooled;
    },
    meanPoolBackward(dPooled, { offsets }) {
      const { width: D } = loaded().shape;
      const dx = create(offsets.at(-1)! * D);
      for (let b = 0; b + 1 < offsets.length; b++) {
        const share = 1 / (offsets[b + 1]! - offsets[b]!);
        for (let t = offsets[b]!; t < offsets[b + 1]!; t++) kernels.scaleRow(D, share, dPooled + b * D * floatBytes, dx + t * D * floatBytes);
      }
      return dx;
    },

    headLogits(pooled, theta, offsetWeight, offsetBias, classes, rows) {
      const rowBytes = loaded().shape.width * floatBytes;
      const room = panel(loaded().shape.width);
      const logits = create(rows * classes);
      kernels.multiplyByTransposed(
        rows, classes, loaded().shape.width, pooled, rowBytes, theta + offsetWeight * floatBytes, rowBytes, 1,
        0, 0, theta + offsetBias * floatBytes, logits, classes * floatBytes, room,
      );
      return logits;
    },
    headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, classes, gradients, parameters, rows) {
      const { width: D } = loaded().shape;
      const rowBytes = D * floatBytes;
      const room = panel(Math.max(D, classes));
      const dLogits = create(rows * classes);
      const losses = create(rows);
      const dPooled = create(rows * D);
      for (let b = 0; b < rows; b++) {
        const at = b * classes * floatBytes;
        const gradient = gradients + b * parameters * floatBytes;
        const dRow = memory.floats(dLogits + at, classes);
        memory.floats(losses, rows)[b] = crossEntropy(memory.floats(logits + at, classes), labels[b]!, dRow);
        for (let c = 0; c < classes; c++) kernels.scaleRow(D, dRow[c]!, pooled + b * rowBytes, gradient + (offsetWeight + c * D) * floatBytes);
        memory.floats(gradient + offsetBias * floatBytes, classes).set(dRow);
      }
      kernels.multiply(rows, D, classes, dLogits, classes * floatBytes, theta + offsetWeight * floatBytes, rowBytes, 1, 0, 0, dPooled, rowBytes, room);
      release(dLogits);
      return { losses, dPooled };
    },

    dense: createWasmDense({ kernels, memory }, { create, release, panel }),
    clippedSums: (parameters, grid) => dry?.sums ?? hostClippedSums(parameters, grid, (buffer, length) => memory.floats(buffer, length)),

    dispose() {
      buffers.releaseAll();
      for (const pointer of weightBlocks.splice(0)) memory.release(pointer);
      bert = null;
    },
  };
}
