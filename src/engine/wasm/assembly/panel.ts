// Panels: eight columns of a right-hand matrix laid out [depth, 8], as the inner loops read them.

/** Eight adjacent columns of B [depth, ...], times `scale`. */
export function packColumns(source: usize, stride: usize, depth: i32, scale: f32, panel: usize): void {
  const factor = f32x4.splat(scale);
  for (let k = 0; k < depth; k++) {
    v128.store(panel, f32x4.mul(v128.load(source), factor));
    v128.store(panel, f32x4.mul(v128.load(source, 16), factor), 16);
    source += stride;
    panel += 32;
  }
}

/** Four rows of `depth` floats, transposed into one half of a panel. */
function packFourRows(row0: usize, row1: usize, row2: usize, row3: usize, depth: i32, scale: f32, panel: usize): void {
  const factor = f32x4.splat(scale);
  let k = 0;
  for (; k + 4 <= depth; k += 4) {
    const a = f32x4.mul(v128.load(row0), factor);
    const b = f32x4.mul(v128.load(row1), factor);
    const c = f32x4.mul(v128.load(row2), factor);
    const d = f32x4.mul(v128.load(row3), factor);
    const abLow = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
    const cdLow = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
    const abHigh = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
    const cdHigh = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
    v128.store(panel, v128.shuffle<i64>(abLow, cdLow, 0, 2));
    v128.store(panel, v128.shuffle<i64>(abLow, cdLow, 1, 3), 32);
    v128.store(panel, v128.shuffle<i64>(abHigh, cdHigh, 0, 2), 64);
    v128.store(panel, v128.shuffle<i64>(abHigh, cdHigh, 1, 3), 96);
    row0 += 16;
    row1 += 16;
    row2 += 16;
    row3 += 16;
    panel += 128;
  }
  for (; k < depth; k++) {
    store<f32>(panel, load<f32>(row0) * scale);
    store<f32>(panel, load<f32>(row1) * scale, 4);
    store<f32>(panel, load<f32>(row2) * scale, 8);
    store<f32>(panel, load<f32>(row3) * scale, 12);
    row0 += 4;
    row1 += 4;
    row2 += 4;
    row3 += 4;
    panel += 32;
  }
}

/** Eight rows of B [rows, depth] transposed, times `scale`. Rows past the last repeat it: finite wherever B is. */
export function packRows(source: usize, stride: usize, rows: i32, depth: i32, scale: f32, panel: usize): void {
  const last = rows - 1;
  packFourRows(source, source + min(1, last) * stride, source + min(2, last) * stride, source + min(3, last) * stride, depth, scale, panel);
  packFourRows(source + min(4, last) * stride, source + min(5, last) * stride, source + min(6, last) * stride, source + min(7, last) * stride, depth, scale, panel + 16);
}
