import { describe, expect, it } from 'vitest';
import { mulberry32 } from './random.ts';
import { roundDown, roundDownTo, roundUp, roundUpTo } from './rounding.ts';

describe('rounding of guarantees', () => {
  it('is never below the value upwards, never above it downwards, and less than one unit off', () => {
    const random = mulberry32(1);
    for (let turn = 0; turn < 5000; turn++) {
      const value = random() * 10 ** Math.floor(random() * 8 - 5);
      for (const digits of [2, 3, 4]) {
        const up = roundUp(value, digits);
        expect(up).toBeGreaterThanOrEqual(value);
        expect(up).toBeLessThan(value * (1 + 1.0001 * 10 ** (1 - digits)));
        expect(Number(up.toPrecision(digits))).toBe(up);
        const down = roundDown(value, digits);
        expect(down).toBeLessThanOrEqual(value);
        expect(down).toBeGreaterThan(value * (1 - 1.0001 * 10 ** (1 - digits)));
        expect(Number(down.toPrecision(digits))).toBe(down);
      }
      expect(roundUpTo(value, 2)).toBeGreaterThanOrEqual(value);
      expect(roundUpTo(value, 2) - value).toBeLessThan(0.01 + 1e-9);
      expect(roundDownTo(value, 2)).toBeLessThanOrEqual(value);
      expect(value - roundDownTo(value, 2)).toBeLessThan(0.01 + 1e-9);
    }
  });

  it('leaves what is written in so many digits as it is', () => {
    for (let cents = 0; cents <= 2000; cents++) {
      expect(roundUpTo(cents / 100, 2)).toBe(cents / 100);
      expect(roundDownTo(cents / 100, 2)).toBe(cents / 100);
      expect(roundUp(cents / 1e7, 4)).toBe(cents / 1e7);
      expect(roundDown(cents / 1e7, 4)).toBe(cents / 1e7);
    }
    expect([roundUp(1e-5, 2), roundUp(0, 3), roundUp(Infinity, 3), roundUpTo(Infinity, 2)]).toEqual([1e-5, 0, Infinity, Infinity]);
  });

  it('takes the next digit for the least excess', () => {
    expect([roundUp(2.004, 3), roundUp(9.991, 3), roundUp(1.04e-5, 2), roundUp(3 + 4e-16, 3)]).toEqual([2.01, 10, 1.1e-5, 3.01]);
    expect([roundUpTo(1.0001, 2), roundUpTo(0.0001, 2), roundDownTo(1.9999, 2), roundDownTo(0.009, 2)]).toEqual([1.01, 0.01, 1.99, 0]);
  });
});
