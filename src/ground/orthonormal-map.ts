import { checkInteger, invariant } from './check.ts';
import { mulberry32 } from './random.ts';

/** Orthonormal directions that anybody can work out again. */
export interface MapSettings {
  /** How many directions. */
  readonly dimension: number;
  /** Of the signs that fill up what the given directions leave: 32 bits. */
  readonly seed: number;
  /** Integers, the first directions to be taken, as far as they are independent: [n, length], n of any size. */
  readonly directions: Int8Array;
}

/** Of a direction's own length: what is left beside the ones before it is rounding. */
const LEAST_REST = 0.05;
/** Random signs that lie in what is taken already are as good as impossible; a loop that depends on it has an end all the same. */
const MOST_TRIES = 8;

/**
 * The map x -> P x: [dimension, length], rows orthonormal to 1e-7. Each row is the next of `directions`, or of rows of signs drawn by mulberry32, less
 * its part along the rows before it, twice (Giraud et al. 2005, doi 10.1007/s00211-005-0615-4: twice is enough), in float64, then rounded to float32.
 * Guarantee: integers, sums, products, quotients and square roots alone, in one order, so that every machine comes to the same bits.
 */
export function orthonormalMap({ dimension, seed, directions }: MapSettings, length: number): Float32Array<ArrayBuffer> {
  checkInteger('map dimension', dimension, 1, length);
  invariant(directions.length % length === 0, 'directions are whole rows');
  const random = mulberry32(seed);
  const rows = new Float64Array(dimension * length);
  const candidate = new Float64Array(length);
  let taken = 0;

  /** Takes the candidate as the next row, where it has a direction of its own. */
  const take = (): void => {
    const before = lengthOf(candidate);
    for (let pass = 0; pass < 2; pass++) {
      for (let row = 0; row < taken; row++) {
        let along = 0;
        for (let i = 0; i < length; i++) along += rows[row * length + i]! * candidate[i]!;
        for (let i = 0; i < length; i++) candidate[i]! -= along * rows[row * length + i]!;
      }
    }
    const rest = lengthOf(candidate);
    if (!(rest > LEAST_REST * before)) return;
    for (let i = 0; i < length; i++) rows[taken * length + i] = candidate[i]! / rest;
    taken++;
  };

  for (let at = 0; at < directions.length && taken < dimension; at += length) {
    candidate.set(directions.subarray(at, at + length));
    take();
  }
  for (let tries = MOST_TRIES * dimension; taken < dimension; tries--) {
    invariant(tries > 0, 'random directions are independent');
    for (let i = 0; i < length; i++) candidate[i] = random() < 0.5 ? -1 : 1;
    take();
  }
  return Float32Array.from(rows);
}

function lengthOf(vector: Float64Array): number {
  let squared = 0;
  for (const value of vector) squared += value * value;
  return Math.sqrt(squared);
}

/** P x of each row: [rows, dimension], each value one float64 sum in order. Shapes: inputs [rows, length], map [dimension, length]. */
export function mapRows(inputs: Float32Array, map: Float32Array, length: number): Float32Array<ArrayBuffer> {
  const [rows, dimension] = [inputs.length / length, map.length / length];
  invariant(Number.isInteger(rows) && Number.isInteger(dimension), 'rows and map have the same length');
  const mapped = new Float32Array(rows * dimension);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < dimension; k++) {
      let sum = 0;
      for (let i = 0; i < length; i++) sum += inputs[row * length + i]! * map[k * length + i]!;
      mapped[row * dimension + k] = sum;
    }
  }
  return mapped;
}
