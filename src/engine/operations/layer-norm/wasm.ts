// Each row of D floats by itself. D is a multiple of 4.
import { laneSum, multiplyAdd } from '../../wasm/assembly/vector';

// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function mean(x: usize, bytes: usize, inverseWidth: f32): f32 {
  let sum = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) sum = f32x4.add(sum, v128.load(x + k));
  return laneSum(sum) * inverseWidth;
}

/** 1 / sqrt(variance + epsilon), by the squares of the differences from the mean. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function inverseDeviation(x: usize, bytes: usize, mean: v128, inverseWidth: f32, epsilon: f32): f32 {
  let squares = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) {
    const difference = f32x4.sub(v128.load(x + k), mean);
    squares = multiplyAdd(difference, difference, squares);
  }
  return 1 / sqrt<f32>(laneSum(squares) * inverseWidth + epsilon);
}

/** y = (x - mean) / sqrt(variance + epsilon) · weight + bias. Shapes: x and y [M, D]; y may be x. */
export function layerNorm(M: i32, D: i32, x: usize, weight: usize, bias: usize, epsilon: f32, y: usize): void {
  const bytes: usize = D * 4;
  const inverseWidth: f32 = 1 / <f32>D;
  for (let m = 0; m < M; m++) {
    const center = f32x4.splat(mean(x, bytes, inverseWidth));
    const scale = f32x4.splat(inverseDeviation(x, bytes, center, inverseWidth, epsilon));
    for (let k: usize = 0; k < bytes; k += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + k), center), scale);
      v128.store(y + k, multiplyAdd(normal, v128.load(weight + k), v128.load(bias + k)));
    }
    x += bytes;
    y += bytes;
  }
}

/**
 * dx = s (g - mean(g) - n mean(g n)) with n the normalised row, s its inverse deviation (both computed again from x)
 * and g = dy · weight. Shapes: dy, x and dx [M, D].
 */
export function layerNormBackward(M: i32, D: i32, dy: usize, x: usize, weight: usize, epsilon: f32, dx: usize): void {
  const bytes: usize = D * 4;
  const inverseWidth: f32 = 1 / <f32>D;
  for (let m = 0; m < M; m++) {
    const center = f32x4.splat(mean(x, bytes, inverseWidth));
    const scale = f32x4.splat(inverseDeviation(x, bytes, center, inverseWidth, epsilon));
    let sum = f32x4.splat(0);
    let product = f32x4.splat(0);
    for (let k: usize = 0; k < bytes; k += 16) {
      const g = f32x4.mul(v128.load(dy + k), v128.load(weight + k));
      sum = f32x4.add(sum, g);
      product = multiplyAdd(g, f32x4.mul(f32x4.sub(v128.load(x + k), center), scale), product);
    }
    const minusMean = f32x4.splat(-laneSum(sum) * inverseWidth);
    const minusProductMean = f32x4.splat(-laneSum(product) * inverseWidth);
    for (let k: usize = 0; k < bytes; k += 16) {
      const g = f32x4.mul(v128.load(dy + k), v128.load(weight + k));
      const normal = f32x4.mul(f32x4.sub(v128.load(x + k), center), scale);
      v128.store(dx + k, f32x4.mul(scale, multiplyAdd(normal, minusProductMean, f32x4.add(g, minusMean))));
    }
    dy += bytes;
    x += bytes;
    dx += bytes;
  }
}
