import { describe, expect, it } from 'vitest';
import { poissonDraw } from './sampling.ts';
import { testStream, watchedStream } from './testing/streams.ts';

describe('poissonDraw', () => {
  it('draws each unit on its own with the rate', async () => {
    const units = 1000;
    const rate = 0.05;
    const steps = 400;
    const counts = new Float64Array(units);
    let sum = 0;
    let squares = 0;
    for (let step = 0; step < steps; step++) {
      const drawn = await poissonDraw(testStream(3), step, units, rate);
      for (const unit of drawn) counts[unit]!++;
      sum += drawn.length;
      squares += drawn.length ** 2;
    }
    const mean = sum / steps;
    const variance = squares / steps - mean * mean;
    // Batch sizes are Binomial(1000, .05): mean 50 with standard error .34, variance 47.5 with relative error .07; five of them.
    expect(Math.abs(mean - 50)).toBeLessThan(1.7);
    expect(Math.abs(variance / 47.5 - 1)).toBeLessThan(0.36);
    // Each unit's count is Binomial(400, .05), mean 20, deviation 4.4: chi-square over units is 1000 +- 45.
    const chiSquare = counts.reduce((total, count) => total + (count - 20) ** 2 / 19, 0);
    expect(Math.abs(chiSquare - units)).toBeLessThan(225);
  });

  it('gives ascending numbers without repeats, all at rate 1 and none at rate 0', async () => {
    const drawn = await poissonDraw(testStream(4), 1, 500, 0.3);
    for (let index = 1; index < drawn.length; index++) expect(drawn[index]!).toBeGreaterThan(drawn[index - 1]!);
    expect(await poissonDraw(testStream(4), 1, 5, 1)).toEqual(Int32Array.from([0, 1, 2, 3, 4]));
    expect(await poissonDraw(testStream(4), 1, 5, 0)).toEqual(new Int32Array(0));
    expect(await poissonDraw(testStream(4), 1, 0, 0.5)).toEqual(new Int32Array(0));
  });

  it('never exceeds the accounted rate: the threshold is rounded down', async () => {
    const ones = { bytes: (_step: number, _tensor: number, byteCount: number) => Promise.resolve(new Uint8Array(byteCount).map((_, index) => (index % 4 === 3 ? 1 : 0))) };
    // Every word is 1, and 1.9 / 2^32 is less than two words' share: a word of 1 must not be drawn.
    expect((await poissonDraw(ones, 0, 4, 1.9 * 2 ** -32)).length).toBe(0);
    expect((await poissonDraw(ones, 0, 4, 2 * 2 ** -32)).length).toBe(4);
  });

  it('asks for bytes by the number of units alone, whatever is drawn', async () => {
    for (const rate of [0, 0.01, 1]) {
      const stream = watchedStream(testStream(1));
      await poissonDraw(stream, 9, 100, rate);
      expect(stream.calls).toEqual([[9, 0, 400]]);
    }
  });

  it('refuses rates and counts that are none', async () => {
    for (const rate of [-0.1, 1.1, NaN]) await expect(poissonDraw(testStream(1), 0, 10, rate)).rejects.toThrow();
    for (const units of [-1, 1.5, NaN]) await expect(poissonDraw(testStream(1), 0, units, 0.1)).rejects.toThrow();
  });
});
