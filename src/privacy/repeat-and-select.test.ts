import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../ground/random.ts';
import { composedEpsilon, type Charge } from './composition.ts';
import { largestMu, repeatAndSelectEpsilon } from './private-search.ts';
import { drawRepeats, repeatAndSelectRdp, type RepeatLaw } from './repeat-and-select.ts';
import { defaultOrders } from './rdp.ts';

const run: readonly Charge[] = [{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 1, samplingRate: 0.01 }, count: 1000 }];
const negativeBinomial = (shape: number, mean: number): RepeatLaw => ({ kind: 'truncated-negative-binomial', shape, mean });
const poisson = (mean: number): RepeatLaw => ({ kind: 'poisson', mean });
const laws: RepeatLaw[] = [poisson(1.5), poisson(20), ...[-0.5, 0, 0.5, 1, 2].map((shape) => negativeBinomial(shape, 5))];

describe('repeatAndSelectEpsilon', () => {
  it('costs more than one run, and rises with the mean number of runs', () => {
    const one = composedEpsilon(run, 1e-5).epsilon;
    for (const law of laws) expect(repeatAndSelectEpsilon(run, 1e-5, law).epsilon).toBeGreaterThan(one);
    for (const shape of [0, 0.5, 1]) {
      const at = [2, 5, 20, 100].map((mean) => repeatAndSelectEpsilon(run, 1e-5, negativeBinomial(shape, mean)).epsilon);
      expect(at).toEqual([...at].sort((a, b) => a - b));
    }
  });

  it('is never below what the geometric law costs pure privacy by theorem 1: about three times one run', () => {
    // RDP of a purely private release is at most epsilon_0 at every order; theorem 2 with orders to infinity gives (2 + shape) epsilon_0.
    const orders = [1e9];
    const [rdp] = repeatAndSelectRdp(orders, [0.1], negativeBinomial(1, 3));
    // The terms ln(mean) and ln(1/gamma) over the order are below 1e-8.
    expect(rdp).toBeCloseTo(0.3, 7);
  });

  it.each([0.1, 0.5, 0.9, 1, 2, 5])('is no less than the divergence itself, worked out for the largest of runs that are one number each, mean %s', (mean) => {
    // A: no run with chance e^-mean, else density mean p(x) e^(mean (P(x) - 1)). Midpoint rule over 0.004, exact to 1e-6 for these.
    const width = 0.004;
    const at = Array.from({ length: 6000 }, (_, i) => -12 + (i + 0.5) * width);
    const logDensity = (shift: number) => {
      let below = 0;
      return at.map((x) => {
        const mass = (Math.exp(-((x - shift) ** 2) / 2) / Math.sqrt(2 * Math.PI)) * width;
        below += mass;
        return Math.log(mass / width) + Math.log(mean) + mean * (below - mass / 2 - 1);
      });
    };
    const orders = [1.01, 1.1, 1.5, 2, 3, 6];
    for (const mu of [0.05, 0.3, 1, 2]) {
      const bound = repeatAndSelectRdp(defaultOrders, defaultOrders.map((order) => (order * mu * mu) / 2), poisson(mean));
      const [without, with_] = [logDensity(0), logDensity(mu)];
      for (const order of orders) {
        for (const [p, q] of [[without, with_], [with_, without]] as const) {
          const integral = p.reduce((sum, value, i) => sum + Math.exp(order * value + (1 - order) * q[i]!) * width, Math.exp(-mean));
          expect(bound[defaultOrders.indexOf(order)]!).toBeGreaterThanOrEqual(Math.log(integral) / (order - 1) - 1e-5);
        }
      }
    }
  });

  it('costs nothing where a run releases nothing', () => {
    for (const law of laws) expect(repeatAndSelectEpsilon([], 1e-5, law).epsilon).toBe(0);
  });

  it('refuses laws that are none', () => {
    for (const mean of [NaN, 0, -1, Infinity]) expect(() => repeatAndSelectEpsilon(run, 1e-5, poisson(mean))).toThrow(/mean number of runs/);
    for (const mean of [NaN, 0, 1, 0.5, Infinity]) expect(() => repeatAndSelectEpsilon(run, 1e-5, negativeBinomial(1, mean))).toThrow(/mean number of runs/);
    for (const shape of [NaN, -1, -2, Infinity]) expect(() => repeatAndSelectEpsilon(run, 1e-5, negativeBinomial(shape, 2))).toThrow(/shape/);
    expect(() => repeatAndSelectEpsilon(run, NaN, poisson(2))).toThrow(/delta/);
    expect(() => repeatAndSelectEpsilon([{ ...run[0]!, count: 0.5 }], 1e-5, poisson(2))).toThrow(/number of releases/);
    expect(() => repeatAndSelectRdp(defaultOrders, [1], poisson(2))).toThrow(/as many as orders/);
  });
});

describe('largestMu', () => {
  it('has an end where delta alone pays for everything, and none to give where nothing may be spent', () => {
    let tries = 0;
    const chargesAt = (mu: number): readonly Charge[] => {
      if (++tries > 5000) throw new Error('It goes on for ever.');
      return [{ mechanism: { kind: 'discrete-gaussian', noiseMultiplier: 1 / mu }, count: 1 }];
    };
    expect([1, 2].map((delta) => largestMu(chargesAt, 1, delta))).toEqual([Infinity, Infinity]);
    expect(largestMu(chargesAt, 1, 0)).toBe(0);
  });
});

describe('drawRepeats', () => {
  it.each(laws.map((law) => [JSON.stringify(law), law] as const))('has the stated mean: %s', (_, law) => {
    const random = mulberry32(1);
    const draws = Array.from({ length: 40_000 }, () => drawRepeats(law, random()));
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
    const deviation = Math.sqrt(draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.length);
    // Five standard errors: a false alarm once in a million seeds. A mean of 3/2 of the stated one is 30 standard errors away or more.
    expect(Math.abs(mean - law.mean)).toBeLessThan((5 * deviation) / Math.sqrt(draws.length));
    if (law.kind !== 'poisson') expect(Math.min(...draws)).toBe(1);
  });

  it('is geometric at shape 1', () => {
    // P(K = 1) = 1/mean, P(K <= 2) = 1 - (1 - 1/mean)^2.
    expect([0, 0.2499, 0.2501, 0.4374, 0.4376].map((uniform) => drawRepeats(negativeBinomial(1, 4), uniform))).toEqual([1, 1, 2, 2, 3]);
  });

  it('refuses what is no uniform number', () => {
    for (const uniform of [NaN, -0.1, 1, 2]) expect(() => drawRepeats(poisson(2), uniform)).toThrow(/uniform/);
  });
});
