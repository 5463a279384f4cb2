import type { BertShape } from './model/weights.ts';
import type { AdapterConfig, ParameterLayout } from './parameters.ts';

export type BackendName = 'reference' | 'wasm' | 'webgpu';

/**
 * Tokens of B rows laid end to end; row b is `ids[offsets[b] .. offsets[b + 1])`. Nothing is padded.
 * Shapes: ids [T], offsets [B + 1] with offsets[0] = 0 and offsets[B] = T; every row has at least one token.
 */
export interface TokenBatch {
  readonly ids: Int32Array;
  readonly offsets: Int32Array;
}

/** Hidden states in place of tokens: the cached outputs of `layer` encoder layers. Shapes: hidden [T, D], offsets [B + 1]. */
export interface HiddenBatch {
  readonly hidden: Float32Array;
  readonly offsets: Int32Array;
  /** Number of encoder layers already applied, 0 (embeddings) to L. */
  readonly layer: number;
}

export type EngineInput = TokenBatch | HiddenBatch;

/** Result of one backward pass, per example. Shapes: losses [B] (nats), gradients [B, P] row-major in layout order. */
export interface ExampleGradients {
  readonly losses: Float32Array;
  readonly gradients: Float32Array;
}

/** Result of one backward pass over a batch. Shapes: losses [B] (nats), gradient [P] of their sum. */
export interface SummedGradient {
  readonly losses: Float32Array;
  readonly gradient: Float32Array;
}

/** Rows of whole units (a person's notes, or each row by itself), unit after unit. Shapes: labels [B], unitOffsets [U + 1] first rows of the units, from 0 to B. */
export interface UnitBatch {
  readonly input: EngineInput;
  readonly labels: Int32Array;
  readonly unitOffsets: Int32Array;
}

/** The grid of Rule G: a unit becomes integers over `gridScale` of norm at most `sensitivity`, which is 2^20 at most. */
export interface UnitGrid {
  readonly gridScale: number;
  readonly sensitivity: number;
}

/** Sum of clipped units. Shapes: sum [P] integers, exact; losses [rows] in the order of the batches (nats). */
export interface UnitSum {
  readonly sum: Float64Array;
  readonly losses: Float32Array;
}

/** Quantized BERT with trainable LoRA and head, on one device. Calls are made one after the other. */
export interface Engine {
  readonly backend: BackendName;
  /** The device in words, e.g. "WebAssembly, relaxed SIMD". */
  readonly device: string;
  readonly shape: BertShape;

  /** Declares the trainable parameters of `logits` and `gradients`; all zero until `setParameters`. */
  configure(adapter: AdapterConfig): ParameterLayout;
  /** Theta [P] of `adapter` with which the model is the frozen one: zeros of adapters and head, whole layers as the frozen model has them. Needs no configuration. */
  initialParameters(adapter: AdapterConfig): Float32Array;
  /** Installs theta [P] in layout order. */
  setParameters(theta: Float32Array): void;

  /**
   * Mean over a row's tokens of the outputs of each of `layers` (0 = embeddings, L = last), without adapters.
   * Shapes: [B, layers.length, D] row-major. A row's result does not depend on the other rows. `onRows` counts the rows of the input that have been read, after each
   * micro-batch, from the start where the call is repeated on another device: while its answer is awaited one more micro-batch may run, and what it throws ends the call.
   */
  encode(input: EngineInput, layers: readonly number[], onRows?: (done: number) => Promise<void>): Promise<Float32Array>;
  /** Outputs of the first `layer` encoder layers without adapters: [T, D], the frozen prefix that may be cached. */
  hidden(input: TokenBatch, layer: number): Promise<Float32Array>;
  /** Logits of the configured head on the mean-pooled last layer, adapters applied: [B, C]. */
  logits(input: EngineInput): Promise<Float32Array>;
  /** Cross-entropy losses and per-example gradients. Shapes: labels [B] in 0..C-1. */
  gradients(input: EngineInput, labels: Int32Array): Promise<ExampleGradients>;

  /** Cross-entropy losses and the gradient of their sum, where whole layers are configured: none is made by example, so that this is for training that is not private. */
  summedGradient(input: EngineInput, labels: Int32Array): Promise<SummedGradient>;

  /**
   * Sum over units of the clipped sum of their rows' gradients, by Rule G (`operations/clipped-sum`). On a GPU nothing else is read back, and that once
   * for some two thousand units. Guarantee: leaving out a unit moves the sum by an integer vector of norm at most `sensitivity`; the sum depends neither
   * on the order of units nor on the other units. `batches` may be asked for again, where a call is repeated on another device; each yields whole units.
   */
  clippedSum(batches: () => AsyncIterable<UnitBatch>, grid: UnitGrid): Promise<UnitSum>;

  dispose(): void;
}
