import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { foundAtOnePercent, gaussianFound, gaussianGuessed, guessedRight, pairFound, pairGuessed } from './attack-limit.ts';
import { gaussianDelta, gaussianEpsilon } from './gaussian.ts';

describe('what an attacker finds at most', () => {
  it('is what guessing finds where nothing was released, and all where nothing is hidden', () => {
    expect(foundAtOnePercent({ epsilon: 0, delta: 0, mu: null })).toBeCloseTo(0.01, 15);
    expect(foundAtOnePercent({ epsilon: 0, delta: 0, mu: 0 })).toBeCloseTo(0.01, 15);
    expect(foundAtOnePercent({ epsilon: Infinity, delta: 1e-5, mu: null })).toBe(1);
    expect(foundAtOnePercent({ epsilon: Infinity, delta: 1e-5, mu: Infinity })).toBe(1);
    expect([pairFound(1, 0, 0), pairFound(Infinity, 1e-5, 0), pairFound(3, 1e-5, 1), gaussianFound(2, 1)]).toEqual([0, 1e-5, 1, 1]);
  });

  it('is by the pair e^eps FPR + delta while that is small, and 1 - e^-eps (1 - delta - FPR) from there on', () => {
    expect(foundAtOnePercent({ epsilon: 1, delta: 1e-5, mu: null })).toBeCloseTo(Math.E * 0.01 + 1e-5, 15);
    // e^8 times 1 % is above 1; the other line holds.
    expect(foundAtOnePercent({ epsilon: 8, delta: 1e-5, mu: null })).toBeCloseTo(1 - Math.exp(-8) * (0.99 - 1e-5), 15);
  });

  it.each([0.1, 0.5, 1, 2, 4])('of a Gaussian of mu %s is the least of what all its pairs allow, so that no number is above the claim', (mu) => {
    const found = gaussianFound(mu, 0.01);
    const pairs = Array.from({ length: 4000 }, (_, step) => step * 0.005).map((epsilon) => pairFound(epsilon, gaussianDelta(mu, epsilon), 0.01));
    expect(Math.min(...pairs)).toBeGreaterThanOrEqual(found - 1e-12);
    // The best of a grid of 0.005 in epsilon: off by the curvature times its square.
    expect(Math.min(...pairs) - found).toBeLessThan(1e-5);
    const delta = 1e-5;
    expect(foundAtOnePercent({ epsilon: gaussianEpsilon(mu, delta), delta, mu })).toBeLessThan(foundAtOnePercent({ epsilon: gaussianEpsilon(mu, delta), delta, mu: null }));
  });

  it('counts what the sampler adds to delta', () => {
    for (const mu of [null, 0.7]) expect(foundAtOnePercent({ epsilon: 3, delta: 1e-5, mu, samplerDelta: 1e-4 })).toBeGreaterThan(foundAtOnePercent({ epsilon: 3, delta: 1e-5, mu }) + 0.99e-4);
    // At an epsilon where the sampler's error has grown to all of delta, everybody may be found.
    for (const mu of [null, 9]) expect(foundAtOnePercent({ epsilon: 60, delta: 1e-5, mu, samplerDelta: 1 })).toBe(1);
  });
});

describe('how often a guess at even odds is right at most', () => {
  it('is a half for nothing and 1 for everything, and refuses what is no epsilon', () => {
    expect([pairGuessed(0, 0), pairGuessed(Infinity, 1e-5), pairGuessed(0, 1), gaussianGuessed(0), gaussianGuessed(Infinity)]).toEqual([0.5, 1, 1, 0.5, 1]);
    expect(pairGuessed(Math.log(3), 0)).toBeCloseTo(0.75, 15);
    for (const bad of [NaN, -1, -Infinity]) {
      expect(() => pairGuessed(bad, 1e-5)).toThrow(BedsideError);
      expect(() => gaussianGuessed(bad)).toThrow(BedsideError);
    }
    for (const delta of [NaN, -1]) expect(() => pairGuessed(1, delta)).toThrow(BedsideError);
  });

  it('counts delta: the best attack of an (epsilon, delta) mechanism knows for certain with chance delta, and guesses by epsilon else', () => {
    for (const [epsilon, delta] of [[0, 0.1], [1, 0.01], [3, 1e-5]] as const) {
      const byEpsilon = Math.exp(epsilon) / (1 + Math.exp(epsilon));
      expect(pairGuessed(epsilon, delta)).toBeCloseTo(delta + (1 - delta) * byEpsilon, 15);
    }
  });

  it.each([0.1, 0.72, 2, 4])('of a Gaussian of mu %s is the best threshold of its trade-off curve, and no pair of it says less', (mu) => {
    const best = Math.max(...Array.from({ length: 9999 }, (_, i) => (i + 1) / 1e4).map((falseAlarms) => (1 - falseAlarms + gaussianFound(mu, falseAlarms)) / 2));
    expect(best).toBeLessThanOrEqual(gaussianGuessed(mu) + 1e-12);
    // The best of a grid of 1e-4 in false alarms: off by the curvature times its square.
    expect(gaussianGuessed(mu) - best).toBeLessThan(1e-6);
    const pairs = Array.from({ length: 4000 }, (_, step) => step * 0.005).map((epsilon) => pairGuessed(epsilon, gaussianDelta(mu, epsilon)));
    expect(Math.min(...pairs)).toBeGreaterThanOrEqual(gaussianGuessed(mu) - 1e-12);
    expect(guessedRight({ epsilon: gaussianEpsilon(mu, 1e-5), delta: 1e-5, mu })).toBe(gaussianGuessed(mu));
  });

  it('is never below what the share found at 1 % false alarms already makes of it, and counts what the sampler adds', () => {
    for (const claim of [{ epsilon: 3.32, delta: 1e-5, mu: 0.72 }, { epsilon: 3.32, delta: 1e-5, mu: null }]) {
      expect(guessedRight(claim)).toBeGreaterThanOrEqual((0.99 + foundAtOnePercent(claim)) / 2);
      expect(guessedRight({ ...claim, samplerDelta: 1e-4 })).toBeGreaterThan(guessedRight(claim));
    }
  });
});
