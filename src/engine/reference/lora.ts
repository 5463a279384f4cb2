import type { LoraPair } from '../operations/operations.ts';
import type { FloatArray } from './float-array.ts';

/**
 * u = x Aᵀ; qkv[block] += scaling * u Bᵀ, in place (Hu et al., arXiv 2106.09685, section 4.1).
 * Shapes: x [T, D], A [R, D], B [D, R], u [T, R], qkv [T, 3D].
 */
export function addLora(x: FloatArray, theta: FloatArray, { block, offsetA, offsetB, rank, scaling }: LoraPair, qkv: FloatArray, width: number, u: FloatArray): void {
  for (let t = 0; t < u.length / rank; t++) {
    for (let r = 0; r < rank; r++) {
      let dot = 0;
      for (let d = 0; d < width; d++) dot += x[t * width + d]! * theta[offsetA + r * width + d]!;
      u[t * rank + r] = dot;
    }
    for (let d = 0; d < width; d++) {
      let dot = 0;
      for (let r = 0; r < rank; r++) dot += u[t * rank + r]! * theta[offsetB + d * rank + r]!;
      qkv[t * 3 * width + block * width + d]! += scaling * dot;
    }
  }
}

/**
 * For each row b, with dy the block of dqkv and v = scaling * dy B: dA = sum_t v_tᵀ x_t, dB = sum_t scaling * dy_tᵀ u_t,
 * written into gradients[b]; dx += v A where given.
 * Shapes: x, dx [T, D], u [T, R], dqkv [T, 3D], gradients [B, P].
 */
export function loraBackward(
  x: FloatArray, u: FloatArray, dqkv: FloatArray, theta: FloatArray, { block, offsetA, offsetB, rank, scaling }: LoraPair,
  gradients: FloatArray, parameters: number, offsets: Int32Array, width: number, dx?: FloatArray,
): void {
  const v = new Float64Array(rank);
  for (let b = 0; b + 1 < offsets.length; b++) {
    const dA = new Float64Array(rank * width);
    const dB = new Float64Array(width * rank);
    for (let t = offsets[b]!; t < offsets[b + 1]!; t++) {
      v.fill(0);
      for (let d = 0; d < width; d++) {
        const dy = scaling * dqkv[t * 3 * width + block * width + d]!;
        for (let r = 0; r < rank; r++) {
          v[r]! += dy * theta[offsetB + d * rank + r]!;
          dB[d * rank + r]! += dy * u[t * rank + r]!;
        }
      }
      for (let d = 0; d < width; d++) {
        let sum = 0;
        for (let r = 0; r < rank; r++) {
          dA[r * width + d]! += v[r]! * x[t * width + d]!;
          sum += v[r]! * theta[offsetA + r * width + d]!;
        }
        if (dx) dx[t * width + d]! += sum;
      }
    }
    gradients.set(dA, b * parameters + offsetA);
    gradients.set(dB, b * parameters + offsetB);
  }
}
