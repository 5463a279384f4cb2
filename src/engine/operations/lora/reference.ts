import type { LoraPair } from './contract.ts';
import type { FloatArray } from '../../reference/float-array.ts';

/**
 * u = x Aᵀ; the pair's columns of y += scaling * u Bᵀ, in place (Hu et al., arXiv 2106.09685, section 4.1).
 * Shapes: x [T, K], A [R, K], B [N, R], u [T, R], y [T, outputStride].
 */
export function addLora(x: FloatArray, theta: FloatArray, pair: LoraPair, y: FloatArray, u: FloatArray): void {
  const { inputWidth: K, outputWidth: N, outputStride, outputColumn, offsetA, offsetB, rank, scaling } = pair;
  for (let t = 0; t < u.length / rank; t++) {
    for (let r = 0; r < rank; r++) {
      let dot = 0;
      for (let k = 0; k < K; k++) dot += x[t * K + k]! * theta[offsetA + r * K + k]!;
      u[t * rank + r] = dot;
    }
    for (let n = 0; n < N; n++) {
      let dot = 0;
      for (let r = 0; r < rank; r++) dot += u[t * rank + r]! * theta[offsetB + n * rank + r]!;
      y[t * outputStride + outputColumn + n]! += scaling * dot;
    }
  }
}

/**
 * For each row b, with dy the pair's columns and v = scaling * dy B: dA = sum_t v_tᵀ x_t, dB = sum_t scaling * dy_tᵀ u_t,
 * written into gradients[b]; dx += v A where given.
 * Shapes: x, dx [T, K], u [T, R], dy [T, outputStride], gradients [B, P].
 */
export function loraBackward(
  x: FloatArray, u: FloatArray, dy: FloatArray, theta: FloatArray, pair: LoraPair,
  gradients: FloatArray, parameters: number, offsets: Int32Array, dx?: FloatArray,
): void {
  const { inputWidth: K, outputWidth: N, outputStride, outputColumn, offsetA, offsetB, rank, scaling } = pair;
  const v = new Float64Array(rank);
  for (let b = 0; b + 1 < offsets.length; b++) {
    const dA = new Float64Array(rank * K);
    const dB = new Float64Array(N * rank);
    for (let t = offsets[b]!; t < offsets[b + 1]!; t++) {
      v.fill(0);
      for (let n = 0; n < N; n++) {
        const scaled = scaling * dy[t * outputStride + outputColumn + n]!;
        for (let r = 0; r < rank; r++) {
          v[r]! += scaled * theta[offsetB + n * rank + r]!;
          dB[n * rank + r]! += scaled * u[t * rank + r]!;
        }
      }
      for (let k = 0; k < K; k++) {
        let sum = 0;
        for (let r = 0; r < rank; r++) {
          dA[r * K + k]! += v[r]! * x[t * K + k]!;
          sum += v[r]! * theta[offsetA + r * K + k]!;
        }
        if (dx) dx[t * K + k]! += sum;
      }
    }
    gradients.set(dA, b * parameters + offsetA);
    gradients.set(dB, b * parameters + offsetB);
  }
}
