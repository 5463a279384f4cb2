import { describe, expect, it } from 'vitest';
import { normalCdf } from '../ground/special.ts';
import type { KeyStream } from './key-stream.ts';
import { gaussianIntegers } from './noise.ts';
import { expectedNoiseDigest, noiseDigest } from './testing/noise-digest.ts';
import { testStream } from './testing/streams.ts';

/** Mean square over sigma^2; 1 for the right scale. */
async function scaleRatio(stream: KeyStream, count: number, sigma: number, claimed: number): Promise<number> {
  const noise = await gaussianIntegers(stream, 1, 2, count, sigma);
  return noise.reduce((sum, value) => sum + value * value, 0) / count / (claimed * claimed);
}

describe('scale of the noise', () => {
  // Standard deviation of the ratio: sqrt(2/n) = 0.0447 at n = 1000. Five of them decide: a false alarm in 2e6. At 2/3 and 3/2 the ratio is
  // 2.25 +- 0.10 and 0.444 +- 0.02, ten deviations and more beyond the limit: a miss has a chance below 1e-22.
  const count = 1000;
  const isAccepted = (ratio: number) => Math.abs(ratio - 1) < 5 * Math.sqrt(2 / count);

  it('is accepted; 2/3 and 3/2 of it never, in 200 draws of 1,000 values each', async () => {
    for (let seed = 0; seed < 200; seed++) {
      const sigma = [3, 1e3, 1e6, 1.3e7][seed % 4]!;
      const ratios = await Promise.all([1, 2 / 3, 3 / 2].map((factor) => scaleRatio(testStream(100 + seed), count, sigma * factor, sigma)));
      // Rounding to integers adds 1/12, which shows at sigma = 3: 0.9 %.
      expect(ratios.map(isAccepted)).toEqual([true, false, false]);
    }
  });
});

/** The stream with the first `bits` bits of each radius's uniform set to zero: the law of the pair given u < 2^-bits. */
function givenLargeRadius(stream: KeyStream, bits: number): KeyStream {
  return {
    async bytes(step, tensor, byteCount) {
      const bytes = (await stream.bytes(step, tensor, byteCount)).slice();
      const words = new Uint32Array(bytes.buffer, 0, Math.floor(byteCount / 4));
      for (let at = 0; at < words.length; at += 6) words[at]! >>>= bits;
      return bytes;
    },
  };
}

describe('tails', () => {
  // |y| > t needs a radius above t, so u < exp(-t^2/2); given u < 2^-b, b <= t^2 / (2 ln 2), the tail's chance is 2^b as large and can be counted.
  it.each([[3, 6], [4, 11], [5, 18], [6, 25]])('beyond %d sigma hold what a Gaussian\'s do, on both sides', async (t, bits) => {
    expect(2 * Math.LN2 * bits).toBeLessThan(t * t);
    const count = 200_000;
    const sigma = 1e6;
    const noise = await gaussianIntegers(givenLargeRadius(testStream(40 + t), bits), 1, 2, count, sigma);
    const expected = count * normalCdf(-t) * 2 ** bits;
    // Between 2,500 and 19,000 a side are expected: five binomial deviations are 4 to 10 %. A tail cut short or a radius on a coarse grid falls outside.
    expect(expected).toBeGreaterThan(2500);
    for (const sign of [1, -1]) {
      const beyond = noise.reduce((sum, value) => sum + (sign * value > t * sigma ? 1 : 0), 0);
      expect(Math.abs(beyond - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });

  it('a uniform of 24 bits for the radius is seen: its tail ends before 6 sigma', async () => {
    const coarse: KeyStream = {
      async bytes(step, tensor, byteCount) {
        const bytes = (await givenLargeRadius(testStream(46), 25).bytes(step, tensor, byteCount)).slice();
        const words = new Uint32Array(bytes.buffer, 0, Math.floor(byteCount / 4));
        for (let at = 0; at < words.length; at += 6) [words[at], words[at + 1], words[at + 2]] = [(words[at]! & 0xffffff00) >>> 0 || 0x100, 0, 0];
        return bytes;
      },
    };
    const noise = await gaussianIntegers(coarse, 1, 2, 200_000, 1e6);
    expect(noise.some((value) => Math.abs(value) > 6e6)).toBe(false);
  });
});

describe('independence', () => {
  const count = 50_000;
  const draw = (seed: number, step: number, tensor: number) => gaussianIntegers(testStream(seed), step, tensor, count, 1e6);

  /** Correlations of values and of their squares, in standard deviations of an independent pair: 1/sqrt(n) each. */
  function correlations(a: Float64Array, b: Float64Array): readonly [values: number, squares: number] {
    let values = 0;
    let squares = 0;
    for (let index = 0; index < count; index++) {
      values += a[index]! * b[index]! * 1e-12;
      squares += ((a[index]! * 1e-6) ** 2 - 1) * ((b[index]! * 1e-6) ** 2 - 1) * 0.5;
    }
    return [values / Math.sqrt(count), squares / Math.sqrt(count)];
  }

  it('holds between steps, tensors and keys; the same draw twice is seen at once', async () => {
    const base = await draw(1, 1, 1);
    for (const [seed, step, tensor] of [[1, 2, 1], [1, 1, 2], [1, 2, 2], [2, 1, 1], [1, 256, 1], [1, 1, 256]] as const) {
      for (const z of correlations(base, await draw(seed, step, tensor))) expect(Math.abs(z)).toBeLessThan(5);
    }
    for (const z of correlations(base, await draw(1, 1, 1))) expect(z).toBeGreaterThan(100);
  });

  it('holds between values of one draw at every small distance', async () => {
    const base = await gaussianIntegers(testStream(3), 1, 1, count + 64, 1e6);
    for (const lag of [1, 2, 3, 4, 6, 8, 16, 32, 64]) for (const z of correlations(base, base.subarray(lag))) expect(Math.abs(z)).toBeLessThan(5);
  });
});

it('every engine gives the same integers from the same random bits', async () => {
  expect(await noiseDigest()).toBe(expectedNoiseDigest);
});
