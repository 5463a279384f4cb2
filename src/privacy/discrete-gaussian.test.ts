import { describe, expect, it } from 'vitest';
import { normalCdf } from '../ground/special.ts';
import { discreteGaussianEpsilon, discreteGaussianIntegers, discreteGaussianProbabilities, discreteGaussianRdp } from './discrete-gaussian.ts';
import { gaussianEpsilon, gaussianMu } from './gaussian.ts';
import { gaussianIntegers } from './noise.ts';
import { drawNoise, noiseEpsilon } from './noise-laws.ts';
import { rdpOfPoissonGaussian } from './rdp.ts';
import { testStream, watchedStream } from './testing/streams.ts';

/**
 * Pearson's statistic of `values` against the discrete Gaussian of `other`, and its degrees of freedom. Its cells are those of `sigma`, whatever
 * the other law: single values as long as the tail beyond still holds ten, and the two tails. So no cell that tells laws apart is left out.
 */
function chiSquared(values: Float64Array, sigma: number, other: number): { readonly statistic: number; readonly degrees: number } {
  const reach = Math.ceil(12 * Math.max(sigma, other)) + 3;
  const tailBeyond = (inner: number) => discreteGaussianProbabilities(sigma, reach).slice(reach + inner + 1).reduce((sum, p) => sum + p, 0) * values.length;
  let inner = 0;
  while (tailBeyond(inner + 1) >= 10) inner++;
  const counts = new Float64Array(2 * inner + 3);
  const expected = new Float64Array(2 * inner + 3);
  const cellOf = (y: number) => Math.min(inner + 1, Math.max(-inner - 1, y)) + inner + 1;
  for (const value of values) counts[cellOf(value)]!++;
  discreteGaussianProbabilities(other, reach).forEach((p, index) => { expected[cellOf(index - reach)]! += p * values.length; });
  return { statistic: counts.reduce((sum, count, cell) => sum + (count - expected[cell]!) ** 2 / expected[cell]!, 0), degrees: counts.length - 1 };
}

/**
 * The statistic's mean is its degrees of freedom d, its deviation sqrt(2d). Six of them: a right sampler is above with chance 1e-3 (d = 2) or
 * less, and the seed is fixed. Power: at these counts a sigma wrong by a tenth gives twice the bound or more (60 against 14 at sigma 0.25, 259
 * against 129 at 10), one wrong by a twentieth a statistic about the bound.
 */
const fits = ({ statistic, degrees }: { readonly statistic: number; readonly degrees: number }) => statistic < degrees + 6 * Math.sqrt(2 * degrees);

const ratiosOf = (sigma: number, shift: number) => {
  const reach = Math.ceil(30 * sigma) + shift;
  const here = discreteGaussianProbabilities(sigma, reach);
  return [...here.keys()].filter((index) => here[index]! > 0 && (here[index - shift] ?? 0) > 0).map((index) => ({ here: here[index]!, there: here[index - shift]! }));
};

describe('discreteGaussianIntegers', () => {
  it.each([0.25, 0.7, 1, 1.5, 2.9999, 10])('has the exact probabilities at sigma = %d, and not those of 0.9 or 1.1 sigma or of the rounded Gaussian', async (sigma) => {
    // At 0.25 one value in 1,500 is not 0: fewer would leave no cell but the one of 0, and nothing to test.
    const count = sigma < 0.5 ? 40_000 : 10_000;
    const values = await discreteGaussianIntegers(testStream(31), 1, 2, count, sigma);
    const against = (other: number) => chiSquared(values, sigma, other);
    expect(against(sigma).degrees).toBeGreaterThanOrEqual(2);
    expect(fits(against(sigma))).toBe(true);
    for (const factor of [0.9, 1.1]) expect(fits(against(factor * sigma))).toBe(false);
    if (sigma <= 0.7) {
      // A rounded Gaussian gives 0 the probability erf(1/(2 sqrt(2) sigma)); at small sigma the two laws are far apart.
      const rounded = await gaussianIntegers(testStream(31), 1, 2, count, sigma);
      expect(fits(chiSquared(rounded, sigma, sigma))).toBe(false);
    }
  });

  it('meets the continuous distribution at the noise of a head', async () => {
    const sigma = 13_000_000.3;
    const sorted = (await discreteGaussianIntegers(testStream(32), 1, 2, 6000, sigma)).sort();
    let worst = 0;
    sorted.forEach((value, index) => { worst = Math.max(worst, Math.abs((index + 0.5) / sorted.length - normalCdf(value / sigma))); });
    // Kolmogorov and Smirnov: 2 / sqrt(n) is exceeded with chance 7e-4; the seed is fixed.
    expect(worst).toBeLessThan(2 / Math.sqrt(6000));
    expect(sorted.every(Number.isInteger)).toBe(true);
  });

  it('asks once, for a number of bytes that depends on the count alone', async () => {
    const stream = watchedStream(testStream(1));
    for (const sigma of [1, 1e9]) await discreteGaussianIntegers(stream, 4, 3, 10, sigma);
    expect(stream.calls).toEqual([[4, 3, 18944], [4, 3, 18944]]);
    expect(await discreteGaussianIntegers(stream, 4, 3, 0, 1)).toHaveLength(0);
  });

  it('refuses what is no deviation or count, a dead stream and one that never ends its choices', async () => {
    for (const sigma of [0, -1, NaN, Infinity, 2 ** 41, 1e-9]) await expect(discreteGaussianIntegers(testStream(1), 0, 1, 1, sigma)).rejects.toThrow(/sigma/);
    for (const count of [-1, 0.5, NaN]) await expect(discreteGaussianIntegers(testStream(1), 0, 1, count, 1)).rejects.toThrow();
    await expect(discreteGaussianIntegers({ bytes: (_s, _t, n) => Promise.resolve(new Uint8Array(n)) }, 0, 1, 1, 1)).rejects.toThrow(/zeros/);
    await expect(discreteGaussianIntegers({ bytes: (_s, _t, n) => Promise.resolve(new Uint8Array(n).fill(0x60)) }, 0, 1, 1, 1)).rejects.toMatchObject({ code: 'privacy/random-words' });
  });
});

describe('accounting of the discrete Gaussian', () => {
  it('its Renyi divergence stays at or below the continuous one\'s, summed over the integers', () => {
    for (const sigma of [0.4, 0.7, 1, 3, 20]) {
      for (const shift of [1, 2, 7]) {
        for (const order of [1.5, 2, 3.3, 8]) {
          const bound = discreteGaussianRdp(shift / sigma, order);
          if (bound * (order - 1) > 600) continue; // The moment itself is no float64.
          const moment = ratiosOf(sigma, shift).reduce((sum, { here, there }) => sum + Math.exp(order * Math.log(there) - (order - 1) * Math.log(here)), 0);
          // 1e-9: sums of some hundred terms that range over 300 decimals.
          expect(Math.log(moment) / (order - 1)).toBeLessThanOrEqual(bound * (1 + 1e-9));
        }
      }
    }
  });

  it('Poisson-sampled, it stays at or below the continuous one\'s at whole orders, in both directions', () => {
    for (const sigma of [0.6, 1, 4]) {
      for (const q of [0.01, 0.2, 0.7]) {
        for (const order of [2, 3, 6]) {
          const bound = rdpOfPoissonGaussian(q, sigma, order) + 1e-12;
          const pairs = ratiosOf(sigma, 1).map(({ here, there }) => ({ here, mixed: (1 - q) * here + q * there }));
          const rdp = (over: (pair: { here: number; mixed: number }) => number) => Math.log(pairs.reduce((sum, pair) => sum + over(pair), 0)) / (order - 1);
          expect(rdp(({ here, mixed }) => Math.exp(order * Math.log(mixed) - (order - 1) * Math.log(here)))).toBeLessThanOrEqual(bound);
          expect(rdp(({ here, mixed }) => Math.exp(order * Math.log(here) - (order - 1) * Math.log(mixed)))).toBeLessThanOrEqual(bound);
        }
      }
    }
  });

  it('costs a little more than the exact Gaussian, as computed elsewhere', () => {
    const found = [0.5, 1, 3, 8].map((epsilon) => discreteGaussianEpsilon(gaussianMu(epsilon, 1e-5), 1e-5));
    // Two decimals are known: 0.55, 1.09, 3.25, 8.60.
    [0.55, 1.09, 3.25, 8.6].forEach((expected, index) => { expect(found[index]).toBeCloseTo(expected, 2); });
  });

  it('is never below the exact Gaussian; rises with mu, falls with delta; ends are right', () => {
    let last = 0;
    for (const mu of [1e-3, 0.01, 0.1, 0.5, 1, 3, 10]) {
      const epsilon = discreteGaussianEpsilon(mu, 1e-6);
      expect(epsilon).toBeGreaterThanOrEqual(gaussianEpsilon(mu, 1e-6));
      expect(epsilon).toBeGreaterThan(last);
      expect(discreteGaussianEpsilon(mu, 1e-5)).toBeLessThan(epsilon);
      last = epsilon;
    }
    expect([discreteGaussianEpsilon(0, 1e-5), discreteGaussianEpsilon(1, 1), discreteGaussianEpsilon(1, 0)]).toEqual([0, 0, Infinity]);
    for (const bad of [NaN, -1]) {
      expect(() => discreteGaussianEpsilon(bad, 1e-5)).toThrow();
      expect(() => discreteGaussianEpsilon(1, bad)).toThrow();
    }
  });
});

describe('noise laws', () => {
  it('each draws and accounts its own', async () => {
    expect(await drawNoise('rounded-gaussian', testStream(2), 1, 1, 4, 3)).toEqual(await gaussianIntegers(testStream(2), 1, 1, 4, 3));
    expect(await drawNoise('discrete-gaussian', testStream(2), 1, 1, 4, 3)).toEqual(await discreteGaussianIntegers(testStream(2), 1, 1, 4, 3));
    expect(noiseEpsilon('rounded-gaussian', 1, 1e-5)).toBe(gaussianEpsilon(1, 1e-5));
    expect(noiseEpsilon('discrete-gaussian', 1, 1e-5)).toBe(discreteGaussianEpsilon(1, 1e-5));
  });
});
