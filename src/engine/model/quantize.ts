import { invariant } from '../../ground/check.ts';
import type { QuantizedMatrix } from './weights.ts';

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Symmetric int8 with one scale per row, in float32 arithmetic: scale = max|w| / 127 (1 where the row is 0),
 * q = round-half-to-even(w / scale) clipped to ±127.
 * Shapes: weights [rows, columns]; the matrix stands for q * scale.
 */
export function quantizeMatrix(weights: Float32Array, rows: number, columns: number): QuantizedMatrix {
  invariant(weights.length === rows * columns, 'a matrix has rows x columns values');
  const values = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  for (let n = 0; n < rows; n++) {
    let largest = 0;
    for (let k = 0; k < columns; k++) largest = Math.max(largest, Math.abs(weights[n * columns + k]!));
    const scale = largest === 0 ? 1 : Math.fround(largest / 127);
    scales[n] = scale;
    for (let k = 0; k < columns; k++) {
      const q = roundHalfToEven(Math.fround(weights[n * columns + k]! / scale));
      values[n * columns + k] = Math.max(-127, Math.min(127, q));
    }
  }
  return { rows, columns, values, scales };
}
