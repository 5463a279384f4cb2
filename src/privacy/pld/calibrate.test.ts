import { describe, expect, it } from 'vitest';
import { calibrateNoiseMultiplier, stepsWithinBudget } from '../composition.ts';
import { calibrateNoiseMultiplierPld, stepsWithinBudgetPld } from './calibrate.ts';
import { pldEpsilon } from './pld.ts';

const target = { epsilon: 3, delta: 1e-5, samplingRate: 0.01 };
const epsilonOf = (noiseMultiplier: number, count: number, adjacency: 'zero-out' | 'replace-one' = 'zero-out') => pldEpsilon([{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier, samplingRate: 0.01 }, count }], 1e-5, { adjacency }).epsilon;

describe('calibrateNoiseMultiplierPld', () => {
  it('meets the target and never exceeds it, with less noise than RDP asks for', () => {
    for (const adjacency of ['zero-out', 'replace-one'] as const) {
      const found = calibrateNoiseMultiplierPld({ ...target, steps: 1000, adjacency });
      const epsilon = epsilonOf(found, 1000, adjacency);
      expect(epsilon).toBeLessThanOrEqual(3);
      // A relative 1e-5 of noise is worth a few 1e-5 of epsilon.
      expect(epsilon).toBeGreaterThan(3 * (1 - 1e-4));
      // dp_accounting 0.6.0, its bisection: 0.81358521.
      if (adjacency === 'zero-out') expect(Math.abs(found / 0.81358521 - 1)).toBeLessThan(5e-4);
      if (adjacency === 'zero-out') expect(found).toBeLessThan(calibrateNoiseMultiplier({ ...target, steps: 1000 }));
    }
  });

  it('is exact at full batch', () => {
    const exact = calibrateNoiseMultiplier({ ...target, samplingRate: 1, steps: 50 });
    expect(calibrateNoiseMultiplierPld({ ...target, samplingRate: 1, steps: 50 })).toBe(exact);
    expect(calibrateNoiseMultiplierPld({ ...target, samplingRate: 1, steps: 50, adjacency: 'replace-one' })).toBe(2 * exact);
  });

  it('refuses targets that are none', () => {
    for (const bad of [NaN, 0, -1, Infinity]) expect(() => calibrateNoiseMultiplierPld({ ...target, steps: 10, epsilon: bad })).toThrow(/epsilon/);
    for (const bad of [NaN, 0, -1, 1]) expect(() => calibrateNoiseMultiplierPld({ ...target, steps: 10, delta: bad })).toThrow(/delta/);
    for (const bad of [NaN, 0, -1, 1.1]) expect(() => calibrateNoiseMultiplierPld({ ...target, steps: 10, samplingRate: bad })).toThrow(/sampling rate/);
    for (const bad of [NaN, 0, -1, 0.5]) expect(() => calibrateNoiseMultiplierPld({ ...target, steps: bad })).toThrow(/steps/);
  });
});

describe('stepsWithinBudgetPld', () => {
  it('gives the last number that fits', () => {
    // dp_accounting 0.6.0: 2666 at noise 1; RDP allows 2195.
    const found = stepsWithinBudgetPld({ ...target, noiseMultiplier: 1 });
    expect(Math.abs(found - 2666)).toBeLessThanOrEqual(2);
    expect(epsilonOf(1, found)).toBeLessThanOrEqual(3);
    expect(epsilonOf(1, found + 1)).toBeGreaterThan(3);
    expect(found).toBeGreaterThan(stepsWithinBudget({ ...target, noiseMultiplier: 1 }));
  });

  it('gives 0 where not even one fits, and answers for a replaced unit', () => {
    expect(stepsWithinBudgetPld({ epsilon: 0.01, delta: 1e-6, samplingRate: 0.5, noiseMultiplier: 0.5 })).toBe(0);
    const found = stepsWithinBudgetPld({ ...target, noiseMultiplier: 1, adjacency: 'replace-one' });
    expect(epsilonOf(1, found, 'replace-one')).toBeLessThanOrEqual(3);
    expect(epsilonOf(1, found + 1, 'replace-one')).toBeGreaterThan(3);
  });

  it('refuses noise and targets that are none', () => {
    for (const bad of [NaN, 0, -1, Infinity]) expect(() => stepsWithinBudgetPld({ ...target, noiseMultiplier: bad })).toThrow(/noise multiplier/);
    for (const bad of [NaN, 0, -1]) expect(() => stepsWithinBudgetPld({ ...target, noiseMultiplier: 1, epsilon: bad })).toThrow(/epsilon/);
  });

  it('refuses a delta that alone could pay for the unit that is drawn', () => {
    expect(() => calibrateNoiseMultiplierPld({ epsilon: 1, delta: 0.05, samplingRate: 0.001, steps: 20 })).toThrow(/delta must lie below the sampling rate/);
  });
});
