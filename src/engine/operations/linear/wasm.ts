// Products with frozen int8 weights, dequantised panel by panel.
import { multiplyIntegerPanel, quantizeRows, widenForward } from '../../wasm/assembly/integer-tile';
import { dequantizeBackward, dequantizeForward } from '../../wasm/assembly/quantized-panel';
import { multiplyPanel } from '../../wasm/assembly/tile';
import { ZEROS } from '../../wasm/assembly/vector';

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

/** Bytes of scratch that `linearForwardIntegers` takes at inputs [., K]: a panel of weights, a block of rows, their scales. */
export function integerScratchBytes(K: i32): i32 {
  return K * 16 + blockRows(K) * (K * 2 + 4);
}

/**
 * `linearForward` with each row of x rounded to integers: as many bits, 16 at most, as 32-bit sums of K products with int8 leave (14.4 at K = 1536).
 * A row's result depends on no other row. K a multiple of 8.
 */
export function linearForwardIntegers(M: i32, N: i32, K: i32, x: usize, weights: usize, scales: usize, bias: usize, residual: usize, y: usize, scratch: usize): void {
  const stride: usize = N * 4;
  const block = blockRows(K);
  const limit = <f32>min(32767, i32.MAX_VALUE / (128 * K));
  const q = scratch + K * 16;
  const rowScales = q + block * K * 2;
  for (let m = 0; m < M; m += block) {
    const rows = min(block, M - m);
    const first = m * stride;
    quantizeRows(rows, K, limit, x + m * K * 4, q, rowScales);
    for (let n = 0; n < N; n += 8) {
      widenForward(weights + n * K, K, scratch);
      const start = residual ? residual + first + n * 4 : ZEROS;
      multiplyIntegerPanel(rows, K, q, scratch, rowScales, scales + n * 4, start, residual ? stride : 0, bias + n * 4, y + first + n * 4, stride);
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
