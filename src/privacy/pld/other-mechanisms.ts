/** Pairs of mechanisms beside the Gaussian, for releases that are composed with training. */
import { checkPositive, checkProbability } from '../../ground/check.ts';
import { discretiseAtoms, discretiseLine } from './connect-the-dots.ts';
import { mixPairs, type LossPair } from './loss-pair.ts';

/**
 * Laplace noise of scale b beside a sum of sensitivity 1: |x - 1| - |x| over b. Half of P loses 1/b, and e^(-1/b)/2 loses -1/b; between lies the
 * stretch in which the loss falls from one to the other.
 */
export function laplacePair(scale: number, grid: number): LossPair {
  checkPositive('scale', scale);
  const atoms = discretiseAtoms([{ loss: 1 / scale, mass: 0.5 }, { loss: -1 / scale, mass: Math.exp(-1 / scale) / 2 }], grid);
  const between = discretiseLine({
    low: 0, high: 1, massAbove: 0, reverseMassBelow: 0,
    pieceLength: scale / 4,
    lossAt: (u) => (2 * u - 1) / scale,
    outcomeAt: (loss) => (loss * scale + 1) / 2,
    densityAt: (u) => Math.exp((u - 1) / scale) / (2 * scale),
  }, grid);
  return mixPairs([{ weight: 1, pair: atoms }, { weight: 1, pair: between }]);
}

/**
 * (epsilon, delta)-privacy at its worst, by which every such release is dominated (Kairouz, Oh & Viswanath 2015). With delta 0 also the exact pair of
 * discrete Laplace noise, and of randomised response over two answers.
 */
export function epsilonDeltaPair(epsilon: number, delta: number, grid: number): LossPair {
  checkPositive('epsilon', epsilon);
  checkProbability('delta', delta);
  const higher = (1 - delta) / (1 + Math.exp(-epsilon));
  return discretiseAtoms([{ loss: epsilon, mass: higher }, { loss: -epsilon, mass: higher * Math.exp(-epsilon) }], grid, delta, delta);
}
