import type { FloatArray } from '../../reference/float-array.ts';

/** Mean over each row's tokens. Shapes: x [T, D], pooled [B, D]. */
export function meanPool(x: FloatArray, offsets: Int32Array, width: number, pooled: FloatArray): void {
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let d = 0; d < width; d++) {
      let sum = 0;
      for (let t = offsets[b]!; t < offsets[b + 1]!; t++) sum += x[t * width + d]!;
      pooled[b * width + d] = sum / (offsets[b + 1]! - offsets[b]!);
    }
  }
}

/** Each token of row b gets dPooled[b] / (tokens of b). Shapes: dPooled [B, D], dx [T, D]. */
export function meanPoolBackward(dPooled: FloatArray, offsets: Int32Array, width: number, dx: FloatArray): void {
  for (let b = 0; b + 1 < offsets.length; b++) {
    const length = offsets[b + 1]! - offsets[b]!;
    for (let t = offsets[b]!; t < offsets[b + 1]!; t++) {
      for (let d = 0; d < width; d++) dx[t * width + d] = dPooled[b * width + d]! / length;
    }
  }
}
