import type { UnitGrid } from '../../engine.ts';

/** Of a unit's integers, so that squares of a unit's integers stay below 2^40 and a coordinate fits float32 exactly. */
export const largestSensitivity = 2 ** 20;

/** Most units of one sum: none of its coordinates then leaves int32. */
export function largestUnitCount({ sensitivity }: UnitGrid): number {
  return Math.floor((2 ** 31 - 1) / sensitivity);
}

/** Per-example gradients of one micro-batch, unit after unit, and where the units lie in it. */
export interface UnitRows<Buffer> {
  /** [B, P]; written over. */
  readonly gradients: Buffer;
  /** [B], in nats. */
  readonly losses: Buffer;
  /** [U + 1] first rows of the units, from 0 to B. */
  readonly unitOffsets: Int32Array;
  /** The first unit's earlier rows came before. */
  readonly continuesUnit: boolean;
  /** Rows of the last unit are still to come. */
  readonly leavesUnitOpen: boolean;
}

export interface ClippedSumRead {
  /** Exact integers, [P]. */
  readonly sum: Int32Array;
  /** Of every row added, in order, in nats. */
  readonly losses: Float32Array;
}

/**
 * A sum of clipped units on the device. Each unit's rows are added, in order and in float32 or better, to g [P]; v = trunc(f g) with
 * f = gridScale · min(1, K / |gridScale g|) or a little less; v counts if it is finite and its sum of squares, computed in integers, is at most K².
 * Guarantee: leaving out a unit changes the sum by an integer vector of norm at most K, whatever the device's floating-point arithmetic does;
 * and where the device computes a unit from itself alone, the sum does not depend on the order of units or on how they fall into micro-batches.
 */
export interface ClippedSums<Buffer> {
  /** Adds the units that end in these rows. Resolves when the device is ready for more; only then may rows follow. */
  add(rows: UnitRows<Buffer>): Promise<void>;
  /** The sum of all units since the last read, in one transfer; the next one starts at zero. */
  read(): Promise<ClippedSumRead>;
  release(): void;
}

export interface ClippedSumOperation<Buffer> {
  /** An empty sum of P = `parameters` coordinates. Before a read it takes `largestUnitCount` units at most, and `maximumRows` rows. */
  clippedSums(parameters: number, grid: UnitGrid, maximumRows: number): ClippedSums<Buffer>;
}
