import type { Linear, QuantizedMatrix } from '../../model/weights.ts';
import type { FloatArray } from '../../reference/float-array.ts';

/** y = x · Wᵀ + b (+ residual). Shapes: x [T, K], W [N, K], y and residual [T, N]. */
export function linear(x: FloatArray, { weight, bias }: Linear, y: FloatArray, residual?: FloatArray): void {
  const { rows: N, columns: K, values, scales } = weight;
  const tokens = y.length / N;
  for (let t = 0; t < tokens; t++) {
    for (let n = 0; n < N; n++) {
      let dot = 0;
      for (let k = 0; k < K; k++) dot += x[t * K + k]! * values[n * K + k]!;
      y[t * N + n] = dot * scales[n]! + bias[n]! + (residual ? residual[t * N + n]! : 0);
    }
  }
}

/** dx = dy · W (+ residual). Shapes: dy [T, N], W [N, K], dx and residual [T, K]. */
export function linearBackward(dy: FloatArray, { rows: N, columns: K, values, scales }: QuantizedMatrix, dx: FloatArray, residual?: FloatArray): void {
  const tokens = dx.length / K;
  const sum = new Float64Array(K);
  for (let t = 0; t < tokens; t++) {
    for (let k = 0; k < K; k++) sum[k] = residual ? residual[t * K + k]! : 0;
    for (let n = 0; n < N; n++) {
      const factor = dy[t * N + n]! * scales[n]!;
      for (let k = 0; k < K; k++) sum[k]! += factor * values[n * K + k]!;
    }
    dx.set(sum, t * K);
  }
}
