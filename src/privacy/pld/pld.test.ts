import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { composedEpsilon, type Charge } from '../composition.ts';
import type { GaussianMechanism } from '../events.ts';
import { gaussianDelta, gaussianEpsilon } from '../gaussian.ts';
import { singleStepDelta } from '../single-step.ts';
import { composePld } from './compose.ts';
import { reversed } from './loss-pair.ts';
import { composeCharges, gridOf, pldDelta, pldEpsilon, pldOf } from './pld.ts';

const poisson = (samplingRate: number, noiseMultiplier: number): GaussianMechanism => ({ kind: 'poisson-gaussian', samplingRate, noiseMultiplier });
const gaussian = (noiseMultiplier: number): GaussianMechanism => ({ kind: 'gaussian', noiseMultiplier });
const charge = (samplingRate: number, noiseMultiplier: number, count: number): Charge => ({ mechanism: poisson(samplingRate, noiseMultiplier), count });
const epsilonOf = (charges: readonly Charge[], delta = 1e-5) => pldEpsilon(charges, delta).epsilon;

const noise = fc.double({ min: 0.6, max: 10, noNaN: true });
const rate = fc.double({ min: 0.02, max: 0.3, noNaN: true });
const steps = fc.integer({ min: 1, max: 500 });
const delta = fc.double({ min: 1e-9, max: 0.05, noNaN: true });
const factor = fc.double({ min: 1, max: 2, noNaN: true });
const runs = { numRuns: 10 };
/** Ten times the usual distance, so that a draw takes milliseconds. */
const coarse = { grid: 1e-3 };
const coarsely = (charges: readonly Charge[], at: number) => pldEpsilon(charges, at, coarse).epsilon;
/** On one grid, what may differ is how much is cut (1e-8 of delta), and where two cells meet. */
const slack = (epsilon: number) => epsilon * (1 + 1e-5) + 1e-6;
/** Losses of different mechanisms lie differently between grid points. At the least rate and most noise the deviation is 2e-3, so the grid overstates by h^2 / 12 Var = 2 %. */
const gridSlack = (epsilon: number) => epsilon * 1.025 + 1e-3;

describe('the edge contract', () => {
  it('gives 0 for nothing released and for delta of 1', () => {
    for (const charges of [[], [charge(0.1, 1, 0)], [charge(0, 1, 10)], [{ mechanism: gaussian(1), count: 0 }]]) {
      expect(epsilonOf(charges)).toBe(0);
      expect(epsilonOf(charges, 0)).toBe(0);
      expect(pldDelta(charges, 0)).toBe(0);
    }
    expect(epsilonOf([charge(0.1, 1, 100)], 1)).toBe(0);
  });

  it('gives Infinity, or delta 1, without noise, and Infinity at delta 0', () => {
    expect(epsilonOf([charge(0.1, 0, 1)])).toBe(Infinity);
    expect(pldDelta([charge(0.1, 0, 1)], 3)).toBe(1);
    expect(epsilonOf([charge(0.1, 1, 1)], 0)).toBe(Infinity);
  });

  it('gives 0 where delta alone pays', () => {
    // The total variation of one such release is q times that of the Gaussian.
    expect(epsilonOf([charge(1e-4, 1, 1)], 1e-4)).toBe(0);
    expect(epsilonOf([charge(1e-4, 1, 1)], 1e-5)).toBeGreaterThan(0);
  });

  it('answers a hopeless budget with the other accountants\' bound', () => {
    expect(pldEpsilon([charge(0.25, 0.5, 5000)], 1e-5)).toMatchObject({ grid: null, remove: null });
    expect(epsilonOf([charge(0.25, 0.5, 5000)])).toBe(composedEpsilon([charge(0.25, 0.5, 5000)], 1e-5).epsilon);
  });

  it('counts almost no noise as none', () => {
    // A unit that is never drawn loses nothing: delta at any epsilon is at most the chance of being drawn at all, and close to it.
    const found = pldDelta([charge(1e-4, 0.01, 10)], 1);
    expect(found).toBeGreaterThanOrEqual(1 - (1 - 1e-4) ** 10);
    expect(found).toBeLessThan(1.0001e-3);
    // RDP knows nothing of this one: 13,173.
    expect(epsilonOf([charge(1e-7, 0.02, 10)])).toBe(0);
  });

  it('refuses what is no rate, noise, count, delta, epsilon or adjacency', () => {
    for (const bad of [NaN, -1, 1.5]) expect(() => epsilonOf([charge(bad, 1, 1)])).toThrow(/sampling rate/);
    for (const bad of [NaN, -1]) {
      expect(() => epsilonOf([charge(0.1, bad, 1)])).toThrow(/noise multiplier/);
      expect(() => epsilonOf([charge(0.1, 1, 1)], bad)).toThrow(/delta/);
      expect(() => pldDelta([charge(0.1, 1, 1)], bad)).toThrow(/epsilon/);
    }
    for (const bad of [NaN, -1, 0.5, Infinity]) expect(() => epsilonOf([charge(0.1, 1, bad)])).toThrow(/number of releases/);
    for (const bad of [NaN, 0, -1, Infinity]) {
      expect(() => pldOf(poisson(0.1, 1), { grid: bad })).toThrow(/grid/);
      expect(() => pldOf(poisson(0.1, bad))).toThrow(/noise multiplier/);
      expect(() => gridOf(gaussian(bad))).toThrow(/noise multiplier/);
    }
    expect(() => pldOf(poisson(0.1, 1), { grid: 1e-9 })).toThrow(/grid points/);
    const parts = [{ pair: pldOf(poisson(0.1, 1)), count: 1 }];
    for (const bad of [NaN, 0, -1]) expect(() => composePld(parts, { delta: bad })).toThrow(/delta/);
    expect(() => composePld([{ ...parts[0]!, count: 1.5 }], { delta: 1e-5 })).toThrow(/number of releases/);
    // A name that came from outside the type's reach.
    const foreign = JSON.parse('{"adjacency":"bounded"}') as { adjacency: 'zero-out' };
    expect(() => pldEpsilon([charge(0.1, 1, 1)], 1e-5, foreign)).toThrow(/zero-out, add-remove, replace-one/);
  });
});

describe('never below the truth', () => {
  it('one release: at least the closed form, and nearly it', () => {
    fc.assert(fc.property(fc.double({ min: 1e-3, max: 0.5, noNaN: true }), fc.double({ min: 0.4, max: 10, noNaN: true }), fc.double({ min: 0, max: 4, noNaN: true }), (q, sigma, epsilon) => {
      const exact = singleStepDelta(q, sigma, epsilon);
      const truth = Math.max(exact.remove, exact.add);
      const found = pldDelta([charge(q, sigma, 1)], epsilon);
      // The closed form is good to 1e-13. The chord across a cell of at most 0.03 deviations overstates by a share of 1e-3 where delta falls fastest.
      // The transform's bound of losses above its window is at most 1e-9 of Chernoff's bound, which for one release may be a thousand times delta.
      expect(found).toBeGreaterThanOrEqual(truth * (1 - 1e-12));
      expect(found).toBeLessThanOrEqual(truth * 1.01 + 1e-30);
    }), runs);
  });

  it('masses are good to a relative 1e-12: delta of one release at grid points, in both directions and far out', () => {
    for (const [q, sigma] of [[0.01, 1], [0.001, 0.5], [0.2, 0.3], [0.05, 4]] as const) {
      const pair = pldOf(poisson(q, sigma));
      for (const [direction, name] of [[pair, 'remove'], [reversed(pair), 'add']] as const) {
        for (const cell of [0, 1, 100, 1000, 10_000, 40_000]) {
          const truth = singleStepDelta(q, sigma, cell * pair.grid)[name];
          if (truth < 1e-25) continue;
          let found = direction.infinityMass;
          for (let i = direction.masses.length - 1; direction.first + i > cell; i--) found -= Math.expm1((cell - direction.first - i) * pair.grid) * direction.masses[i]!;
          expect(Math.abs(found / truth - 1)).toBeLessThan(1e-12);
        }
      }
    }
  });

  it('many full-batch releases through the grid and the transform: at least the exact Gaussian, and nearly it', () => {
    // At noise 0.15 losses reach from -300 to 100: what is cut at one end must not come back inflated at the other.
    for (const [sigma, count] of [[5, 1], [20, 1000], [3, 20], [0.15, 1]] as const) {
      const oneWay = pldOf(gaussian(sigma), sigma < 1 ? coarse : {});
      for (const [pair, target] of [[oneWay, 1e-3], [oneWay, 1e-12], [reversed(oneWay), 1e-6]] as const) {
        const exact = gaussianEpsilon(Math.sqrt(count) / sigma, target);
        const found = composePld([{ pair, count }], { delta: target })?.epsilonAt(target) ?? NaN;
        expect(found).toBeGreaterThanOrEqual(exact * (1 - 1e-14));
        // h^2 / 12 Var, for these grids at most 7.5e-5.
        expect(found).toBeLessThanOrEqual(exact * (1 + 1e-4));
        const at = composePld([{ pair, count }], { epsilon: exact });
        expect(at?.deltaAt(exact)).toBeGreaterThanOrEqual(gaussianDelta(Math.sqrt(count) / sigma, exact));
        expect(at?.deltaAt(exact)).toBeLessThanOrEqual(target * 1.01);
      }
    }
  });

  it('two releases against a quadrature over both outcomes', () => {
    const [q, sigma, mu] = [0.1, 1, 1];
    const ratioAt = (z: number) => 1 - q + q * Math.exp(mu * z - (mu * mu) / 2);
    // delta = integral of (P1 P2 - e^eps Q1 Q2)+ by the trapezoid rule, whose kink leaves an error of the step squared.
    const step = 0.01;
    const nodes = Array.from({ length: 1900 }, (_, index) => ({ density: Math.exp(-((-9 + index * step) ** 2) / 2) / Math.sqrt(2 * Math.PI), ratio: ratioAt(-9 + index * step) }));
    for (const epsilon of [0.1, 0.5, 1.5]) {
      let truth = 0;
      for (const a of nodes) for (const b of nodes) truth += a.density * b.density * Math.max(0, a.ratio * b.ratio - Math.exp(epsilon)) * step * step;
      const found = composeCharges([charge(q, sigma, 2)], { epsilon }).remove.deltaAt(epsilon);
      expect(found).toBeGreaterThan(truth * (1 - 1e-5));
      expect(found).toBeLessThan(truth * (1 + 1e-3));
    }
  });
});

describe('monotone, and indifferent to order and split', () => {
  it('does not rise with delta, nor fall with steps', () => {
    fc.assert(fc.property(noise, rate, steps, delta, factor, (sigma, q, count, d, more) => {
      const here = coarsely([charge(q, sigma, count)], d);
      expect(coarsely([charge(q, sigma, count)], d * more)).toBeLessThanOrEqual(slack(here));
      expect(here).toBeLessThanOrEqual(slack(coarsely([charge(q, sigma, Math.ceil(count * more))], d)));
    }), runs);
  });

  it('does not rise with noise, nor fall with the rate, up to the grid', () => {
    fc.assert(fc.property(noise, rate, steps, delta, factor, (sigma, q, count, d, more) => {
      const here = coarsely([charge(q, sigma, count)], d);
      expect(coarsely([charge(q, sigma * more, count)], d)).toBeLessThanOrEqual(gridSlack(here));
      expect(here).toBeLessThanOrEqual(gridSlack(coarsely([charge(Math.min(1, q * more), sigma, count)], d)));
    }), runs);
  });

  it('does not depend on the order of charges, nor on how counts are split', () => {
    fc.assert(fc.property(noise, rate, fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 100 }), delta, (sigma, q, a, b, d) => {
      const others: Charge[] = [{ mechanism: gaussian(8), count: 3 }, charge(0.02, 2, 50)];
      const whole = coarsely([charge(q, sigma, a + b), ...others], d);
      expect(coarsely([...others].reverse().concat(charge(q, sigma, b), charge(q, sigma, a)), d)).toBe(whole);
      // Composed as two parts, which the accountant would have joined: the transforms differ in rounding, and so may the tilt.
      const pair = pldOf(poisson(q, sigma), coarse);
      const [joined, split] = [[{ pair, count: a + b }], [{ pair, count: a }, { pair, count: b }]].map((parts) => composePld(parts, { delta: d })?.epsilonAt(d) ?? NaN);
      expect(Math.abs(split! - joined!)).toBeLessThanOrEqual(1e-6 * (1 + joined!));
    }), runs);
  });

  it('undoes itself: delta at the epsilon of a delta is that delta', () => {
    fc.assert(fc.property(noise, rate, steps, delta, (sigma, q, count, d) => {
      const found = pldEpsilon([charge(q, sigma, count)], d, coarse);
      if (found.epsilon === 0 || found.accountant !== 'pld') return;
      const back = pldDelta([charge(q, sigma, count)], found.epsilon, coarse);
      // Two tilts, and cut tails of 1e-8 of delta each.
      expect(Math.abs(back / d - 1)).toBeLessThan(1e-5);
    }), runs);
  });
});

describe('beside the other accountants', () => {
  it('is not above RDP, without being told so', () => {
    fc.assert(fc.property(noise, fc.double({ min: 1e-3, max: 0.3, noNaN: true }), steps, delta, (sigma, q, count, d) => {
      const { remove, add } = composeCharges([charge(q, sigma, count)], { delta: d });
      const rdp = composedEpsilon([charge(q, sigma, count)], d).epsilon;
      // The grid's own 1e-4 of epsilon.
      expect(Math.max(remove.epsilonAt(d), add.epsilonAt(d))).toBeLessThanOrEqual(rdp * (1 + 2e-4) + 1e-6);
    }), { numRuns: 6 });
  });

  it('gives the reference\'s values (dp_accounting 0.6.0, connect-the-dots on grids from 2e-6 to 1e-4)', () => {
    for (const [sigma, q, count, epsilon, add] of [[1, 0.01, 1000, 1.828244, 1.416672], [0.7, 0.02, 500, 6.65378, 3.262659], [8, 0.001, 20_000, 0.051469, 0.051323]] as const) {
      const found = pldEpsilon([charge(q, sigma, count)], 1e-5);
      expect(Math.abs(found.epsilon / epsilon - 1)).toBeLessThan(1e-4);
      expect(Math.abs((found.add ?? NaN) / add - 1)).toBeLessThan(1e-4);
      // What rounding and cut tails may add to delta, by the bounds that are added to it.
      expect(found.guardShare).toBeLessThan(1e-6);
    }
  });

  it('keeps its precision at a delta where a plain transform knows nothing', () => {
    const found = pldEpsilon([charge(0.01, 1, 1000)], 1e-24);
    expect(found.accountant).toBe('pld');
    expect(found.epsilon).toBeLessThan(composedEpsilon([charge(0.01, 1, 1000)], 1e-24).epsilon);
    expect(found.guardShare).toBeLessThan(1e-6);
  });
});
