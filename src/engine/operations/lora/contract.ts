import type { Sequences } from '../buffers/contract.ts';

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

/** Pairs beside one map, in layout order: of one shape, rank and scaling, their offsets one step apart and their columns another. */
export type LoraPairs = readonly [LoraPair, ...LoraPair[]];

export interface LoraOperations<Buffer> {
  /**
   * Adds (x Aᵀ) Bᵀ · scaling into each pair's columns of y, in place; returns u = x Aᵀ of each: [pairs, T, R].
   * Shapes: x [T, K], theta [P], y [T, outputStride].
   */
  addLora(x: Buffer, theta: Buffer, pairs: LoraPairs, y: Buffer, tokens: number): Buffer;
  /**
   * Writes the per-example gradients dA and dB of each pair into `gradients` [B, P] at its offsets, in place;
   * adds (dY B · scaling) A of each to `dx` [T, K], in place, where given. Shapes: dy [T, outputStride], x [T, K], u [pairs, T, R].
   */
  loraBackward(x: Buffer, u: Buffer, dy: Buffer, theta: Buffer, pairs: LoraPairs, gradients: Buffer, parameters: number, sequences: Sequences, dx?: Buffer): void;
}
