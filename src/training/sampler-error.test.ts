import { describe, expect, it } from 'vitest';
import { gaussianMu } from '../privacy/gaussian.ts';
import { gaussianSamplerError, samplerDelta } from '../privacy/noise.ts';
import { samplerErrorOf } from './sampler-error.ts';
import { nanoPlans } from './testing/nano-session.ts';

const head = (values: number) => ({ kind: 'head', labels: [], maximumLength: 16, features: { layers: [2], weights: [1], isUnitLength: true }, mean: null, biasInput: 0.3, weights: new Float32Array(values) }) as const;

describe('samplerErrorOf', () => {
  it('counts every release with all of the model\'s values, on a grid no coarser than the release\'s', () => {
    const plan = nanoPlans.fullBatch(48);
    const charges = [{ mechanism: { kind: 'gaussian', noiseMultiplier: 5 }, count: 1 }, { mechanism: { kind: 'gaussian', noiseMultiplier: 20 }, count: 10 }] as const;
    const found = samplerErrorOf(plan, head(100), charges);
    // The head's own grid: 2^22 steps to one.
    const ofHead = 10 * gaussianSamplerError(20 * Math.floor(plan.clipNorm * 2 ** 22), 100);
    expect(found).toBeGreaterThan(ofHead);
    expect(found).toBeLessThan(2 * ofHead);
    expect(samplerErrorOf(plan, head(100), [])).toBe(0);
    expect(samplerErrorOf(plan, head(200), charges)).toBeCloseTo(2 * found, 30);
  });

  it('adds less than 1e-11 to delta for 77 classes over one layer or two at epsilon 3, and less than 1e-10 over one at 8', () => {
    const plan = { ...nanoPlans.fullBatch(48), clipNorm: 0.3, steps: 50 };
    const added = (epsilon: number, values: number) => samplerDelta(epsilon, samplerErrorOf(plan, head(values), [{ mechanism: { kind: 'gaussian', noiseMultiplier: Math.sqrt(50) / gaussianMu(epsilon, 1e-5) }, count: 50 }]));
    for (const layers of [1, 2]) {
      expect(added(3, 77 * (384 * layers + 1))).toBeGreaterThan(1e-13);
      expect(added(3, 77 * (384 * layers + 1))).toBeLessThan(1e-11);
    }
    expect(added(3, 77 * 385)).toBeCloseTo(1.25e-12, 13);
    expect(added(8, 77 * 385)).toBeCloseTo(7.6e-11, 12);
  });

  it('grows with the limit that runs share and with the number of them, as NOISE.md says of a budget that does not count it', () => {
    const delta = 1e-5;
    const plan = { ...nanoPlans.fullBatch(48), clipNorm: 0.3, steps: 50 };
    // So many equal runs spend the limit together.
    const addedWithin = (limit: number, runs: number) => {
      const count = 50 * runs;
      return samplerDelta(limit, samplerErrorOf(plan, head(77 * 385), [{ mechanism: { kind: 'gaussian', noiseMultiplier: Math.sqrt(count) / gaussianMu(limit, delta) }, count }])) / delta;
    };
    expect(addedWithin(4, 100)).toBeLessThan(1 / 1000);
    expect(addedWithin(8, 100)).toBeLessThan(1 / 50);
    expect(addedWithin(8, 100) / addedWithin(8, 1)).toBeCloseTo(1000, 2);
    expect(addedWithin(20, 1)).toBeGreaterThan(1 / 2);
    expect(addedWithin(20, 10)).toBeGreaterThan(1);
  });
});
