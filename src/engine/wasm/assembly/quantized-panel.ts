// Int8 weights W [N, K] in one layout for y = x · Wᵀ and for dx = dy · W: blocks [N/8][K/4][8 n][4 k].
// A 16-byte load is 4 n by 4 k either way round, so neither direction needs a transposed copy.

/** Lays W [rows, columns] row-major out in blocks. */
export function packWeights(rows: i32, columns: i32, source: usize, target: usize): void {
  for (let block = 0; block < rows; block += 8) {
    const first = source + block * columns;
    for (let k = 0; k < columns; k += 4) {
      for (let n = 0; n < 8; n++) store<u32>(target + n * 4, load<u32>(first + n * columns + k));
      target += 32;
    }
  }
}

// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function transposeBytes(x: v128): v128 {
  return v128.shuffle<i8>(x, x, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

/** Bytes 4 * quarter to 4 * quarter + 3 as four floats. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function quarterToFloats(bytes: v128, quarter: i32): v128 {
  const half = quarter < 2 ? i16x8.extend_low_i8x16_s(bytes) : i16x8.extend_high_i8x16_s(bytes);
  return f32x4.convert_i32x4_s((quarter & 1) == 0 ? i32x4.extend_low_i16x8_s(half) : i32x4.extend_high_i16x8_s(half));
}

/** Rows n .. n + 7 of W as a panel [K, 8] of floats, for y = x · Wᵀ. `block` points at their block, `scales` at theirs. */
export function dequantizeForward(block: usize, columns: i32, scales: usize, panel: usize): void {
  const lowScales = v128.load(scales);
  const highScales = v128.load(scales, 16);
  for (let k = 0; k < columns; k += 4) {
    const low = transposeBytes(v128.load(block));
    const high = transposeBytes(v128.load(block, 16));
    block += 32;
    v128.store(panel, f32x4.mul(quarterToFloats(low, 0), lowScales));
    v128.store(panel, f32x4.mul(quarterToFloats(high, 0), highScales), 16);
    v128.store(panel, f32x4.mul(quarterToFloats(low, 1), lowScales), 32);
    v128.store(panel, f32x4.mul(quarterToFloats(high, 1), highScales), 48);
    v128.store(panel, f32x4.mul(quarterToFloats(low, 2), lowScales), 64);
    v128.store(panel, f32x4.mul(quarterToFloats(high, 2), highScales), 80);
    v128.store(panel, f32x4.mul(quarterToFloats(low, 3), lowScales), 96);
    v128.store(panel, f32x4.mul(quarterToFloats(high, 3), highScales), 112);
    panel += 128;
  }
}

/** Four rows of W, eight columns of each, as four rows of a panel. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function dequantizeFourRows(left: v128, right: v128, scales: usize, panel: usize): void {
  let scale = v128.load32_splat(scales);
  v128.store(panel, f32x4.mul(quarterToFloats(left, 0), scale));
  v128.store(panel, f32x4.mul(quarterToFloats(right, 0), scale), 16);
  scale = v128.load32_splat(scales, 4);
  v128.store(panel, f32x4.mul(quarterToFloats(left, 1), scale), 32);
  v128.store(panel, f32x4.mul(quarterToFloats(right, 1), scale), 48);
  scale = v128.load32_splat(scales, 8);
  v128.store(panel, f32x4.mul(quarterToFloats(left, 2), scale), 64);
  v128.store(panel, f32x4.mul(quarterToFloats(right, 2), scale), 80);
  scale = v128.load32_splat(scales, 12);
  v128.store(panel, f32x4.mul(quarterToFloats(left, 3), scale), 96);
  v128.store(panel, f32x4.mul(quarterToFloats(right, 3), scale), 112);
}

/** Columns column .. column + 7 of W as a panel [N, 8] of floats, for dx = dy · W. */
export function dequantizeBackward(weights: usize, rows: i32, columns: i32, column: i32, scales: usize, panel: usize): void {
  let block = weights + column * 8;
  for (let n = 0; n < rows; n += 8) {
    dequantizeFourRows(v128.load(block), v128.load(block, 32), scales, panel);
    dequantizeFourRows(v128.load(block, 16), v128.load(block, 48), scales + 16, panel + 128);
    block += columns * 8;
    scales += 32;
    panel += 256;
  }
}
