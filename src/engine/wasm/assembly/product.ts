// Matrix products over panels of eight columns. A null `start` or `bias` means none.
import { packColumns, packRows } from './panel';
import { multiplyPanel, multiplyPanelTransposed } from './tile';
import { ZEROS } from './vector';

/** Bytes of one panel: the scratch of every product here. */
export function panelBytes(depth: i32): i32 {
  return depth * 32;
}

/** C = start + scale · A · B. Shapes: A [M, K], B [K, N], start and C [M, N]; start may be C. */
export function multiply(
  M: i32, N: i32, K: i32, a: usize, aStride: usize, b: usize, bStride: usize, scale: f32,
  start: usize, startStride: usize, c: usize, cStride: usize, scratch: usize,
): void {
  for (let n = 0; n < N; n += 8) {
    packColumns(b + n * 4, bStride, K, scale, scratch);
    multiplyPanel(M, K, a, aStride, scratch, 32, start ? start + n * 4 : ZEROS, startStride, ZEROS, c + n * 4, cStride, N - n);
  }
}

/** C = start + bias + scale · A · Bᵀ. Shapes: A [M, K], B [N, K], start and C [M, N], bias [N]; start may be C. */
export function multiplyByTransposed(
  M: i32, N: i32, K: i32, a: usize, aStride: usize, b: usize, bStride: usize, scale: f32,
  start: usize, startStride: usize, bias: usize, c: usize, cStride: usize, scratch: usize,
): void {
  for (let n = 0; n < N; n += 8) {
    packRows(b + n * bStride, bStride, N - n, K, scale, scratch);
    multiplyPanel(M, K, a, aStride, scratch, 32, start ? start + n * 4 : ZEROS, startStride, bias ? bias + n * 4 : ZEROS, c + n * 4, cStride, N - n);
  }
}

/** C = scale · Aᵀ · B. Shapes: A [K, M], B [K, N], C [M, N]. */
export function multiplyTransposed(M: i32, N: i32, K: i32, a: usize, aStride: usize, b: usize, bStride: usize, scale: f32, c: usize, cStride: usize, scratch: usize): void {
  for (let n = 0; n < N; n += 8) {
    packColumns(b + n * 4, bStride, K, scale, scratch);
    multiplyPanelTransposed(M, K, a, aStride, scratch, 32, ZEROS, 0, c + n * 4, cStride, N - n);
  }
}
