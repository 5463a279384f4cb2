import { expect, it } from 'vitest';
import { gaussianIntegers } from '../privacy/noise.ts';
import { createNodeKeyStream } from './key-stream.ts';

const count = 50_000;

/** Correlation of two draws, in standard deviations of an independent pair. */
function correlation(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]! * 1e-12, 0) / Math.sqrt(count);
}

it('two sessions at the same step and tensor draw independent noise, as do two steps and two tensors of one', async () => {
  const [one, other] = [createNodeKeyStream(), createNodeKeyStream()];
  const base = await gaussianIntegers(one, 1, 1, count, 1e6);
  for (const draw of [gaussianIntegers(other, 1, 1, count, 1e6), gaussianIntegers(one, 2, 1, count, 1e6), gaussianIntegers(one, 1, 2, count, 1e6)]) {
    // Keys are fresh each time, so this one could fail by chance: seven deviations, 3e-12.
    expect(Math.abs(correlation(base, await draw))).toBeLessThan(7);
  }
  expect(correlation(base, base)).toBeGreaterThan(100);
});

it('a step and tensor are answered once', async () => {
  const stream = createNodeKeyStream();
  await stream.bytes(3, 1, 16);
  await expect(stream.bytes(3, 1, 16)).rejects.toMatchObject({ code: 'privacy/reused-stream' });
});
