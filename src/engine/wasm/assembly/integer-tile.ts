// Rows as 16-bit integers times int8 weights, added in 32 bits. Nothing is fused, so both builds give the same bits.
import { constant, laneMaximum } from './vector';

/** 1.5 * 2^23: adding it rounds to a whole number and leaves that number in the low mantissa bits. */
const ROUNDER: usize = memory.data<f32>([12582912]);

/**
 * Each row times limit / (its largest magnitude), rounded; `scales` take the inverse factors. A row that holds something not finite gets a scale that is not.
 * Shapes: x [rows, K] float32, q [rows, K] int16, scales [rows]; K a multiple of 8.
 */
export function quantizeRows(rows: i32, K: i32, limit: f32, x: usize, q: usize, scales: usize): void {
  const rounder = constant(ROUNDER);
  for (let row = 0; row < rows; row++) {
    const end = x + K * 4;
    let largest = f32x4.splat(0);
    // `max` and not the faster `pmax`, which would lose a NaN.
    for (let at = x; at < end; at += 16) largest = f32x4.max(largest, f32x4.abs(v128.load(at)));
    const magnitude = laneMaximum(largest);
    store<f32>(scales, magnitude / limit);
    const factor = f32x4.splat(magnitude > 0 ? limit / magnitude : 0);
    for (; x < end; x += 32) {
      const low = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), factor), rounder), rounder);
      const high = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x, 16), factor), rounder), rounder);
      v128.store(q, i16x8.narrow_i32x4_s(low, high));
      q += 16;
    }
    scales += 4;
  }
}

/** Rows n .. n + 7 of W [N, K] as int16 pairs, [K / 2][8 n][2]. `block` points at their block of `packWeights`. */
export function widenForward(block: usize, K: i32, panel: usize): void {
  for (let k = 0; k < K; k += 4) {
    const left = v128.load(block);
    const right = v128.load(block, 16);
    const low = v128.shuffle<i8>(left, left, 0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    const high = v128.shuffle<i8>(right, right, 0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    v128.store(panel, i16x8.extend_low_i8x16_s(low));
    v128.store(panel, i16x8.extend_low_i8x16_s(high), 16);
    v128.store(panel, i16x8.extend_high_i8x16_s(low), 32);
    v128.store(panel, i16x8.extend_high_i8x16_s(high), 48);
    block += 32;
    panel += 64;
  }
}

// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function storeRow(c: usize, start: usize, low: v128, high: v128, rowScale: usize, scales: usize, bias: usize): void {
  const factor = v128.load32_splat(rowScale);
  const lowSum = f32x4.mul(f32x4.convert_i32x4_s(low), f32x4.mul(factor, v128.load(scales)));
  const highSum = f32x4.mul(f32x4.convert_i32x4_s(high), f32x4.mul(factor, v128.load(scales, 16)));
  v128.store(c, f32x4.add(f32x4.add(v128.load(start), v128.load(bias)), lowSum));
  v128.store(c, f32x4.add(f32x4.add(v128.load(start, 16), v128.load(bias, 16)), highSum), 16);
}

/**
 * C = start + bias + rowScales · scales · (Q · panel) over eight columns.
 * Shapes: q [rows, K] int16, panel [K / 2][8][2] int16, rowScales [rows], scales and bias [8], start and C [rows, 8]; `start` may be C, or zeros with stride 0.
 */
export function multiplyIntegerPanel(
  rows: i32, K: i32, q: usize, panel: usize, rowScales: usize, scales: usize,
  start: usize, startStride: usize, bias: usize, c: usize, cStride: usize,
): void {
  const stride: usize = K * 2;
  for (let row = 0; row < rows; row += 6) {
    const left = rows - row;
    let q0 = q + row * stride;
    let q1 = left > 1 ? q0 + stride : q0;
    let q2 = left > 2 ? q1 + stride : q1;
    let q3 = left > 3 ? q2 + stride : q2;
    let q4 = left > 4 ? q3 + stride : q3;
    let q5 = left > 5 ? q4 + stride : q4;
    let low0 = i32x4.splat(0);
    let high0 = i32x4.splat(0);
    let low1 = i32x4.splat(0);
    let high1 = i32x4.splat(0);
    let low2 = i32x4.splat(0);
    let high2 = i32x4.splat(0);
    let low3 = i32x4.splat(0);
    let high3 = i32x4.splat(0);
    let low4 = i32x4.splat(0);
    let high4 = i32x4.splat(0);
    let low5 = i32x4.splat(0);
    let high5 = i32x4.splat(0);
    let weights = panel;
    const end = q0 + stride;
    do {
      const low = v128.load(weights);
      const high = v128.load(weights, 16);
      weights += 32;
      let pair = v128.load32_splat(q0);
      low0 = i32x4.add(low0, i32x4.dot_i16x8_s(pair, low));
      high0 = i32x4.add(high0, i32x4.dot_i16x8_s(pair, high));
      q0 += 4;
      pair = v128.load32_splat(q1);
      low1 = i32x4.add(low1, i32x4.dot_i16x8_s(pair, low));
      high1 = i32x4.add(high1, i32x4.dot_i16x8_s(pair, high));
      q1 += 4;
      pair = v128.load32_splat(q2);
      low2 = i32x4.add(low2, i32x4.dot_i16x8_s(pair, low));
      high2 = i32x4.add(high2, i32x4.dot_i16x8_s(pair, high));
      q2 += 4;
      pair = v128.load32_splat(q3);
      low3 = i32x4.add(low3, i32x4.dot_i16x8_s(pair, low));
      high3 = i32x4.add(high3, i32x4.dot_i16x8_s(pair, high));
      q3 += 4;
      pair = v128.load32_splat(q4);
      low4 = i32x4.add(low4, i32x4.dot_i16x8_s(pair, low));
      high4 = i32x4.add(high4, i32x4.dot_i16x8_s(pair, high));
      q4 += 4;
      pair = v128.load32_splat(q5);
      low5 = i32x4.add(low5, i32x4.dot_i16x8_s(pair, low));
      high5 = i32x4.add(high5, i32x4.dot_i16x8_s(pair, high));
      q5 += 4;
    } while (q0 < end);
    let out = c + row * cStride;
    let from = start + row * startStride;
    let scale = rowScales + row * 4;
    storeRow(out, from, low0, high0, scale, scales, bias);
    if (left > 1) storeRow((out += cStride), (from += startStride), low1, high1, (scale += 4), scales, bias);
    if (left > 2) storeRow((out += cStride), (from += startStride), low2, high2, (scale += 4), scales, bias);
    if (left > 3) storeRow((out += cStride), (from += startStride), low3, high3, (scale += 4), scales, bias);
    if (left > 4) storeRow((out += cStride), (from += startStride), low4, high4, (scale += 4), scales, bias);
    if (left > 5) storeRow((out += cStride), (from += startStride), low5, high5, (scale += 4), scales, bias);
  }
}
