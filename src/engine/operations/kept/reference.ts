import { float16ToFloat32, float32ToFloat16 } from '../../model/float16.ts';
import type { FloatArray } from '../../reference/float-array.ts';

/** The largest binary16 number. */
export const largestHalf = 65504;

/** `x` rounded to binary16 numbers, ties to even, and to the largest of them at most. */
export function roundedToHalves(x: FloatArray): Float32Array {
  return float16ToFloat32(float32ToFloat16(Float32Array.from(x, (value) => Math.min(largestHalf, Math.max(-largestHalf, value)))));
}
