// The two inner loops of every product: six rows by eight columns, twelve accumulators in registers.
// Twelve accumulators, two columns of B and one broadcast of A are fifteen live vectors; a sixteenth would spill.
import { multiplyAdd } from './vector';

/** Stores the first `columns` (1 to 7) of the eight values low, high. */
function storePart(c: usize, low: v128, high: v128, columns: i32): void {
  let rest = low;
  if (columns & 4) {
    v128.store(c, low);
    c += 16;
    rest = high;
  }
  if (columns & 2) {
    v128.store64_lane(c, rest, 0);
    c += 8;
    rest = v128.shuffle<i32>(rest, rest, 2, 3, 2, 3);
  }
  if (columns & 1) v128.store32_lane(c, rest, 0);
}

/**
 * C = start + bias + A · B over one panel of eight columns.
 * Shapes: A [rows, depth] row-major, B [depth, 8], start and C [rows, 8] of which `columns` are stored, bias [8].
 * `start` may be C itself, or one row of zeros with stride 0. Rows past the last repeat it, so that every row of every
 * tile is summed in the same order: a row's bits do not depend on its neighbours.
 */
export function multiplyPanel(
  rows: i32, depth: i32, a: usize, aStride: usize, b: usize, bStride: usize,
  start: usize, startStride: usize, bias: usize, c: usize, cStride: usize, columns: i32,
): void {
  for (let row = 0; row < rows; row += 6) {
    const left = rows - row;
    let a0 = a + row * aStride;
    let a1 = left > 1 ? a0 + aStride : a0;
    let a2 = left > 2 ? a1 + aStride : a1;
    let a3 = left > 3 ? a2 + aStride : a2;
    let a4 = left > 4 ? a3 + aStride : a3;
    let a5 = left > 5 ? a4 + aStride : a4;
    let s = start + row * startStride;
    const biasLow = v128.load(bias);
    const biasHigh = v128.load(bias, 16);
    let low0 = f32x4.add(v128.load(s), biasLow);
    let high0 = f32x4.add(v128.load(s, 16), biasHigh);
    if (left > 1) s += startStride;
    let low1 = f32x4.add(v128.load(s), biasLow);
    let high1 = f32x4.add(v128.load(s, 16), biasHigh);
    if (left > 2) s += startStride;
    let low2 = f32x4.add(v128.load(s), biasLow);
    let high2 = f32x4.add(v128.load(s, 16), biasHigh);
    if (left > 3) s += startStride;
    let low3 = f32x4.add(v128.load(s), biasLow);
    let high3 = f32x4.add(v128.load(s, 16), biasHigh);
    if (left > 4) s += startStride;
    let low4 = f32x4.add(v128.load(s), biasLow);
    let high4 = f32x4.add(v128.load(s, 16), biasHigh);
    if (left > 5) s += startStride;
    let low5 = f32x4.add(v128.load(s), biasLow);
    let high5 = f32x4.add(v128.load(s, 16), biasHigh);
    let bRow = b;
    const end = a0 + depth * 4;
    do {
      const low = v128.load(bRow);
      const high = v128.load(bRow, 16);
      bRow += bStride;
      let x = v128.load32_splat(a0);
      low0 = multiplyAdd(x, low, low0);
      high0 = multiplyAdd(x, high, high0);
      a0 += 4;
      x = v128.load32_splat(a1);
      low1 = multiplyAdd(x, low, low1);
      high1 = multiplyAdd(x, high, high1);
      a1 += 4;
      x = v128.load32_splat(a2);
      low2 = multiplyAdd(x, low, low2);
      high2 = multiplyAdd(x, high, high2);
      a2 += 4;
      x = v128.load32_splat(a3);
      low3 = multiplyAdd(x, low, low3);
      high3 = multiplyAdd(x, high, high3);
      a3 += 4;
      x = v128.load32_splat(a4);
      low4 = multiplyAdd(x, low, low4);
      high4 = multiplyAdd(x, high, high4);
      a4 += 4;
      x = v128.load32_splat(a5);
      low5 = multiplyAdd(x, low, low5);
      high5 = multiplyAdd(x, high, high5);
      a5 += 4;
    } while (a0 < end);
    let out = c + row * cStride;
    if (columns >= 8) {
      v128.store(out, low0);
      v128.store(out, high0, 16);
      if (left > 1) out += cStride;
      v128.store(out, low1);
      v128.store(out, high1, 16);
      if (left > 2) out += cStride;
      v128.store(out, low2);
      v128.store(out, high2, 16);
      if (left > 3) out += cStride;
      v128.store(out, low3);
      v128.store(out, high3, 16);
      if (left > 4) out += cStride;
      v128.store(out, low4);
      v128.store(out, high4, 16);
      if (left > 5) out += cStride;
      v128.store(out, low5);
      v128.store(out, high5, 16);
    } else {
      storePart(out, low0, high0, columns);
      if (left > 1) storePart(out + cStride, low1, high1, columns);
      if (left > 2) storePart(out + 2 * cStride, low2, high2, columns);
      if (left > 3) storePart(out + 3 * cStride, low3, high3, columns);
      if (left > 4) storePart(out + 4 * cStride, low4, high4, columns);
      if (left > 5) storePart(out + 5 * cStride, low5, high5, columns);
    }
  }
}

/**
 * C = start + Aᵀ · B over one panel of eight columns. Shapes: A [depth, rows] row-major, the rest as in multiplyPanel.
 * Reads up to five floats past the end of each row of A and drops what they give.
 */
export function multiplyPanelTransposed(
  rows: i32, depth: i32, a: usize, aStride: usize, b: usize, bStride: usize,
  start: usize, startStride: usize, c: usize, cStride: usize, columns: i32,
): void {
  for (let row = 0; row < rows; row += 6) {
    const left = rows - row;
    let aRow = a + row * 4;
    let s = start + row * startStride;
    let low0 = v128.load(s);
    let high0 = v128.load(s, 16);
    if (left > 1) s += startStride;
    let low1 = v128.load(s);
    let high1 = v128.load(s, 16);
    if (left > 2) s += startStride;
    let low2 = v128.load(s);
    let high2 = v128.load(s, 16);
    if (left > 3) s += startStride;
    let low3 = v128.load(s);
    let high3 = v128.load(s, 16);
    if (left > 4) s += startStride;
    let low4 = v128.load(s);
    let high4 = v128.load(s, 16);
    if (left > 5) s += startStride;
    let low5 = v128.load(s);
    let high5 = v128.load(s, 16);
    let bRow = b;
    let k = depth;
    do {
      const low = v128.load(bRow);
      const high = v128.load(bRow, 16);
      bRow += bStride;
      let x = v128.load32_splat(aRow);
      low0 = multiplyAdd(x, low, low0);
      high0 = multiplyAdd(x, high, high0);
      x = v128.load32_splat(aRow, 4);
      low1 = multiplyAdd(x, low, low1);
      high1 = multiplyAdd(x, high, high1);
      x = v128.load32_splat(aRow, 8);
      low2 = multiplyAdd(x, low, low2);
      high2 = multiplyAdd(x, high, high2);
      x = v128.load32_splat(aRow, 12);
      low3 = multiplyAdd(x, low, low3);
      high3 = multiplyAdd(x, high, high3);
      x = v128.load32_splat(aRow, 16);
      low4 = multiplyAdd(x, low, low4);
      high4 = multiplyAdd(x, high, high4);
      x = v128.load32_splat(aRow, 20);
      low5 = multiplyAdd(x, low, low5);
      high5 = multiplyAdd(x, high, high5);
      aRow += aStride;
    } while (--k);
    const out = c + row * cStride;
    if (columns >= 8) {
      v128.store(out, low0);
      v128.store(out, high0, 16);
      if (left > 1) {
        v128.store(out + cStride, low1);
        v128.store(out + cStride, high1, 16);
      }
      if (left > 2) {
        v128.store(out + 2 * cStride, low2);
        v128.store(out + 2 * cStride, high2, 16);
      }
      if (left > 3) {
        v128.store(out + 3 * cStride, low3);
        v128.store(out + 3 * cStride, high3, 16);
      }
      if (left > 4) {
        v128.store(out + 4 * cStride, low4);
        v128.store(out + 4 * cStride, high4, 16);
      }
      if (left > 5) {
        v128.store(out + 5 * cStride, low5);
        v128.store(out + 5 * cStride, high5, 16);
      }
    } else {
      storePart(out, low0, high0, columns);
      if (left > 1) storePart(out + cStride, low1, high1, columns);
      if (left > 2) storePart(out + 2 * cStride, low2, high2, columns);
      if (left > 3) storePart(out + 3 * cStride, low3, high3, columns);
      if (left > 4) storePart(out + 4 * cStride, low4, high4, columns);
      if (left > 5) storePart(out + 5 * cStride, low5, high5, columns);
    }
  }
}
