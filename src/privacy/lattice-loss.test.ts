import { describe, expect, it } from 'vitest';
import { gaussianEpsilon } from './gaussian.ts';
import { discreteGaussianLoss } from './discrete-gaussian.ts';
import { laplaceDelta, laplaceLoss, laplaceRdp } from './laplace.ts';
import { composeLattice, latticeDelta, latticeEpsilon, pureLoss, randomizedResponseLoss, type LatticeLoss } from './lattice-loss.ts';

/** delta by brute force: every combination of losses of `count` releases. */
function bruteDelta(loss: LatticeLoss, count: number, epsilon: number): number {
  let delta = 0;
  const go = (left: number, total: number, probability: number) => {
    if (left === 0) delta += Math.max(0, probability * (1 - Math.exp(epsilon - total)));
    else loss.probabilities.forEach((p, k) => { go(left - 1, total + loss.first + k * loss.step, probability * p); });
  };
  go(count, 0, 1);
  return delta;
}

const losses: readonly [string, LatticeLoss][] = [['pure 0.7', pureLoss(0.7)], ['3 answers', randomizedResponseLoss(3, 0.5)], ['2 answers', randomizedResponseLoss(2, 0.3)]];

describe('composition on a lattice', () => {
  it.each(losses)('%s: is the sum over all combinations', (_, loss) => {
    for (const count of [1, 2, 3, 7]) for (const epsilon of [0, 0.3, 1, 2]) expect(latticeDelta(composeLattice(loss, count), epsilon)).toBeCloseTo(bruteDelta(loss, count, epsilon), 13);
  });

  it.each(losses)('%s: epsilon is the inverse of delta', (_, loss) => {
    for (const count of [1, 4, 30]) {
      const composed = composeLattice(loss, count);
      for (const delta of [1e-9, 1e-5, 0.01, 0.3]) {
        const epsilon = latticeEpsilon(composed, delta);
        expect(latticeDelta(composed, epsilon)).toBeLessThanOrEqual(delta + 4e-16); // Rounding of sums near 1.
        if (epsilon > 1e-6) expect(latticeDelta(composed, epsilon * (1 - 1e-6))).toBeGreaterThan(delta);
      }
    }
  });

  it('at delta 0 the largest loss is what is left; nothing released costs nothing', () => {
    expect(latticeEpsilon(composeLattice(pureLoss(0.5), 3), 0)).toBeCloseTo(1.5, 12);
    expect(latticeEpsilon(composeLattice(pureLoss(0.5), 0), 1e-6)).toBe(0);
    expect(latticeEpsilon(pureLoss(0), 1e-6)).toBe(0);
    expect(latticeEpsilon(pureLoss(0.5), 1)).toBe(0);
  });

  it('probabilities sum to one under both data sets', () => {
    for (const loss of [...losses.map(([, one]) => one), laplaceLoss(0.5, 40), laplaceLoss(7, 3), discreteGaussianLoss(1.3, 2)]) {
      const own = loss.probabilities.reduce((sum, p) => sum + p, 0);
      const other = loss.probabilities.reduce((sum, p, k) => sum + p * Math.exp(-(loss.first + k * loss.step)), 0);
      expect(own).toBeCloseTo(1, 12);
      expect(other).toBeCloseTo(1, 12);
    }
  });

  it('refuses what means nothing', () => {
    expect(() => composeLattice(pureLoss(1), -1)).toThrow();
    expect(() => composeLattice(pureLoss(1), 1.5)).toThrow();
    expect(() => latticeDelta(pureLoss(1), NaN)).toThrow();
    expect(() => latticeEpsilon(pureLoss(1), -1)).toThrow();
    expect(() => pureLoss(-1)).toThrow();
    expect(() => randomizedResponseLoss(1, 0.5)).toThrow();
    for (const noise of [0, -0.1, 1.1, NaN]) expect(() => randomizedResponseLoss(2, noise)).toThrow();
  });
});

describe('discrete Gaussian in one dimension', () => {
  it('meets the continuous one as sigma grows', () => {
    for (const count of [1, 10]) {
      const loss = composeLattice(discreteGaussianLoss(30, 1), count);
      // The lattice of losses is 1/900 wide; epsilon moves by less.
      expect(Math.abs(latticeEpsilon(loss, 1e-5) - gaussianEpsilon(Math.sqrt(count) / 30, 1e-5))).toBeLessThan(1e-3);
    }
  });
});

describe('Laplace', () => {
  it('on a lattice lies above the exact delta, meets it on the lattice, and nears it as cells shrink', () => {
    const exact = (epsilon: number) => laplaceDelta(2, epsilon);
    for (const cells of [5, 50, 500]) {
      const loss = laplaceLoss(2, cells);
      for (let cell = 0; cell < cells; cell += Math.max(1, cells / 10)) expect(latticeDelta(loss, cell * loss.step)).toBeCloseTo(exact(cell * loss.step), 12);
      for (const epsilon of [0.013, 0.21, 0.444]) {
        expect(latticeDelta(loss, epsilon)).toBeGreaterThanOrEqual(exact(epsilon) - 1e-15);
        expect(latticeDelta(loss, epsilon) - exact(epsilon)).toBeLessThan(loss.step ** 2);
      }
    }
  });

  it('Renyi divergence tends to the pure epsilon, and never exceeds it', () => {
    let last = 0;
    for (const order of [1.01, 2, 10, 100, 1e4]) {
      const rdp = laplaceRdp(2, order);
      expect(rdp).toBeGreaterThan(last);
      expect(rdp).toBeLessThanOrEqual(0.5);
      last = rdp;
    }
    expect(last).toBeGreaterThan(0.4999);
    for (const bad of [0, -1, NaN]) {
      expect(() => laplaceRdp(bad, 2)).toThrow();
      expect(() => laplaceDelta(bad, 1)).toThrow();
      expect(() => laplaceLoss(bad, 2)).toThrow();
    }
    expect(() => laplaceRdp(1, 1)).toThrow();
  });
});
