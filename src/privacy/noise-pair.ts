/**
 * Box and Muller's transform of 192 random bits in float64, without allocation, tables or branches that depend on the bits.
 * Logarithm, sine and cosine are Taylor polynomials written out here, so that their error is known: ECMAScript leaves that of Math.log,
 * Math.sin and Math.cos to the engine. Additions, products, quotients, square roots and comparisons are correctly rounded (IEEE 754).
 */

/** Random words a pair: 96 bits for the radius, 3 for the octant, 93 for the angle. */
export const WORDS_A_PAIR = 6;

/**
 * Bound on the relative error of both values of `boxMuller`. With e = 2^-53, to first order:
 * the folded uniform v = min(u, 1 - u) carries 2e (two roundings of its three words).
 * ln u, u in (0.71, 1): s = v / (2 - v) carries 2.4e from v, 2e from 2 - v, e from the quotient; the polynomial 1.1e, the product e: 7.5e.
 * ln u elsewhere, where |ln u| > 0.34: 2e absolute from v, 0.35 (3.1e) from artanh, 2e relative from k ln 2 <= 2 |ln u|, e from the sum: 15e at most.
 * So the radius carries 8e, and 2e from root and product. The angle: 2e, pi/4 e, product e; sin and cos pass on at most all of it;
 * polynomials 3e; last product e. In all 18e < 2^-48. Truncation of the polynomials is below e/1000.
 */
export const PAIR_RELATIVE_ERROR = 2 ** -48;

const bits = new Float64Array([1]);
const bitWords = new Int32Array(bits.buffer);
/** Which half of a float64 holds its exponent. */
const HIGH = bitWords[1] === 0x3ff00000 ? 1 : 0;
/** High half of sqrt(1/2): mantissas are taken from [sqrt(1/2), sqrt(2)). */
const ROOT_HALF_HIGH = 0x3fe6a09e;

/** ln of the uniform (w0 w1 w2 + 1/2) / 2^96, to a relative 15 * 2^-53. */
export function logUniform(w0: number, w1: number, w2: number): number {
  // Above one half the complement is kept: near 1 it carries the digits of ln u.
  const isHigh = w0 >>> 31;
  const flip = -isHigh;
  const folded = (((w0 ^ flip) >>> 0) + (((w1 ^ flip) >>> 0) + (((w2 ^ flip) >>> 0) + 0.5) * 2 ** -32) * 2 ** -32) * 2 ** -32;
  bits[0] = Math.abs(isHigh - folded);
  const shifted = bitWords[HIGH]! + (0x3ff00000 - ROOT_HALF_HIGH);
  const exponent = (shifted >> 20) - 0x3ff;
  bitWords[HIGH] = (shifted & 0xfffff) + ROOT_HALF_HIGH;
  const mantissa = bits[0];
  // mantissa - 1; for the complement without its rounding: -v at exponent 0, 1 - 2v at exponent -1.
  const excess = isHigh * (-exponent - (1 - exponent) * folded) + (1 - isHigh) * (mantissa - 1);
  const s = excess / (mantissa + 1);
  const z = s * s;
  // 2 artanh(s), |s| < 0.1716: the first term left out is below 2^-60.
  const tail = z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * (1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21))))))))));
  return exponent * Math.LN2 + 2 * s * (1 + tail);
}

/**
 * Writes sigma sqrt(-2 ln u) cos(a) and the same with sin(a) to into[0] and into[1]; a in (0, pi/4) from the lower 29 bits of the fourth word on.
 * Both are above 0; the three bits left choose one of eight mirror images and are the caller's.
 */
export function boxMuller(words: Uint32Array, at: number, sigma: number, into: Float64Array): void {
  const radius = sigma * Math.sqrt(-2 * logUniform(words[at]!, words[at + 1]!, words[at + 2]!));
  const a = (Math.PI / 4) * (((words[at + 3]! & 0x1fffffff) + (words[at + 4]! + (words[at + 5]! + 0.5) * 2 ** -32) * 2 ** -32) * 2 ** -29);
  const z = a * a;
  // Taylor's series to a^17 and a^18: the first terms left out are below 2^-62.
  const sineTail = z * (-1 / 6 + z * (1 / 120 + z * (-1 / 5040 + z * (1 / 362880 + z * (-1 / 39916800 + z * (1 / 6227020800 + z * (-1 / 1307674368000 + z * (1 / 355687428096000))))))));
  const cosineTail = z * (-1 / 2 + z * (1 / 24 + z * (-1 / 720 + z * (1 / 40320 + z * (-1 / 3628800 + z * (1 / 479001600 + z * (-1 / 87178291200 + z * (1 / 20922789888000 + z * (-1 / 6402373705728000)))))))));
  into[0] = radius * (1 + cosineTail);
  into[1] = radius * (a * (1 + sineTail));
}
