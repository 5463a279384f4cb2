// What is done to each row of D floats by itself. D is a multiple of 4.
import { laneSum, multiplyAdd } from './vector';

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

/** Four int8 values as floats. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function fourFloats(bytes: usize): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(bytes))));
}

/**
 * y = word[id] + position[0, 1, ...] + tokenType for the M tokens of one row. Shapes: ids [M], tables int8 [., D] with
 * one scale per row, y [M, D]; `tokenType` and its scale are one row.
 */
export function embed(
  M: i32, D: i32, ids: usize, words: usize, wordScales: usize, positions: usize, positionScales: usize,
  tokenType: usize, tokenTypeScale: usize, y: usize,
): void {
  const typeScale = v128.load32_splat(tokenTypeScale);
  for (let m = 0; m < M; m++) {
    const id: usize = load<u32>(ids + m * 4);
    const word = words + id * D;
    const position = positions + m * D;
    const wordScale = v128.load32_splat(wordScales + id * 4);
    const positionScale = v128.load32_splat(positionScales + m * 4);
    for (let k = 0; k < D; k += 4) {
      const sum = f32x4.add(f32x4.mul(fourFloats(word + k), wordScale), f32x4.mul(fourFloats(position + k), positionScale));
      v128.store(y, f32x4.add(sum, f32x4.mul(fourFloats(tokenType + k), typeScale)));
      y += 16;
    }
  }
}

/** y = mean of M rows. Shapes: x [M, D], y [D]. */
export function meanRows(M: i32, D: i32, x: usize, y: usize): void {
  const scale = f32x4.splat(1 / <f32>M);
  const bytes: usize = D * 4;
  for (let k: usize = 0; k < bytes; k += 16) {
    let sum = f32x4.splat(0);
    let row = x + k;
    for (let m = 0; m < M; m++) {
      sum = f32x4.add(sum, v128.load(row));
      row += bytes;
    }
    v128.store(y + k, f32x4.mul(sum, scale));
  }
}

/** y[k] = factor · x[k]. Shapes: x and y [D]. */
export function scaleRow(D: i32, factor: f32, x: usize, y: usize): void {
  const scale = f32x4.splat(factor);
  const end = x + D * 4;
  for (; x < end; x += 16) {
    v128.store(y, f32x4.mul(v128.load(x), scale));
    y += 16;
  }
}
