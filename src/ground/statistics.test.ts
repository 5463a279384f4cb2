import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { clopperPearsonInterval, newcombeInterval, quantile, wilsonInterval } from './statistics.ts';

interface Goldens {
  readonly proportion_intervals: readonly { readonly k: number; readonly n: number; readonly wilson95: readonly [number, number]; readonly clopper_pearson95: readonly [number, number] }[];
  readonly difference_intervals_newcombe_hybrid_score: readonly { readonly k1: number; readonly n1: number; readonly k2: number; readonly n2: number; readonly difference: number; readonly newcombe95: readonly [number, number] }[];
}
const goldens = JSON.parse(readFileSync(new URL('../fixtures/goldens/fairness.json', import.meta.url), 'utf8')) as Goldens;

/** The reference values (scipy 1.10.1) are printed with 12 digits. */
const PRINTED = 1e-11;

describe('proportion intervals', () => {
  it.each(goldens.proportion_intervals)('$k of $n', ({ k, n, wilson95, clopper_pearson95 }) => {
    const wilson = wilsonInterval(k, n);
    expect(Math.abs(wilson.low - wilson95[0])).toBeLessThan(PRINTED);
    expect(Math.abs(wilson.high - wilson95[1])).toBeLessThan(PRINTED);
    const exact = clopperPearsonInterval(k, n);
    expect(Math.abs(exact.low - clopper_pearson95[0])).toBeLessThan(PRINTED);
    expect(Math.abs(exact.high - clopper_pearson95[1])).toBeLessThan(PRINTED);
  });

  it('refuses counts that are none', () => {
    for (const [hits, total] of [[1, 0], [-1, 5], [6, 5], [0.5, 5], [NaN, 5], [1, NaN]] as const) {
      expect(() => wilsonInterval(hits, total)).toThrow();
      expect(() => clopperPearsonInterval(hits, total)).toThrow();
    }
    expect(() => wilsonInterval(1, 5, 1)).toThrow();
  });

  it('mirrors hits and misses', () => {
    const { low, high } = clopperPearsonInterval(3, 17, 0.9);
    const mirror = clopperPearsonInterval(14, 17, 0.9);
    expect(mirror.low).toBeCloseTo(1 - high, 14);
    expect(mirror.high).toBeCloseTo(1 - low, 14);
  });
});

describe('newcombeInterval', () => {
  it.each(goldens.difference_intervals_newcombe_hybrid_score)('$k1/$n1 - $k2/$n2', ({ k1, n1, k2, n2, difference, newcombe95 }) => {
    const found = newcombeInterval(k1, n1, k2, n2);
    expect(Math.abs(found.difference - difference)).toBeLessThan(PRINTED);
    expect(Math.abs(found.low - newcombe95[0])).toBeLessThan(PRINTED);
    expect(Math.abs(found.high - newcombe95[1])).toBeLessThan(PRINTED);
  });
});

describe('quantile', () => {
  it('interpolates linearly, as numpy.quantile([1, 2, 4, 8], p)', () => {
    expect(quantile([1, 2, 4, 8], 0.5)).toBe(3);
    expect(quantile([1, 2, 4, 8], 0.25)).toBe(1.75);
    expect(quantile([1, 2, 4, 8], 0)).toBe(1);
    expect(quantile([1, 2, 4, 8], 1)).toBe(8);
    expect(quantile([5], 0.7)).toBe(5);
    expect(quantile([], 0.5)).toBeNaN();
    expect(() => quantile([1], 1.1)).toThrow();
  });
});
