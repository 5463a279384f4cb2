import { describe, expect, it } from 'vitest';
import { add, divide, fromNumber, LN2, log, log1p, multiply, PI, sineAndCosine, squareRoot, type DoubleDouble } from './double-double.ts';
import { mulberry32 } from './random.ts';
import { BITS, fixedLog, fixedOf, fixedSineAndCosine, times, UNIT } from './testing/fixed-point.ts';

const fixed = (value: DoubleDouble) => fixedOf(value.high) + fixedOf(value.low);

/** Relative difference as a power of two. */
function expectWithin(found: bigint, expected: bigint, bits: number): void {
  const difference = found > expected ? found - expected : expected - found;
  const size = expected > 0n ? expected : -expected;
  expect(difference << BigInt(bits) <= size).toBe(true);
}

const random = mulberry32(2026);
/** A double-double of 106 random bits in [0, 1). */
const uniform = (): DoubleDouble => add(fromNumber(random()), add(fromNumber(random() * 2 ** -32), add(fromNumber(random() * 2 ** -64), fromNumber(random() * 2 ** -90))));

describe('double-double arithmetic against 220-bit fixed point', () => {
  it('adds, multiplies and divides to 2^-100', () => {
    for (let trial = 0; trial < 200; trial++) {
      const a = add(uniform(), fromNumber(0.25));
      const b = add(uniform(), fromNumber(0.25));
      expectWithin(fixed(add(a, b)), fixed(a) + fixed(b), 100);
      expectWithin(fixed(multiply(a, b)), times(fixed(a), fixed(b)), 100);
      expectWithin(fixed(divide(a, b)), (fixed(a) << BITS) / fixed(b), 100);
    }
  });

  it('takes roots to 2^-100', () => {
    for (let trial = 0; trial < 200; trial++) {
      const a = multiply(uniform(), fromNumber(100));
      const root = fixed(squareRoot(a));
      expectWithin(times(root, root), fixed(a), 100);
    }
    expect(squareRoot(fromNumber(0))).toEqual({ high: 0, low: 0 });
  });

  it('takes logarithms to 2^-98', () => {
    for (let trial = 0; trial < 100; trial++) {
      const a = add(uniform(), fromNumber(0.5));
      // near 1, ln a is a difference: its relative error grows as 1 / |ln a|, here below 2^10
      if (Math.abs(Math.log(a.high)) > 2 ** -10) expectWithin(fixed(log(a)), fixedLog(fixed(a)), 88);
      const small = multiply(uniform(), fromNumber(-(2 ** -30)));
      expectWithin(fixed(log1p(small)), fixedLog(UNIT + fixed(small)), 98);
      const half = multiply(uniform(), fromNumber(-0.5));
      expectWithin(fixed(log1p(half)), fixedLog(UNIT + fixed(half)), 98);
    }
    expectWithin(fixed(log(fromNumber(2 ** -90))), -90n * fixed(LN2), 104);
    expectWithin(fixed(LN2), fixedLog(2n * UNIT), 104);
  });

  it('takes sines and cosines to 2^-98', () => {
    for (let trial = 0; trial < 100; trial++) {
      const angle = multiply(uniform(), divide(PI, fromNumber(4)));
      const found = sineAndCosine(angle);
      const expected = fixedSineAndCosine(fixed(angle));
      expectWithin(fixed(found.sine), expected.sine, 98);
      expectWithin(fixed(found.cosine), expected.cosine, 98);
    }
    const quarter = sineAndCosine(divide(PI, fromNumber(4)));
    expectWithin(fixed(quarter.sine), fixed(quarter.cosine), 98);
  });
});
