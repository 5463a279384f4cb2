/** Fixed-point arithmetic with 220 bits in BigInt: slow, simple, and independent of float64. For tests. */
export const BITS = 220n;
export const UNIT = 1n << BITS;

/** A float64 as fixed point, exactly where its last bit is at least 2^-220. */
export function fixedOf(value: number): bigint {
  if (value === 0) return 0n;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const shift = exponent - 60;
  const mantissa = BigInt(value * 2 ** -shift);
  const total = BITS + BigInt(shift);
  return total >= 0n ? mantissa << total : mantissa >> -total;
}
export const times = (a: bigint, b: bigint): bigint => (a * b) >> BITS;

/** ln by artanh, for 1/2 <= a <= 2. */
export function fixedLog(a: bigint): bigint {
  const s = ((a - UNIT) << BITS) / (a + UNIT);
  const square = times(s, s);
  let power = s;
  let sum = 0n;
  for (let k = 0n; k < 240n; k++) {
    sum += power / (2n * k + 1n);
    power = times(power, square);
  }
  return 2n * sum;
}

export function fixedSineAndCosine(a: bigint): { sine: bigint; cosine: bigint } {
  let term = UNIT;
  let sine = 0n;
  let cosine = 0n;
  for (let k = 0n; k < 100n; k++) {
    const sign = (k >> 1n) % 2n === 0n ? 1n : -1n;
    if (k % 2n === 0n) cosine += sign * term;
    else sine += sign * term;
    term = times(term, a) / (k + 1n);
  }
  return { sine, cosine };
}

/** Square root, rounded down, by Newton's iteration from above. */
export function fixedSquareRoot(a: bigint): bigint {
  const target = a << BITS;
  let root = 1n << BigInt(Math.ceil(target.toString(2).length / 2) + 1);
  for (;;) {
    const next = (root + target / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
