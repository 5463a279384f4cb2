import { describe, expect, it } from 'vitest';
import { mulberry32, shuffle } from './random.ts';

describe('mulberry32', () => {
  it('gives the published sequence', () => {
    // Tommy Ettinger's mulberry32, seed 12345, run in C as `uint32_t`: 4207900869, 1317490944, 2079646450.
    const random = mulberry32(12345);
    expect([random(), random(), random()].map((value) => Math.round(value * 4294967296))).toEqual([4207900869, 1317490944, 2079646450]);
  });

  it('refuses a seed of more than 32 bits, a negative and a broken one', () => {
    for (const seed of [-1, 0.5, NaN, 2 ** 32]) expect(() => mulberry32(seed)).toThrow();
  });
});

describe('shuffle', () => {
  it('puts every order about equally often', () => {
    const random = mulberry32(7);
    const counts = new Map<string, number>();
    for (let trial = 0; trial < 6000; trial++) {
      const order = shuffle([0, 1, 2], random).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    // Binomial(6000, 1/6) has a standard deviation of 29; five of them.
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(145);
  });
});
