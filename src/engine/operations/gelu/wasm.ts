import { constant, exponential, HALF, MINUS_HALF, multiplyAdd, ONE } from '../../wasm/assembly/vector';

const SQRT_HALF: usize = memory.data<f32>([0.70710678]);
const INVERSE_SQRT_2PI: usize = memory.data<f32>([0.39894228]);
// Abramowitz and Stegun 7.1.26: erfc(z) = (a1 t + ... + a5 t^5) exp(-z²), t = 1 / (1 + p z); |error| < 1.5e-7.
const P: usize = memory.data<f32>([0.3275911]);
const A5: usize = memory.data<f32>([1.061405429]);
const A4: usize = memory.data<f32>([-1.453152027]);
const A3: usize = memory.data<f32>([1.421413741]);
const A2: usize = memory.data<f32>([-0.284496736]);
const A1: usize = memory.data<f32>([0.254829592]);

/** exp(-x²/2). */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function gaussian(x: v128): v128 {
  return exponential(f32x4.mul(f32x4.mul(x, x), constant(MINUS_HALF)));
}

/** 1 - Phi(|x|), given exp(-x²/2). */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function upperTail(x: v128, gaussianOfX: v128): v128 {
  const z = f32x4.abs(f32x4.mul(x, constant(SQRT_HALF)));
  const t = f32x4.div(constant(ONE), multiplyAdd(z, constant(P), constant(ONE)));
  let p = multiplyAdd(constant(A5), t, constant(A4));
  p = multiplyAdd(p, t, constant(A3));
  p = multiplyAdd(p, t, constant(A2));
  p = multiplyAdd(p, t, constant(A1));
  return f32x4.mul(f32x4.mul(f32x4.mul(p, t), gaussianOfX), constant(HALF));
}

/** y = x Phi(x) = max(x, 0) - |x| (1 - Phi(|x|)), exact form; absolute error 4e-7. Works on whole vectors of four. */
export function gelu(length: i32, x: usize, y: usize): void {
  const end = x + length * 4;
  for (; x < end; x += 16) {
    const v = v128.load(x);
    v128.store(y, f32x4.sub(f32x4.pmax(v, f32x4.splat(0)), f32x4.mul(f32x4.abs(v), upperTail(v, gaussian(v)))));
    y += 16;
  }
}

/** dx = dy (Phi(x) + x phi(x)). Works on whole vectors of four. */
export function geluBackward(length: i32, dy: usize, x: usize, dx: usize): void {
  const end = x + length * 4;
  for (; x < end; x += 16) {
    const v = v128.load(x);
    const e = gaussian(v);
    const isNegative = i32x4.shr_s(v, 31);
    // Phi(x) is the tail where x is negative and one minus the tail elsewhere.
    const signedTail = v128.xor(upperTail(v, e), v128.and(v128.not(v), i32x4.splat(0x80000000)));
    const cdf = f32x4.add(v128.andnot(constant(ONE), isNegative), signedTail);
    v128.store(dx, f32x4.mul(v128.load(dy), multiplyAdd(f32x4.mul(v, e), constant(INVERSE_SQRT_2PI), cdf)));
    dy += 16;
    dx += 16;
  }
}
