import { erfc } from '../../../ground/special.ts';
import type { FloatArray } from '../../reference/float-array.ts';

/** Phi(x) by erfc, which keeps its relative accuracy in the lower tail. */
function normalCdf(x: number): number {
  return 0.5 * erfc(-x * Math.SQRT1_2);
}

/** y = x Phi(x), the exact form of GELU (Hendrycks & Gimpel, arXiv 1606.08415). Shapes: [length]. */
export function gelu(x: FloatArray, y: FloatArray): void {
  for (let i = 0; i < y.length; i++) y[i] = x[i]! * normalCdf(x[i]!);
}

/** dx = dy * (Phi(x) + x phi(x)). Shapes: [length]. */
export function geluBackward(dy: FloatArray, x: FloatArray, dx: FloatArray): void {
  for (let i = 0; i < dx.length; i++) {
    const value = x[i]!;
    const density = Math.exp(-0.5 * value * value) / Math.sqrt(2 * Math.PI);
    dx[i] = dy[i]! * (normalCdf(value) + value * density);
  }
}
