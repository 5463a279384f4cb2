// The two products of a head over cached features. Both builds give the same bits as plain loops do: nothing here is fused, and integers are exact.

/** a + b · c with two roundings, also where the rest of the relaxed build has one. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function addProduct(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(a, f32x4.mul(b, c));
}

/**
 * y = x wᵀ + biasInput · (last weight), each a float32 sum over the inputs in their order.
 * Shapes: x [M, K]; w in panels of eight classes, [panels][K + 1][8], K at least 1; y [M, 8 panels]. Rows past the last repeat it.
 * Not the tile of `tile.ts`, which fuses multiplying and adding where the CPU can.
 */
export function headLogits(M: i32, K: i32, panels: i32, x: usize, w: usize, biasInput: f32, y: usize): void {
  const xStride: usize = K * 4;
  const yStride: usize = panels * 32;
  for (let row = 0; row < M; row += 6) {
    const left = M - row;
    let x0 = x + row * xStride;
    let x1 = left > 1 ? x0 + xStride : x0;
    let x2 = left > 2 ? x1 + xStride : x1;
    let x3 = left > 3 ? x2 + xStride : x2;
    let x4 = left > 4 ? x3 + xStride : x3;
    let x5 = left > 5 ? x4 + xStride : x4;
    const end = x0 + xStride;
    let weights = w;
    for (let panel = 0; panel < panels; panel++) {
      let low0 = f32x4.splat(0);
      let high0 = f32x4.splat(0);
      let low1 = f32x4.splat(0);
      let high1 = f32x4.splat(0);
      let low2 = f32x4.splat(0);
      let high2 = f32x4.splat(0);
      let low3 = f32x4.splat(0);
      let high3 = f32x4.splat(0);
      let low4 = f32x4.splat(0);
      let high4 = f32x4.splat(0);
      let low5 = f32x4.splat(0);
      let high5 = f32x4.splat(0);
      do {
        const low = v128.load(weights);
        const high = v128.load(weights, 16);
        weights += 32;
        let value = v128.load32_splat(x0);
        low0 = addProduct(low0, value, low);
        high0 = addProduct(high0, value, high);
        x0 += 4;
        value = v128.load32_splat(x1);
        low1 = addProduct(low1, value, low);
        high1 = addProduct(high1, value, high);
        x1 += 4;
        value = v128.load32_splat(x2);
        low2 = addProduct(low2, value, low);
        high2 = addProduct(high2, value, high);
        x2 += 4;
        value = v128.load32_splat(x3);
        low3 = addProduct(low3, value, low);
        high3 = addProduct(high3, value, high);
        x3 += 4;
        value = v128.load32_splat(x4);
        low4 = addProduct(low4, value, low);
        high4 = addProduct(high4, value, high);
        x4 += 4;
        value = v128.load32_splat(x5);
        low5 = addProduct(low5, value, low);
        high5 = addProduct(high5, value, high);
        x5 += 4;
      } while (x0 < end);
      x0 -= xStride;
      x1 -= xStride;
      x2 -= xStride;
      x3 -= xStride;
      x4 -= xStride;
      x5 -= xStride;
      const bias = f32x4.splat(biasInput);
      const biasLow = f32x4.mul(bias, v128.load(weights));
      const biasHigh = f32x4.mul(bias, v128.load(weights, 16));
      weights += 32;
      let out = y + row * yStride + panel * 32;
      storeSums(out, low0, high0, biasLow, biasHigh);
      if (left > 1) storeSums((out += yStride), low1, high1, biasLow, biasHigh);
      if (left > 2) storeSums((out += yStride), low2, high2, biasLow, biasHigh);
      if (left > 3) storeSums((out += yStride), low3, high3, biasLow, biasHigh);
      if (left > 4) storeSums((out += yStride), low4, high4, biasLow, biasHigh);
      if (left > 5) storeSums((out += yStride), low5, high5, biasLow, biasHigh);
    }
  }
}

// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function storeSums(out: usize, low: v128, high: v128, biasLow: v128, biasHigh: v128): void {
  v128.store(out, f32x4.add(low, biasLow));
  v128.store(out, f32x4.add(high, biasHigh), 16);
}

/** Eight float32 integers of 16 bits as such. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function eightNarrow(x: usize): v128 {
  return i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(v128.load(x)), i32x4.trunc_sat_f32x4_s(v128.load(x, 16)));
}

/**
 * Rows 2k and 2k + 1 of x woven value by value, as a dot product of pairs wants them. Shapes: x [2 pairs, 8 panels] float32 integers of 16 bits,
 * target int16 [panels][pairs][8][2].
 */
export function weavePairs(pairs: i32, panels: i32, x: usize, target: usize): void {
  const stride: usize = panels * 32;
  for (let panel = 0; panel < panels; panel++) {
    let even = x + panel * 32;
    for (let k = 0; k < pairs; k++) {
      const first = eightNarrow(even);
      const second = eightNarrow(even + stride);
      v128.store(target, v128.shuffle<i16>(first, second, 0, 8, 1, 9, 2, 10, 3, 11));
      v128.store(target, v128.shuffle<i16>(first, second, 4, 12, 5, 13, 6, 14, 7, 15), 16);
      target += 32;
      even += 2 * stride;
    }
  }
}

/**
 * sum += rᵀ x in integers of 32 bits. Shapes: x int16 [panels][pairs][8][2] of `weavePairs`, r int16 [pairs][6 tiles][2], sum int32 [6 tiles, 8 panels];
 * pairs at least 1. Six classes by eight inputs: twelve accumulators in registers.
 */
export function addPairs(pairs: i32, panels: i32, tiles: i32, x: usize, r: usize, sum: usize): void {
  const rStride: usize = tiles * 24;
  const sumStride: usize = panels * 32;
  const panelBytes: usize = pairs * 32;
  for (let panel = 0; panel < panels; panel++) {
    const end = x + panelBytes;
    for (let tile = 0; tile < tiles; tile++) {
      const s0 = sum + panel * 32 + tile * 6 * sumStride;
      const s1 = s0 + sumStride;
      const s2 = s1 + sumStride;
      const s3 = s2 + sumStride;
      const s4 = s3 + sumStride;
      const s5 = s4 + sumStride;
      let low0 = v128.load(s0);
      let high0 = v128.load(s0, 16);
      let low1 = v128.load(s1);
      let high1 = v128.load(s1, 16);
      let low2 = v128.load(s2);
      let high2 = v128.load(s2, 16);
      let low3 = v128.load(s3);
      let high3 = v128.load(s3, 16);
      let low4 = v128.load(s4);
      let high4 = v128.load(s4, 16);
      let low5 = v128.load(s5);
      let high5 = v128.load(s5, 16);
      let residuals = r + tile * 24;
      for (let at = x; at < end; at += 32) {
        const low = v128.load(at);
        const high = v128.load(at, 16);
        let pair = v128.load32_splat(residuals);
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(pair, low));
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(pair, high));
        pair = v128.load32_splat(residuals, 4);
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(pair, low));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(pair, high));
        pair = v128.load32_splat(residuals, 8);
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(pair, low));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(pair, high));
        pair = v128.load32_splat(residuals, 12);
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(pair, low));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(pair, high));
        pair = v128.load32_splat(residuals, 16);
        low4 = i32x4.add(low4, i32x4.dot_i16x8_s(pair, low));
        high4 = i32x4.add(high4, i32x4.dot_i16x8_s(pair, high));
        pair = v128.load32_splat(residuals, 20);
        low5 = i32x4.add(low5, i32x4.dot_i16x8_s(pair, low));
        high5 = i32x4.add(high5, i32x4.dot_i16x8_s(pair, high));
        residuals += rStride;
      }
      v128.store(s0, low0);
      v128.store(s0, high0, 16);
      v128.store(s1, low1);
      v128.store(s1, high1, 16);
      v128.store(s2, low2);
      v128.store(s2, high2, 16);
      v128.store(s3, low3);
      v128.store(s3, high3, 16);
      v128.store(s4, low4);
      v128.store(s4, high4, 16);
      v128.store(s5, low5);
      v128.store(s5, high5, 16);
    }
    x = end;
  }
}
