import { describe, expect, it } from 'vitest';
import { normalCdf } from '../ground/special.ts';
import { BITS, fixedLog, fixedOf, fixedSineAndCosine, fixedSquareRoot, times, UNIT } from '../ground/testing/fixed-point.ts';
import { oncePerTensor } from './key-stream.ts';
import { gaussianIntegers, gaussianSamplerError, samplerDelta } from './noise.ts';
import { fixedPi } from './testing/fixed-pi.ts';
import { testStream, watchedStream } from './testing/streams.ts';

/** The definition in 220-bit arithmetic: the pair's real values, from its 24 bytes. */
function fixedPair(bytes: Uint8Array, sigma: number): [bigint, bigint] {
  const words = new Uint32Array(bytes.slice().buffer);
  const integer = (from: number, to: number) => words.subarray(from / 4, to / 4).reduce((value, word) => (value << 32n) | BigInt(word), 0n);
  const u = ((2n * integer(0, 12) + 1n) << BITS) >> 97n;
  // ln u = ln m + e ln 2 with m in [1, 2).
  const exponent = BigInt(u.toString(2).length - 1) - BITS;
  const logU = fixedLog(exponent < 0n ? u << -exponent : u) + exponent * fixedLog(2n * UNIT);
  const radius = fixedSquareRoot(-2n * logU) * BigInt(sigma);
  const angleBits = integer(12, 24);
  const octant = Number(angleBits >> 93n);
  const turn = ((2n * (angleBits & ((1n << 93n) - 1n)) + 1n) << BITS) >> 94n;
  const { sine, cosine } = fixedSineAndCosine(times(turn, fixedPi / 4n));
  const along = times(radius, cosine);
  const across = times(radius, sine);
  const [x, y] = octant & 1 ? [across, along] : [along, across];
  return [octant & 2 ? -x : x, octant & 4 ? -y : y];
}

/** Largest distance between the empirical distribution and that of round(N(0, sigma^2)). */
function kolmogorovSmirnov(values: Float64Array, sigma: number): number {
  const sorted = values.slice().sort();
  let worst = 0;
  for (let index = 0; index < sorted.length; index++) {
    if (index + 1 < sorted.length && sorted[index + 1] === sorted[index]) continue;
    worst = Math.max(worst, Math.abs((index + 1) / sorted.length - normalCdf((sorted[index]! + 0.5) / sigma)));
  }
  return worst;
}

describe('gaussianIntegers', () => {
  it('rounds the exact value of its formula, in float64 and in double-double alike', async () => {
    // At 2^40 every rounding is undecided in float64 and goes the long way; at 2^20 nearly none, at 1000 a few.
    for (const sigma of [1000, 2 ** 20, 2 ** 27, 2 ** 40]) {
      const count = 400;
      const bytes = await testStream(11).bytes(3, 2, 12 * count);
      const noise = await gaussianIntegers(testStream(11), 3, 2, count, sigma);
      for (let pair = 0; pair < count / 2; pair++) {
        for (const [index, exact] of fixedPair(bytes.subarray(24 * pair, 24 * pair + 24), sigma).entries()) {
          const distance = fixedOf(noise[2 * pair + index]!) - exact;
          expect(distance <= UNIT / 2n && distance >= -UNIT / 2n).toBe(true);
        }
      }
    }
  });

  it('handles the ends of both uniforms', async () => {
    for (const fill of [0x00, 0xff]) {
      const bytes = new Uint8Array(24).fill(fill);
      if (fill === 0) bytes[23] = 1;
      const [x, y] = await gaussianIntegers({ bytes: () => Promise.resolve(bytes.slice()) }, 0, 1, 2, 2 ** 20);
      const exact = fixedPair(bytes, 2 ** 20);
      for (const [index, found] of [x!, y!].entries()) {
        const distance = fixedOf(found) - exact[index]!;
        expect(distance <= UNIT / 2n && distance >= -UNIT / 2n).toBe(true);
      }
      // Largest radius sqrt(2 * 97 ln 2) = 11.6.
      if (fill === 0) expect(x! / 2 ** 20).toBeCloseTo(11.596, 3);
    }
  });

  it('has the distribution of a rounded Gaussian, and not of 2/3 or 3/2 of it', async () => {
    const count = 200_000;
    for (const sigma of [0.4, 3, 1e6]) {
      const values = await gaussianIntegers(testStream(5), 1, 2, count, sigma);
      // The distance exceeds 2.0 / sqrt(n) with chance 2 exp(-8) = 7e-4; the seed is fixed.
      const limit = 2 / Math.sqrt(count);
      expect(kolmogorovSmirnov(values, sigma)).toBeLessThan(limit);
      expect(kolmogorovSmirnov(values, (sigma * 2) / 3)).toBeGreaterThan(limit);
      expect(kolmogorovSmirnov(values, (sigma * 3) / 2)).toBeGreaterThan(limit);
    }
  });

  it('gives independent values within a pair and between neighbours', async () => {
    const count = 100_000;
    const values = await gaussianIntegers(testStream(6), 1, 2, count, 1e5);
    for (const lag of [1, 2]) {
      let products = 0;
      let squares = 0;
      for (let index = 0; index + lag < count; index++) {
        products += values[index]! * values[index + lag]!;
        squares += values[index]! ** 2 * values[index + lag]! ** 2;
      }
      // Correlation of products and of squares: standard deviations 1/sqrt(n) and about 2/sqrt(n) times their scale; five of them.
      expect(Math.abs(products / count / 1e10)).toBeLessThan(5 / Math.sqrt(count));
      expect(Math.abs(squares / count / 1e20 - 1)).toBeLessThan((5 * Math.sqrt(8)) / Math.sqrt(count));
    }
  });

  it('asks once for a number of bytes that depends on the count alone', async () => {
    for (const [count, byteCount] of [[1, 24], [2, 24], [3, 48], [1000, 12000]] as const) {
      const stream = watchedStream(testStream(1));
      expect((await gaussianIntegers(stream, 7, 3, count, 10)).length).toBe(count);
      expect(stream.calls).toEqual([[7, 3, byteCount]]);
    }
    expect((await gaussianIntegers(testStream(1), 0, 1, 0, 10)).length).toBe(0);
  });

  it('differs between steps, tensors and keys', async () => {
    const draws = await Promise.all([[1, 1, 1], [1, 2, 1], [2, 1, 1], [1, 1, 2]].map(([step, tensor, seed]) => gaussianIntegers(testStream(seed!), step!, tensor!, 8, 1e6)));
    expect(new Set(draws.map((draw) => draw.join())).size).toBe(4);
  });

  it('refuses what is no deviation, count, step or stream', async () => {
    for (const sigma of [0, -1, NaN, Infinity, 2 ** 41]) await expect(gaussianIntegers(testStream(1), 0, 1, 1, sigma)).rejects.toThrow();
    for (const count of [-1, 0.5, NaN]) await expect(gaussianIntegers(testStream(1), 0, 1, count, 1)).rejects.toThrow();
    await expect(gaussianIntegers(testStream(1), -1, 1, 1, 1)).rejects.toThrow();
    await expect(gaussianIntegers(testStream(1), 0, 2 ** 32, 1, 1)).rejects.toThrow();
    await expect(gaussianIntegers({ bytes: (_s, _t, byteCount) => Promise.resolve(new Uint8Array(byteCount)) }, 0, 1, 1, 1)).rejects.toThrow(/zeros/);
    await expect(gaussianIntegers({ bytes: () => Promise.resolve(new Uint8Array(3).fill(1)) }, 0, 1, 1, 1)).rejects.toThrow(/3 bytes/);
  });

  it('a guarded stream answers a name once', async () => {
    const stream = oncePerTensor(testStream(1));
    await gaussianIntegers(stream, 1, 1, 4, 1);
    await gaussianIntegers(stream, 1, 2, 4, 1);
    await expect(gaussianIntegers(stream, 1, 1, 4, 1)).rejects.toThrow(/twice/);
  });
});

describe('gaussianSamplerError', () => {
  it('is far below any delta in use: eight million values at the largest head noise', () => {
    expect(gaussianSamplerError(2 ** 27, 2 ** 23)).toBeLessThan(4e-12);
    expect(gaussianSamplerError(10, 0)).toBe(0);
    expect(() => gaussianSamplerError(0, 1)).toThrow();
    expect(() => gaussianSamplerError(1, -1)).toThrow();
  });
});

describe('samplerDelta', () => {
  it('is (1 + e^epsilon) times the error, 1 at most, and refuses what means nothing', () => {
    expect(samplerDelta(0, 1e-12)).toBe(2e-12);
    expect(samplerDelta(3, 1e-12)).toBeCloseTo((1 + Math.exp(3)) * 1e-12, 24);
    expect([samplerDelta(Infinity, 0), samplerDelta(Infinity, 1e-12), samplerDelta(900, 1e-12)]).toEqual([0, 1, 1]);
    for (const bad of [NaN, -1]) {
      expect(() => samplerDelta(bad, 1e-12)).toThrow();
      expect(() => samplerDelta(1, bad)).toThrow();
    }
  });
});
