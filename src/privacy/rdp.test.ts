import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logErfc } from '../ground/special.ts';
import { defaultOrders, epsilonOfOrder, rdpEpsilon, rdpOfPoissonGaussian, rdpToEpsilon } from './rdp.ts';

interface Goldens {
  readonly rdp_single_order: readonly { readonly q: number; readonly sigma: number; readonly alpha: number; readonly rdp_exact: number; readonly opacus: number }[];
}
const goldens = JSON.parse(readFileSync(new URL('../fixtures/goldens/privacy.json', import.meta.url), 'utf8')) as Goldens;

/** The two infinite series with signed binomials of Mironov, Talwar & Zhang 2019, section 3.3: another route to the same number. */
function rdpBySeries(q: number, sigma: number, order: number): number {
  const turn = sigma * sigma * Math.log(1 / q - 1) + 0.5;
  let sum = 0;
  let coefficient = 1;
  for (let i = 0; i < 4000; i++) {
    const j = order - i;
    const left = i * Math.log(q) + j * Math.log1p(-q) + (i * i - i) / (2 * sigma * sigma) + logErfc((i - turn) / (Math.SQRT2 * sigma)) - Math.LN2;
    const right = j * Math.log(q) + i * Math.log1p(-q) + (j * j - j) / (2 * sigma * sigma) + logErfc((turn - j) / (Math.SQRT2 * sigma)) - Math.LN2;
    sum += coefficient * (Math.exp(left) + Math.exp(right));
    coefficient *= (order - i) / (i + 1);
  }
  return Math.log(sum) / (order - 1);
}

describe('rdpOfPoissonGaussian', () => {
  it.each(goldens.rdp_single_order)('q $q, sigma $sigma, order $alpha', ({ q, sigma, alpha, rdp_exact }) => {
    // mpmath with 40 digits, printed with 13.
    expect(Math.abs(rdpOfPoissonGaussian(q, sigma, alpha) / rdp_exact - 1)).toBeLessThan(1e-12);
  });

  it('agrees with the series at broken orders, and with the quadrature beside a whole one', () => {
    for (const [q, sigma, order] of [[0.01, 1, 7.8], [0.3, 0.8, 2.5], [0.02, 2, 10.1], [0.1, 0.6, 4.4]] as const) {
      // The series adds terms of both signs; what is left of 16 digits relative to A near 1.
      expect(Math.abs(rdpOfPoissonGaussian(q, sigma, order) - rdpBySeries(q, sigma, order))).toBeLessThan(1e-11);
    }
    for (const order of [2, 3, 5, 10]) {
      const beside = rdpOfPoissonGaussian(0.05, 1.3, order + 1e-9);
      // The slope in the order is below 1 here.
      expect(Math.abs(beside - rdpOfPoissonGaussian(0.05, 1.3, order))).toBeLessThan(2e-9);
    }
  });

  it('stays finite and positive at the ends of its range, and rises with the order', () => {
    for (const sigma of [0.02, 0.049, 0.05, 0.06, 0.3, 1, 30, 1e4]) {
      for (const q of [1e-9, 1e-4, 0.5, 0.999999]) {
        let before = 0;
        for (const order of [1.01, 1.5, 2, 2.5, 3, 10.9, 11, 64, 1024, 4096]) {
          const value = rdpOfPoissonGaussian(q, sigma, order);
          expect(value).toBeGreaterThan(0);
          expect(value).toBeLessThan(Infinity);
          expect(value).toBeGreaterThanOrEqual(before * (1 - 1e-12));
          // Never more than without the sampling, but for the next whole order where the noise is tiny.
          expect(value).toBeLessThanOrEqual((Math.ceil(order) / (2 * sigma * sigma)) * (1 + 1e-12));
          before = value;
        }
      }
    }
  });

  it('has its edges', () => {
    expect(rdpOfPoissonGaussian(0, 1, 2)).toBe(0);
    expect(rdpOfPoissonGaussian(0.1, Infinity, 2)).toBe(0);
    expect(rdpOfPoissonGaussian(0.1, 0, 2)).toBe(Infinity);
    expect(rdpOfPoissonGaussian(1, 2, 3)).toBe(3 / 8);
    for (const [q, sigma, order] of [[-0.1, 1, 2], [1.1, 1, 2], [NaN, 1, 2], [0.1, -1, 2], [0.1, NaN, 2], [0.1, 1, 1], [0.1, 1, 0], [0.1, 1, NaN], [0.1, 1, Infinity]] as const) {
      expect(() => rdpOfPoissonGaussian(q, sigma, order)).toThrow();
    }
  });
});

describe('rdpToEpsilon', () => {
  it('takes the best order and says where it lies at the edge', () => {
    const orders = [2, 4, 8];
    const found = rdpToEpsilon(orders, orders.map((order) => order / 8), 1e-5);
    expect(found.epsilon).toBe(Math.min(...orders.map((order) => epsilonOfOrder(order / 8, order, 1e-5))));
    expect(found).toMatchObject({ order: 8, isOrderAtEdge: true });
    // sigma 1, q .01, 1000 steps: best order 7.8, far from both ends.
    expect(rdpEpsilon({ samplingRate: 0.01, noiseMultiplier: 1, steps: 1000, delta: 1e-5 }).isOrderAtEdge).toBe(false);
  });

  it('gives 0 where the total variation is below delta', () => {
    expect(rdpToEpsilon([2], [1e-11], 1e-5).epsilon).toBe(0);
    // 1 - exp(-1e-9) > delta^2, so only the conversion speaks; it is above 0 here.
    expect(rdpToEpsilon([2], [1e-9], 1e-5).epsilon).toBeGreaterThan(0);
  });

  it('has its edges', () => {
    expect(rdpToEpsilon([2, 3], [0, 0], 0).epsilon).toBe(0);
    expect(rdpToEpsilon([2, 3], [1, 1], 0).epsilon).toBe(Infinity);
    expect(rdpToEpsilon([2, 3], [1, 1], 1).epsilon).toBe(0);
    expect(rdpToEpsilon([2, 3], [Infinity, Infinity], 1e-5).epsilon).toBe(Infinity);
    for (const delta of [-1, NaN]) expect(() => rdpToEpsilon([2], [1], delta)).toThrow();
    expect(() => rdpToEpsilon([2], [NaN], 1e-5)).toThrow();
    expect(() => rdpToEpsilon([2], [-1], 1e-5)).toThrow();
    expect(() => rdpToEpsilon([], [], 1e-5)).toThrow();
    expect(() => rdpToEpsilon([2, 3], [1], 1e-5)).toThrow();
    expect(rdpEpsilon({ samplingRate: 0.1, noiseMultiplier: 0, steps: 0, delta: 1e-5 }).epsilon).toBe(0);
    expect(rdpEpsilon({ samplingRate: 0.1, noiseMultiplier: 0, steps: 1, delta: 1e-5 }).epsilon).toBe(Infinity);
    for (const steps of [-1, 0.5, NaN]) expect(() => rdpEpsilon({ samplingRate: 0.1, noiseMultiplier: 1, steps, delta: 1e-5 })).toThrow();
  });

  it('orders rise, so that the edge is the edge', () => {
    expect([...defaultOrders].sort((a, b) => a - b)).toEqual(defaultOrders);
    expect(new Set(defaultOrders).size).toBe(defaultOrders.length);
    fc.assert(fc.property(fc.constantFrom(...defaultOrders), (order) => order > 1));
  });
});
