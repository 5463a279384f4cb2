import type { FloatArray } from '../../reference/float-array.ts';

/** Weight and bias [D], of a frozen norm or of one that trains. */
interface NormVectors {
  readonly weight: FloatArray;
  readonly bias: FloatArray;
}

/** Mean and 1 / sqrt(variance + epsilon) of `x[start .. start + width)`; the variance is the biased one. */
export function moments(x: FloatArray, start: number, width: number, epsilon: number): { mean: number; inverse: number } {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += x[start + d]!;
  const mean = sum / width;
  let squares = 0;
  for (let d = 0; d < width; d++) squares += (x[start + d]! - mean) ** 2;
  return { mean, inverse: 1 / Math.sqrt(squares / width + epsilon) };
}

/** y = (x - mean) / sqrt(variance + epsilon) * weight + bias for each row of D (Ba et al., arXiv 1607.06450). Shapes: x, y [T, D]. */
export function layerNorm(x: FloatArray, { weight, bias }: NormVectors, epsilon: number, y: FloatArray): void {
  const width = weight.length;
  for (let start = 0; start < y.length; start += width) {
    const { mean, inverse } = moments(x, start, width, epsilon);
    for (let d = 0; d < width; d++) y[start + d] = (x[start + d]! - mean) * inverse * weight[d]! + bias[d]!;
  }
}

/**
 * With n = (x - mean) * inverse and g = dy * weight: dx = (g - mean(g) - n * mean(g * n)) * inverse.
 * Shapes: dy, x, dx [T, D].
 */
export function layerNormBackward(dy: FloatArray, x: FloatArray, { weight }: NormVectors, epsilon: number, dx: FloatArray): void {
  const width = weight.length;
  for (let start = 0; start < dx.length; start += width) {
    const { mean, inverse } = moments(x, start, width, epsilon);
    let sumG = 0;
    let sumGN = 0;
    for (let d = 0; d < width; d++) {
      const g = dy[start + d]! * weight[d]!;
      sumG += g;
      sumGN += g * (x[start + d]! - mean) * inverse;
    }
    for (let d = 0; d < width; d++) {
      const normed = (x[start + d]! - mean) * inverse;
      dx[start + d] = (dy[start + d]! * weight[d]! - sumG / width - (normed * sumGN) / width) * inverse;
    }
  }
}
