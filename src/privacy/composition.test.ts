import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrateNoiseMultiplier, composedEpsilon, stepsWithinBudget, type Charge } from './composition.ts';
import type { Mechanism } from './events.ts';
import { gaussianEpsilon, gaussianMu } from './gaussian.ts';

const poisson = (samplingRate: number, noiseMultiplier: number): Mechanism => ({ kind: 'poisson-gaussian', samplingRate, noiseMultiplier });
const gaussian = (noiseMultiplier: number): Mechanism => ({ kind: 'gaussian', noiseMultiplier });
const epsilonOf = (charges: readonly Charge[], delta = 1e-5) => composedEpsilon(charges, delta).epsilon;

const noise = fc.double({ min: 0.3, max: 50, noNaN: true });
const rate = fc.double({ min: 1e-4, max: 1, noNaN: true });
const steps = fc.integer({ min: 0, max: 5000 });
const delta = fc.double({ min: 1e-9, max: 0.1, noNaN: true });
const charge = fc.record({ mechanism: fc.oneof(fc.record({ kind: fc.constant('gaussian' as const), noiseMultiplier: noise }), fc.record({ kind: fc.constant('poisson-gaussian' as const), noiseMultiplier: noise, samplingRate: rate })), count: fc.integer({ min: 0, max: 200 }) });
/** Each property draws whole RDP curves of a few milliseconds. */
const runs = { numRuns: 40 };
/** Rounding of epsilon: the bisection's 1e-15, the sums' few ulp. */
const ROUNDING = 1 + 1e-12;

describe('the edge contract of the accountant', () => {
  it('gives 0 for nothing released, whatever the noise', () => {
    expect(epsilonOf([])).toBe(0);
    expect(epsilonOf([], 0)).toBe(0);
    expect(epsilonOf([{ mechanism: gaussian(0), count: 0 }])).toBe(0);
    expect(epsilonOf([{ mechanism: poisson(0, 0), count: 10 }], 0)).toBe(0);
  });

  it('gives Infinity without noise, and at delta 0', () => {
    for (const mechanism of [gaussian(0), poisson(0.01, 0), poisson(1, 0)]) expect(epsilonOf([{ mechanism, count: 1 }])).toBe(Infinity);
    for (const mechanism of [gaussian(5), poisson(0.01, 5)]) expect(epsilonOf([{ mechanism, count: 1 }], 0)).toBe(Infinity);
  });

  it('gives 0 at delta 1 and above', () => {
    for (const d of [1, 1.5]) expect(epsilonOf([{ mechanism: poisson(0.5, 0.5), count: 100 }], d)).toBe(0);
  });

  it('refuses what is no rate, noise, count or delta', () => {
    for (const bad of [NaN, -1, 1.5]) expect(() => epsilonOf([{ mechanism: poisson(bad, 1), count: 1 }])).toThrow();
    for (const bad of [NaN, -1]) {
      expect(() => epsilonOf([{ mechanism: gaussian(bad), count: 1 }])).toThrow();
      expect(() => epsilonOf([{ mechanism: poisson(0.1, bad), count: 1 }])).toThrow();
      expect(() => epsilonOf([{ mechanism: gaussian(1), count: bad }])).toThrow();
      expect(() => epsilonOf([], bad)).toThrow();
    }
    expect(() => epsilonOf([{ mechanism: gaussian(1), count: 0.5 }])).toThrow();
  });

  it('is never negative or NaN', () => {
    fc.assert(fc.property(fc.array(charge, { maxLength: 3 }), delta, (charges, d) => {
      expect(epsilonOf(charges, d)).toBeGreaterThanOrEqual(0);
    }), runs);
  });

  it('does not rise with noise or delta, nor fall with rate or steps', () => {
    fc.assert(fc.property(noise, rate, steps, delta, fc.double({ min: 1, max: 3, noNaN: true }), (s, q, count, d, factor) => {
      const at = (noiseMultiplier: number, samplingRate: number, t: number, deltaAt: number) => epsilonOf([{ mechanism: poisson(samplingRate, noiseMultiplier), count: t }], deltaAt);
      const here = at(s, q, count, d);
      expect(at(s * factor, q, count, d)).toBeLessThanOrEqual(here * ROUNDING);
      expect(at(s, q, count, Math.min(1, d * factor))).toBeLessThanOrEqual(here * ROUNDING);
      expect(at(s, Math.min(1, q * factor), count, d) * ROUNDING).toBeGreaterThanOrEqual(here);
      expect(at(s, q, Math.ceil(count * factor), d) * ROUNDING).toBeGreaterThanOrEqual(here);
    }), runs);
  });

  it('rises up to sampling rate 1, where RDP alone would step down to the exact Gaussian', () => {
    for (const [s, count] of [[1, 10], [5, 100], [20, 50]] as const) {
      const full = epsilonOf([{ mechanism: poisson(1, s), count }]);
      expect(full).toBe(gaussianEpsilon(Math.sqrt(count) / s, 1e-5));
      expect(epsilonOf([{ mechanism: poisson(1 - 1e-9, s), count }])).toBeLessThanOrEqual(full);
    }
  });

  it('does not depend on the order of charges or on how counts are split: to the bit', () => {
    fc.assert(fc.property(fc.array(charge, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 200 }), delta, (charges, cut, d) => {
      const here = composedEpsilon(charges, d);
      expect(composedEpsilon([...charges].reverse(), d)).toEqual(here);
      const split = charges.flatMap(({ mechanism, count }) => [{ mechanism, count: Math.min(cut, count) }, { mechanism, count: count - Math.min(cut, count) }]);
      expect(composedEpsilon(split, d)).toEqual(here);
    }), runs);
  });

  it('is exact for Gaussians alone: T steps of s are one of mu sqrt(T)/s, and meet other noises in squares', () => {
    expect(composedEpsilon([{ mechanism: gaussian(4), count: 9 }, { mechanism: gaussian(3), count: 16 }], 1e-6)).toEqual({
      epsilon: gaussianEpsilon(Math.sqrt(9 / 16 + 16 / 9), 1e-6), accountant: 'exact-gaussian', mu: Math.sqrt(16 / 9 + 9 / 16), order: null, isOrderAtEdge: false,
    });
  });

  it('is at most the sum and at least each part of a composition', () => {
    const a = { mechanism: poisson(0.01, 1), count: 1000 };
    const b = { mechanism: gaussian(10), count: 5 };
    const joint = composedEpsilon([a, b], 2e-5);
    expect(joint.accountant).toBe('rdp');
    expect(joint.epsilon).toBeLessThan(epsilonOf([a]) + epsilonOf([b]));
    expect(joint.epsilon).toBeGreaterThan(epsilonOf([a], 2e-5));
  });
});

describe('calibration', () => {
  it('finds the least noise for a target: within it, and not within it a little below', () => {
    fc.assert(fc.property(fc.double({ min: 0.05, max: 20, noNaN: true }), fc.double({ min: 1e-9, max: 1e-2, noNaN: true }), fc.double({ min: 1e-3, max: 1, noNaN: true }), fc.integer({ min: 1, max: 5000 }), (epsilon, d, samplingRate, count) => {
      const found = calibrateNoiseMultiplier({ epsilon, delta: d, samplingRate, steps: count });
      const at = (noiseMultiplier: number) => epsilonOf([{ mechanism: samplingRate === 1 ? gaussian(noiseMultiplier) : poisson(samplingRate, noiseMultiplier), count }], d);
      expect(at(found)).toBeLessThanOrEqual(epsilon);
      expect(at(found * (1 - 1e-7))).toBeGreaterThan(epsilon);
    }), runs);
  });

  it('finds it beside the step to epsilon 0 of a release that delta alone pays for', () => {
    // Twice .001 of a sample and delta .0014: just above this noise the total variation is below delta.
    const target = { epsilon: 0.25473576032270684, delta: 0.0013911547372702066, samplingRate: 0.001, steps: 2 };
    const found = calibrateNoiseMultiplier(target);
    const at = (noiseMultiplier: number) => epsilonOf([{ mechanism: poisson(target.samplingRate, noiseMultiplier), count: target.steps }], target.delta);
    expect(at(found)).toBeLessThanOrEqual(target.epsilon);
    expect(at(found * (1 - 1e-8))).toBeGreaterThan(target.epsilon);
  });

  it('is the analytic Gaussian at full batch', () => {
    const found = calibrateNoiseMultiplier({ epsilon: 1, delta: 1e-5, samplingRate: 1, steps: 50 });
    // Rounding may lift it by a few ulp.
    expect(found / (Math.sqrt(50) / gaussianMu(1, 1e-5)) - 1).toBeLessThan(1e-12);
  });

  it('finds the most steps: they fit, one more does not', () => {
    fc.assert(fc.property(fc.double({ min: 0.2, max: 10, noNaN: true }), fc.double({ min: 0.5, max: 20, noNaN: true }), fc.double({ min: 1e-3, max: 1, noNaN: true }), (epsilon, noiseMultiplier, samplingRate) => {
      const count = stepsWithinBudget({ epsilon, delta: 1e-5, samplingRate, noiseMultiplier });
      const at = (t: number) => epsilonOf([{ mechanism: samplingRate === 1 ? gaussian(noiseMultiplier) : poisson(samplingRate, noiseMultiplier), count: t }]);
      expect(at(count)).toBeLessThanOrEqual(epsilon);
      expect(at(count + 1)).toBeGreaterThan(epsilon);
    }), runs);
    expect(stepsWithinBudget({ epsilon: 1, delta: 1e-5, samplingRate: 1, noiseMultiplier: 1e12 })).toBe(2 ** 40);
  });

  it('refuses targets that are none', () => {
    const target = { epsilon: 1, delta: 1e-5, samplingRate: 0.1 };
    for (const change of [{ epsilon: 0 }, { epsilon: NaN }, { epsilon: -1 }, { epsilon: Infinity }, { delta: 0 }, { delta: 1 }, { delta: NaN }, { samplingRate: 0 }, { samplingRate: 1.1 }, { samplingRate: NaN }]) {
      expect(() => calibrateNoiseMultiplier({ ...target, steps: 10, ...change })).toThrow();
      expect(() => stepsWithinBudget({ ...target, noiseMultiplier: 1, ...change })).toThrow();
    }
    for (const bad of [0, -1, 0.5, NaN]) expect(() => calibrateNoiseMultiplier({ ...target, steps: bad })).toThrow();
    for (const bad of [0, -1, NaN]) expect(() => stepsWithinBudget({ ...target, noiseMultiplier: bad })).toThrow();
  });
});
