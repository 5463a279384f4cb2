// The mean over rows and its spreading back. D is a multiple of 4.

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
