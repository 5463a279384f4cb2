import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gaussianDelta, gaussianEpsilon, gaussianMu, logGaussianDelta } from './gaussian.ts';

interface Goldens {
  readonly gaussian_delta: readonly { readonly sigma: number; readonly epsilon: number; readonly delta_exact: string }[];
  readonly gaussian_epsilon: readonly { readonly sigma: number; readonly delta: number; readonly epsilon: number }[];
  readonly gaussian_sigma: readonly { readonly epsilon: number; readonly delta: number; readonly sigma_analytic: number }[];
}
const goldens = JSON.parse(readFileSync(new URL('../fixtures/goldens/privacy.json', import.meta.url), 'utf8')) as Goldens;

/** ln of a decimal number that may lie below the smallest float64. */
function logOfDecimal(text: string): number {
  const [mantissa, exponent = '0'] = text.split('e');
  return Math.log(Number(mantissa)) + Number(exponent) * Math.LN10;
}

describe('gaussianDelta', () => {
  it.each(goldens.gaussian_delta)('sigma $sigma, epsilon $epsilon', ({ sigma, epsilon, delta_exact }) => {
    const expected = logOfDecimal(delta_exact);
    // The reference is printed with 14 digits; -a^2/2 of magnitude L carries a rounding of about 2e-16 L.
    expect(Math.abs(logGaussianDelta(1 / sigma, epsilon) - expected)).toBeLessThan(1e-11 + 1e-15 * Math.abs(expected));
  });

  it('agrees with quadrature of its definition', () => {
    // delta = int (p(x + ...) ...)+ : midpoint rule for int max(0, phi(x - mu) - e^eps phi(x)) dx from the point where they meet.
    for (const [mu, epsilon] of [[0.01, 0.001], [0.3, 0.5], [1, 1], [2.5, 0.1], [5, 20]] as const) {
      const start = epsilon / mu + mu / 2;
      const step = 1e-3;
      let sum = 0;
      for (let k = 0; k < 20000; k++) {
        const x = start + (k + 0.5) * step;
        sum += Math.exp(-((x - mu) ** 2) / 2) - Math.exp(epsilon - (x * x) / 2);
      }
      const expected = (sum * step) / Math.sqrt(2 * Math.PI);
      // The midpoint rule errs by h^2/24 of the slope at the start, about 4e-8 of mu.
      expect(Math.abs(gaussianDelta(mu, epsilon) - expected)).toBeLessThan(1e-7 * mu);
    }
  });

  it('has its edges', () => {
    expect(gaussianDelta(0, 1)).toBe(0);
    expect(gaussianDelta(Infinity, 1)).toBe(1);
    expect(gaussianDelta(1e-6, 0)).toBeCloseTo(1e-6 / Math.sqrt(2 * Math.PI), 16);
    for (const [mu, epsilon] of [[NaN, 1], [-1, 1], [1, NaN], [1, -1], [1, Infinity]] as const) expect(() => gaussianDelta(mu, epsilon)).toThrow();
  });

  it('joins its branches: falls in epsilon and rises in mu', () => {
    const mu = fc.double({ min: 1e-5, max: 60, noNaN: true });
    const epsilon = fc.double({ min: 0, max: 300, noNaN: true });
    fc.assert(fc.property(mu, epsilon, fc.double({ min: 1.0000001, max: 1.5, noNaN: true }), (m, e, factor) => {
      expect(logGaussianDelta(m, e * factor)).toBeLessThanOrEqual(logGaussianDelta(m, e) + 1e-11);
      expect(logGaussianDelta(m * factor, e)).toBeGreaterThanOrEqual(logGaussianDelta(m, e) - 1e-11);
    }), { numRuns: 500 });
  });
});

describe('gaussianEpsilon and gaussianMu', () => {
  it.each(goldens.gaussian_epsilon)('epsilon at sigma $sigma, delta $delta', ({ sigma, delta, epsilon }) => {
    // Printed with 12 decimals at most.
    expect(Math.abs(gaussianEpsilon(1 / sigma, delta) - epsilon)).toBeLessThan(1e-11 + 1e-11 * epsilon);
  });

  it.each(goldens.gaussian_sigma)('sigma at epsilon $epsilon, delta $delta', ({ epsilon, delta, sigma_analytic }) => {
    expect(Math.abs(1 / gaussianMu(epsilon, delta) / sigma_analytic - 1)).toBeLessThan(1e-11);
  });

  it('never promise more than delta', () => {
    fc.assert(fc.property(fc.double({ min: 1e-3, max: 20, noNaN: true }), fc.double({ min: 1e-12, max: 0.5, noNaN: true }), (value, delta) => {
      expect(logGaussianDelta(value, gaussianEpsilon(value, delta))).toBeLessThanOrEqual(Math.log(delta));
      expect(logGaussianDelta(gaussianMu(value, delta), value)).toBeLessThanOrEqual(Math.log(delta));
    }));
  });

  it('have their edges', () => {
    expect([gaussianEpsilon(0, 1e-5), gaussianEpsilon(0, 0), gaussianEpsilon(3, 1), gaussianEpsilon(3, 2)]).toEqual([0, 0, 0, 0]);
    expect([gaussianEpsilon(Infinity, 1e-5), gaussianEpsilon(1e-9, 0)]).toEqual([Infinity, Infinity]);
    // About mu^2 / 2, which is no number any more.
    expect([gaussianEpsilon(1e150, 1e-5) < Infinity, gaussianEpsilon(1e155, 1e-5)]).toEqual([true, Infinity]);
    expect([gaussianMu(1, 0), gaussianMu(1, 1)]).toEqual([0, Infinity]);
    expect(gaussianEpsilon(1e-6, 1e-5)).toBe(0);
    for (const bad of [NaN, -1]) {
      expect(() => gaussianEpsilon(bad, 1e-5)).toThrow();
      expect(() => gaussianEpsilon(1, bad)).toThrow();
      expect(() => gaussianMu(bad, 1e-5)).toThrow();
      expect(() => gaussianMu(1, bad)).toThrow();
    }
  });
});
