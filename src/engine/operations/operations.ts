import type { BackendName } from '../engine.ts';
import type { BertWeights } from '../model/weights.ts';

/** The frozen linear maps of one encoder layer; `queryKeyValue` is the three joined, [3D, D]. */
export type LinearName = 'queryKeyValue' | 'attentionOutput' | 'intermediate' | 'output';
/** The layer norms of one encoder layer. */
export type NormName = 'attentionNorm' | 'outputNorm';

/** Row boundaries on the device. */
export interface Sequences {
  /** [B + 1], on the host. */
  readonly offsets: Int32Array;
  /** Device copy of the offsets, where the backend wants one. */
  readonly handle: unknown;
}

/** One LoRA pair inside theta, beside a frozen map or a block of its columns. Offsets count floats. A [R, K], B [N, R]. */
export interface LoraPair {
  /** K: columns of what it reads. */
  readonly inputWidth: number;
  /** N: columns that it adds to. */
  readonly outputWidth: number;
  /** Columns of a whole row of the map's output: 3D for `queryKeyValue`, else N. */
  readonly outputStride: number;
  /** The first of its N columns; a multiple of four. */
  readonly outputColumn: number;
  readonly offsetA: number;
  readonly offsetB: number;
  readonly rank: number;
  /** alpha / rank. */
  readonly scaling: number;
}

/**
 * The fused operations that every backend implements; the reference in `../reference` is their definition.
 * `Buffer` is the backend's handle to float32 values on its device. BERT is written once above them, in `../bert.ts`.
 *
 * Shapes: T tokens, B rows, D width, F feed-forward width, K and N columns into and out of a map, R adapter rank, C classes, P parameters. All row-major.
 * Buffers live until `release`; operations return new buffers unless said otherwise.
 */
export interface Operations<Buffer> {
  readonly backend: BackendName;
  readonly device: string;

  /** Puts the frozen weights on the device. Called once, first. */
  load(weights: BertWeights): void;

  upload(values: Float32Array): Buffer;
  /** Copies a buffer of `length` floats to the host. */
  download(buffer: Buffer, length: number): Promise<Float32Array>;
  release(...buffers: readonly Buffer[]): void;
  sequences(offsets: Int32Array): Sequences;
  releaseSequences(sequences: Sequences): void;

  /** LayerNorm(word[id] + position[index in row] + tokenType[0]): [T, D]. */
  embed(ids: Int32Array, sequences: Sequences): Buffer;

  /** x · Wᵀ + b, plus `residual` where given: [T, N]. Shapes: x [T, K], residual [T, N]. */
  linear(layer: number, name: LinearName, x: Buffer, tokens: number, residual?: Buffer): Buffer;
  /** dY · W, plus `residual` where given: [T, K]. Shapes: dy [T, N], residual [T, K]. */
  linearBackward(layer: number, name: LinearName, dy: Buffer, tokens: number, residual?: Buffer): Buffer;

  /** (x - mean) / sqrt(variance + epsilon) * weight + bias, over each row of D: [T, D]. */
  layerNorm(layer: number, name: NormName, x: Buffer, tokens: number): Buffer;
  /** Gradient of layerNorm with respect to its input `x` (the same x as forward): [T, D]. */
  layerNormBackward(layer: number, name: NormName, dy: Buffer, x: Buffer, tokens: number): Buffer;

  /** x Phi(x), exact (erf) form: [length]. */
  gelu(x: Buffer, length: number): Buffer;
  /** dy * gelu'(x): [length]. */
  geluBackward(dy: Buffer, x: Buffer, length: number): Buffer;

  /** softmax(Q Kᵀ / sqrt(D / H)) V for each row and head on its own tokens: [T, D]. Shapes: qkv [T, 3D]. */
  attention(qkv: Buffer, sequences: Sequences): Buffer;
  /** Gradient of attention with respect to qkv: [T, 3D]. Shapes: context (forward output) and dContext [T, D]. */
  attentionBackward(qkv: Buffer, context: Buffer, dContext: Buffer, sequences: Sequences): Buffer;

  /** Adds (x Aᵀ) Bᵀ · scaling into the pair's columns of y, in place; returns u = x Aᵀ: [T, R]. Shapes: x [T, K], theta [P], y [T, outputStride]. */
  addLora(x: Buffer, theta: Buffer, pair: LoraPair, y: Buffer, tokens: number): Buffer;
  /**
   * Writes the per-example gradients dA and dB of one pair into `gradients` [B, P] at its offsets, in place;
   * adds (dY B · scaling) A to `dx` [T, K], in place, where given. Shapes: dy [T, outputStride], x [T, K], u [T, R].
   */
  loraBackward(x: Buffer, u: Buffer, dy: Buffer, theta: Buffer, pair: LoraPair, gradients: Buffer, parameters: number, sequences: Sequences, dx?: Buffer): void;

  /** Mean over a row's tokens: [B, D]. */
  meanPool(x: Buffer, sequences: Sequences): Buffer;
  /** Spreads dPooled / row length to each token: [T, D]. */
  meanPoolBackward(dPooled: Buffer, sequences: Sequences): Buffer;

  /** pooled · Wᵀ + b with W at offsetWeight [C, D] and b at offsetBias [C] of theta: [B, C]. */
  headLogits(pooled: Buffer, theta: Buffer, offsetWeight: number, offsetBias: number, classes: number, rows: number): Buffer;
  /**
   * Cross entropy per row. Writes the head's per-example gradients into `gradients` [B, P] at the offsets, in place.
   * Returns losses [B] (nats) and dPooled [B, D].
   */
  headBackward(pooled: Buffer, logits: Buffer, labels: Int32Array, theta: Buffer, offsetWeight: number, offsetBias: number, classes: number, gradients: Buffer, parameters: number, rows: number): { losses: Buffer; dPooled: Buffer };

  /** A zeroed buffer of `length` floats. */
  zeros(length: number): Buffer;
  dispose(): void;
}
