/** Pairs of mechanisms beside the Gaussian, for releases that are composed with training. Sensitivity 1 unless said. */
import { checkInteger, checkPositive, checkProbability } from '../../ground/check.ts';
import { BedsideError } from '../../ground/errors.ts';
import { checkOrders } from '../rdp.ts';
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
    low: 0, high: 1, massBelow: 0, massAbove: 0, reverseMassBelow: 0,
    pieceLength: scale / 4,
    lossAt: (u) => (2 * u - 1) / scale,
    outcomeAt: (loss) => (loss * scale + 1) / 2,
    densityAt: (u) => Math.exp((u - 1) / scale) / (2 * scale),
  }, grid);
  return mixPairs([{ weight: 1, pair: atoms }, { weight: 1, pair: between }]);
}

/** RDP of the same at an order (Mironov 2017, arXiv 1702.07476, proposition 6). */
export function rdpOfLaplace(scale: number, order: number): number {
  checkPositive('scale', scale);
  checkOrders([order]);
  // ln of a/(2a - 1) e^((a - 1)/b) + (a - 1)/(2a - 1) e^(-a/b), the larger power outside.
  const twice = 2 * order - 1;
  return ((order - 1) / scale + Math.log((order + (order - 1) * Math.exp(-twice / scale)) / twice)) / (order - 1);
}

/** Pure (epsilon, 0)-privacy at its worst, and delta beside: every (epsilon, delta)-private release is dominated by this one (Kairouz, Oh & Viswanath 2015). */
export function epsilonDeltaPair(epsilon: number, delta: number, grid: number): LossPair {
  checkPositive('epsilon', epsilon);
  checkProbability('delta', delta);
  const higher = (1 - delta) / (1 + Math.exp(-epsilon));
  return discretiseAtoms([{ loss: epsilon, mass: higher }, { loss: -epsilon, mass: higher * Math.exp(-epsilon) }], grid, delta, delta);
}

/** Discrete Laplace noise, P(x) proportional to e^(-parameter |x|): the loss is the parameter or its negative. */
export function discreteLaplacePair(parameter: number, grid: number): LossPair {
  return epsilonDeltaPair(parameter, 0, grid);
}

/** Discrete Gaussian noise, P(x) proportional to e^(-x^2 / 2 sigma^2) over integers (Canonne, Kamath & Steinke 2020, arXiv 2004.00010). */
export function discreteGaussianPair(sigma: number, grid: number): LossPair {
  checkPositive('sigma', sigma);
  const reach = Math.ceil(12 * sigma) + 1;
  const terms = Array.from({ length: 2 * reach + 1 }, (_, index) => Math.exp(-((index - reach) ** 2) / (2 * sigma * sigma)));
  const total = terms.reduce((sum, term) => sum + term, 0);
  // Integers x from -reach on; the neighbour's centre is 1, so that small x lose most.
  const atoms = terms.map((term, index) => ({ loss: (1 - 2 * (index - reach)) / (2 * sigma * sigma), mass: term / total }));
  // Beyond 12 deviations lies less than 1e-30 of the noise.
  return discretiseAtoms(atoms, grid, 1e-30, 1e-30);
}

/** Randomised response over k answers, kept unless, with the given probability, one is drawn evenly; a neighbour gives another answer (replace-one). */
export function randomisedResponsePair(answers: number, noise: number, grid: number): LossPair {
  checkInteger('number of answers', answers, 2);
  if (!(noise > 0 && noise <= 1)) throw new BedsideError('settings/out-of-range', 'settings', `noise probability must be a number above 0 and at most 1, found ${noise}.`, 'Change the noise probability.', { found: String(noise) });
  const drawn = noise / answers;
  const kept = 1 - noise + drawn;
  const loss = Math.log(kept / drawn);
  return discretiseAtoms([{ loss, mass: kept }, { loss: -loss, mass: drawn }, { loss: 0, mass: (answers - 2) * drawn }], grid);
}
