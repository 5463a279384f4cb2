// Arithmetic on four float32 lanes. All pointers and strides in this folder count bytes.

/** a * b + c: one rounding in the relaxed build where the CPU has it, two in the plain build everywhere. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Sum of the four lanes, in lane order. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
export function laneSum(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3);
}

// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
export function laneMaximum(v: v128): f32 {
  return max(max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)), max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)));
}

/** A constant in every lane. From memory: engines rebuild v128 constants inside loops, which costs more than a load. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
export function constant(pointer: usize): v128 {
  return v128.load32_splat(pointer);
}

/** Eight zeros: where a product starts from nothing. */
export const ZEROS: usize = memory.data<f32>([0, 0, 0, 0, 0, 0, 0, 0]);
export const ONE: usize = memory.data<f32>([1]);
export const HALF: usize = memory.data<f32>([0.5]);
export const MINUS_HALF: usize = memory.data<f32>([-0.5]);

const SMALLEST_EXPONENT: usize = memory.data<f32>([-87]);
const LOG2_E: usize = memory.data<f32>([1.44269504]);
/** 1.5 * 2^23: adding it rounds to a whole number and leaves that number in the low mantissa bits. */
const ROUNDER: usize = memory.data<f32>([12582912]);
const MINUS_LN2_HIGH: usize = memory.data<f32>([-0.693359375]);
const MINUS_LN2_LOW: usize = memory.data<f32>([2.1219444e-4]);
const EXP_6: usize = memory.data<f32>([1.98756915e-4]);
const EXP_5: usize = memory.data<f32>([1.3981999507e-3]);
const EXP_4: usize = memory.data<f32>([8.3334519073e-3]);
const EXP_3: usize = memory.data<f32>([4.1665795894e-2]);
const EXP_2: usize = memory.data<f32>([1.6666665459e-1]);
const EXP_1: usize = memory.data<f32>([5.0000001201e-1]);

/**
 * exp(x) for x <= 0, relative error 2e-7; below -87 it stays at exp(-87) = 1.6e-38.
 * Source: Cephes expf (Moshier): x = n ln 2 + r, a polynomial in r, then n added to the exponent bits.
 */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
export function exponential(x: v128): v128 {
  const bounded = f32x4.pmax(x, constant(SMALLEST_EXPONENT));
  const shifted = multiplyAdd(bounded, constant(LOG2_E), constant(ROUNDER));
  const n = f32x4.sub(shifted, constant(ROUNDER));
  let r = multiplyAdd(n, constant(MINUS_LN2_HIGH), bounded);
  r = multiplyAdd(n, constant(MINUS_LN2_LOW), r);
  let p = multiplyAdd(constant(EXP_6), r, constant(EXP_5));
  p = multiplyAdd(p, r, constant(EXP_4));
  p = multiplyAdd(p, r, constant(EXP_3));
  p = multiplyAdd(p, r, constant(EXP_2));
  p = multiplyAdd(p, r, constant(EXP_1));
  const fraction = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), constant(ONE));
  return i32x4.add(fraction, i32x4.shl(shifted, 23));
}
