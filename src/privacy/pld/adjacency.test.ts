import { describe, expect, it } from 'vitest';
import type { Charge } from '../composition.ts';
import { gaussianEpsilon } from '../gaussian.ts';
import { fixedOrderCharges } from './adjacency.ts';
import { composePld } from './compose.ts';
import { deltaOfPair, reversed } from './loss-pair.ts';
import { pldEpsilon, pldOf } from './pld.ts';
import { truncatedPoissonPair } from './truncated-poisson.ts';

const charges: readonly Charge[] = [{ mechanism: { kind: 'poisson-gaussian', samplingRate: 0.05, noiseMultiplier: 2 }, count: 200 }];

describe('replace-one', () => {
  it('costs more than zero-out and less than the doubled sensitivity without sampling', () => {
    const found = pldEpsilon(charges, 1e-5, { adjacency: 'replace-one' }).epsilon;
    expect(found).toBeGreaterThan(pldEpsilon(charges, 1e-5).epsilon);
    expect(found).toBeLessThan(gaussianEpsilon(Math.sqrt(200), 1e-5));
    // dp_accounting 0.6.0 under REPLACE_ONE.
    expect(found / 2.948817036 - 1).toBeLessThan(1e-6);
  });

  it('is the doubled Gaussian at full batch', () => {
    expect(pldEpsilon([{ mechanism: { kind: 'gaussian', noiseMultiplier: 4 }, count: 10 }], 1e-5, { adjacency: 'replace-one' }).epsilon).toBe(gaussianEpsilon(Math.sqrt(10) / 2, 1e-5));
  });

  it('bounds every two contributions in the unit ball, tried on a plane', () => {
    // Divergence of (1 - q) N(0, I) + q N(g, I) from the same with g', in two dimensions, by the trapezoid rule.
    const [q, alpha] = [0.3, 1.3];
    const bound = deltaOfPair(pldOf({ kind: 'poisson-gaussian', samplingRate: q, noiseMultiplier: 1 }, { adjacency: 'replace-one' }), Math.log(alpha));
    const divergence = (g: readonly [number, number], h: readonly [number, number]) => {
      let sum = 0;
      const step = 0.05;
      for (let x = -7; x <= 7; x += step) {
        for (let y = -7; y <= 7; y += step) {
          const at = ([a, b]: readonly [number, number]) => Math.exp(-((x - a) ** 2 + (y - b) ** 2) / 2) / (2 * Math.PI);
          const rest = (1 - q) * at([0, 0]);
          sum += Math.max(0, rest + q * at(g) - alpha * (rest + q * at(h))) * step * step;
        }
      }
      return sum;
    };
    // The trapezoid rule's error at the kink is about the step squared, here 1e-3 of the value at most.
    expect(divergence([1, 0], [-1, 0]) / bound).toBeCloseTo(1, 2);
    for (const angle of [0, 0.5, 1, 2, 3, Math.PI]) for (const [r, s] of [[1, 1], [1, 0.3], [0.2, 1], [0, 1]] as const) expect(divergence([r, 0], [s * Math.cos(angle), s * Math.sin(angle)])).toBeLessThanOrEqual(bound * 1.002);
  });
});

describe('fixedOrderCharges', () => {
  it('is one full-batch release an epoch', () => {
    expect(fixedOrderCharges({ noiseMultiplier: 1, epochs: 10, adjacency: 'zero-out' })).toEqual([{ mechanism: { kind: 'gaussian', noiseMultiplier: 1 }, count: 10 }]);
    // The analytic Gaussian of sqrt(10), table 1.2 of dp_accounting 0.6.0's values.
    expect(pldEpsilon(fixedOrderCharges({ noiseMultiplier: 1, epochs: 10, adjacency: 'zero-out' }), 1e-5).epsilon).toBeCloseTo(17.856587, 5);
  });

  it('refuses add-remove and says why', () => {
    expect(() => fixedOrderCharges({ noiseMultiplier: 1, epochs: 1, adjacency: 'add-remove' })).toThrow(/moves the units behind it into other batches/);
  });

  it('refuses what is no noise and no number of epochs', () => {
    for (const bad of [NaN, 0, -1]) expect(() => fixedOrderCharges({ noiseMultiplier: bad, epochs: 1, adjacency: 'zero-out' })).toThrow(/noise multiplier/);
    for (const bad of [NaN, -1, 0.5]) expect(() => fixedOrderCharges({ noiseMultiplier: 1, epochs: bad, adjacency: 'zero-out' })).toThrow(/epochs/);
  });
});

describe('truncatedPoissonPair', () => {
  const setting = { datasetSize: 10_000, samplingRate: 0.0064, largestBatch: 96, noiseMultiplier: 1 };
  const epsilonOf = (largestBatch: number, adjacency: 'zero-out' | 'add-remove') => {
    const pair = truncatedPoissonPair({ ...setting, largestBatch }, adjacency, 1e-3);
    return Math.max(...[pair, reversed(pair)].map((one) => composePld([{ pair: one, count: 1000 }], { delta: 1e-5 })?.epsilonAt(1e-5) ?? NaN));
  };

  it('costs the less the higher the cap, down to no cap at all', () => {
    const caps = [64, 80, 96, 200].map((cap) => epsilonOf(cap, 'zero-out'));
    expect(caps).toEqual([...caps].sort((a, b) => b - a));
    expect(caps[3]).toBeCloseTo(pldEpsilon([{ mechanism: { kind: 'poisson-gaussian', samplingRate: 0.0064, noiseMultiplier: 1 }, count: 1000 }], 1e-5, { grid: 1e-3 }).epsilon, 6);
    expect(epsilonOf(64, 'add-remove')).toBeLessThan(caps[0]!);
  });

  it('refuses caps and sizes that are none', () => {
    for (const bad of [NaN, 0, -1, 1.5, 10_001]) expect(() => truncatedPoissonPair({ ...setting, largestBatch: bad }, 'zero-out', 1e-4)).toThrow(/largest batch/);
    for (const bad of [NaN, 0, -1]) expect(() => truncatedPoissonPair({ ...setting, samplingRate: bad }, 'zero-out', 1e-4)).toThrow(/sampling rate/);
    for (const bad of [NaN, 0, 2.5]) expect(() => truncatedPoissonPair({ ...setting, datasetSize: bad }, 'zero-out', 1e-4)).toThrow(/number of units/);
  });
});
