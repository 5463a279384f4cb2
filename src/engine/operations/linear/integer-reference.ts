import type { Linear } from '../../model/weights.ts';

const { fround } = Math;
/** Adding it rounds to a whole number, ties to even, as the kernel does. */
const rounder = 1.5 * 2 ** 23;

/** The largest integer that inputs are rounded to: 16 bits, or as many as sums of K products with int8 leave below 2^31. */
export function integerLimit(K: number): number {
  return Math.min(32_767, Math.floor((2 ** 31 - 1) / (128 * K)));
}

/**
 * y = x · Wᵀ + b (+ residual) with each row of x rounded to whole multiples of its largest magnitude over `integerLimit`; every step in float32, the sum in integers.
 * Shapes: x [T, K], W [N, K], y and residual [T, N].
 */
export function integerLinear(x: Float32Array, { weight, bias }: Linear, y: Float32Array, residual?: Float32Array): void {
  const { rows: N, columns: K, values, scales } = weight;
  const limit = integerLimit(K);
  const q = new Float64Array(K);
  for (let t = 0; t < y.length / N; t++) {
    const row = x.subarray(t * K, (t + 1) * K);
    const largest = row.reduce((found, value) => (Number.isNaN(value) ? NaN : Math.max(found, Math.abs(value))), 0);
    const factor = largest > 0 ? fround(limit / largest) : 0;
    const scale = fround(largest / limit);
    for (let k = 0; k < K; k++) q[k] = fround(fround(row[k]! * factor) + rounder) - rounder;
    for (let n = 0; n < N; n++) {
      let dot = 0;
      for (let k = 0; k < K; k++) dot += q[k]! * values[n * K + k]!;
      const start = fround((residual ? residual[t * N + n]! : 0) + bias[n]!);
      y[t * N + n] = fround(start + fround(fround(dot) * fround(scale * scales[n]!)));
    }
  }
}
