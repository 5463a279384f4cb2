import type { Sequences } from '../buffers/contract.ts';

/** A linear map that trains, in theta: weight [N, K] at `offsetWeight`, bias [N] at `offsetBias`. Offsets count floats. */
export interface DenseMap {
  /** K. */
  readonly inputWidth: number;
  /** N. */
  readonly outputWidth: number;
  readonly offsetWeight: number;
  readonly offsetBias: number;
}

/** A layer norm that trains, in theta: weight and bias [D]. */
export interface DenseNorm {
  readonly width: number;
  readonly epsilon: number;
  readonly offsetWeight: number;
  readonly offsetBias: number;
}

/** The embedding tables in theta: words [V, D], positions [positions, D], token types [types, D] of which the first is read; null where there are none. */
export interface DenseTables {
  readonly width: number;
  readonly offsetWords: number;
  readonly offsetPositions: number;
  readonly offsetTokenTypes: number | null;
}

/**
 * Operations on weights that train as they are, in float32 inside theta [P]. `gradient` [P] is of the whole batch: each adds its sum over rows to it, in place.
 * Shapes: M rows (tokens, or examples in the head). Operations return new buffers.
 */
export interface DenseOperations<Buffer> {
  /** x · Wᵀ + b, plus `residual` where given: [M, N]. Shapes: x [M, K], residual [M, N]. */
  linear(x: Buffer, theta: Buffer, map: DenseMap, rows: number, residual?: Buffer): Buffer;
  /** dY · W, plus `residual` where given: [M, K]. Shapes: dy [M, N], residual [M, K]. */
  linearBackward(dy: Buffer, theta: Buffer, map: DenseMap, rows: number, residual?: Buffer): Buffer;
  /** Adds dYᵀ · x to the weight's gradient and the column sums of dY to the bias's. Shapes: x [M, K], dy [M, N]. */
  linearGradient(x: Buffer, dy: Buffer, map: DenseMap, gradient: Buffer, rows: number): void;

  /** (x - mean) / sqrt(variance + epsilon) * weight + bias, over each row of D: [M, D]. */
  norm(x: Buffer, theta: Buffer, norm: DenseNorm, rows: number): Buffer;
  /** Gradient with respect to `x` (the same x as forward): [M, D]; adds those of weight and bias. */
  normBackward(dy: Buffer, x: Buffer, theta: Buffer, norm: DenseNorm, gradient: Buffer, rows: number): Buffer;

  /** word[id] + position[index in row] + tokenType[0]: [T, D]. */
  embed(ids: Int32Array, sequences: Sequences, theta: Buffer, tables: DenseTables): Buffer;
  /** Adds dY of each token to the rows of the tables that it was made of. Shapes: dy [T, D]. */
  embedBackward(ids: Int32Array, sequences: Sequences, dy: Buffer, tables: DenseTables, gradient: Buffer): void;

  /** Cross entropy per row (nats) and softmax(logits) - onehot(label). Shapes: losses [B], logits and dLogits [B, C]. */
  crossEntropy(logits: Buffer, labels: Int32Array, classes: number, rows: number): { losses: Buffer; dLogits: Buffer };
}
