// Matrix products over panels of eight columns. A null `start` or `bias` means none.
import { packColumns, packRows } from './panel';
import { dequantizeBackward, dequantizeForward } from './quantized-panel';
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

/** Rows of A that share one dequantised panel: they stay in the second-level cache (at most 384 kB) while the panels pass. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function blockRows(K: i32): i32 {
  return max(48, min(192, (96 * 1024 / K) / 6 * 6));
}

/** y = x · Wᵀ + bias + residual. Shapes: x [M, K], W [N, K] int8 in blocks, scales and bias [N], y and residual [M, N]. */
export function linearForward(M: i32, N: i32, K: i32, x: usize, weights: usize, scales: usize, bias: usize, residual: usize, y: usize, scratch: usize): void {
  const stride: usize = N * 4;
  const block = blockRows(K);
  for (let m = 0; m < M; m += block) {
    const rows = min(block, M - m);
    const first = m * stride;
    for (let n = 0; n < N; n += 8) {
      dequantizeForward(weights + n * K, K, scales + n * 4, scratch);
      const start = residual ? residual + first + n * 4 : ZEROS;
      multiplyPanel(rows, K, x + m * K * 4, K * 4, scratch, 32, start, residual ? stride : 0, bias + n * 4, y + first + n * 4, stride, 8);
    }
  }
}

/** dx = dy · W + residual. Shapes: dy [M, N], W [N, K] int8 in blocks, scales [N], dx and residual [M, K]. */
export function linearBackward(M: i32, N: i32, K: i32, dy: usize, weights: usize, scales: usize, residual: usize, dx: usize, scratch: usize): void {
  const stride: usize = K * 4;
  const block = blockRows(N);
  for (let m = 0; m < M; m += block) {
    const rows = min(block, M - m);
    const first = m * stride;
    for (let k = 0; k < K; k += 8) {
      dequantizeBackward(weights, N, K, k, scales, scratch);
      const start = residual ? residual + first + k * 4 : ZEROS;
      multiplyPanel(rows, N, dy + m * N * 4, N * 4, scratch, 32, start, residual ? stride : 0, ZEROS, dx + first + k * 4, stride, 8);
    }
  }
}
