/**
 * Poisson samples cut to a largest batch: what a cap costs (Ganesh et al. 2025, arXiv 2508.15089). Bedside splits large batches instead of cutting them.
 * Whether the other units alone fill the batch is taken as public, which can only add to the loss.
 * - They do not: the unit comes in with the sampling rate q, and adds at most one clip norm.
 * - They do: it takes the place of one of them, evenly drawn, with probability P(Bin(N, q) > cap) cap / N in all. Added or removed, it moves the sum
 *   by up to two clip norms. Zeroed or replaced it still displaces; the contributions with it, with its replacement and without either lie pairwise
 *   within two clip norms, and the doubled replace-one pair bounds that (the argument in gaussian-lines.ts, where it rises with every distance).
 */
import { checkInteger, checkPositive, checkProbability } from '../../ground/check.ts';
import { lnGamma } from '../../ground/special.ts';
import { checkAdjacency, type Adjacency } from './adjacency.ts';
import { discretiseLine } from './connect-the-dots.ts';
import { poissonGaussianLine, replaceOneLine } from './gaussian-lines.ts';
import { mixPairs, type LossPair } from './loss-pair.ts';

/** P(Bin(n, q) > least), summed from the far end of the tail. */
function binomialAbove(n: number, q: number, least: number): number {
  let sum = 0;
  for (let k = n; k > least; k--) sum += Math.exp(lnGamma(n + 1) - lnGamma(k + 1) - lnGamma(n - k + 1) + k * Math.log(q) + (n - k) * Math.log1p(-q));
  return Math.min(1, sum);
}

export interface TruncatedPoisson {
  readonly datasetSize: number;
  readonly samplingRate: number;
  readonly largestBatch: number;
  readonly noiseMultiplier: number;
}

/** One release as a pair; reversed it is the other direction. */
export function truncatedPoissonPair(setting: TruncatedPoisson, adjacency: Adjacency, grid: number): LossPair {
  const { datasetSize, samplingRate, largestBatch, noiseMultiplier } = setting;
  checkInteger('number of units', datasetSize, 1);
  checkInteger('largest batch', largestBatch, 1, datasetSize);
  checkPositive('sampling rate', checkProbability('sampling rate', samplingRate));
  checkAdjacency(adjacency);
  const mu = 1 / checkPositive('noise multiplier', noiseMultiplier);
  const full = binomialAbove(datasetSize - 1, samplingRate, largestBatch - 1);
  const roomy = discretiseLine((adjacency === 'replace-one' ? replaceOneLine : poissonGaussianLine)(samplingRate, mu), grid);
  if (full === 0) return roomy;
  const displacing = (binomialAbove(datasetSize, samplingRate, largestBatch) * largestBatch) / datasetSize / full;
  const crowded = discretiseLine((adjacency === 'add-remove' ? poissonGaussianLine : replaceOneLine)(displacing, 2 * mu), grid);
  return mixPairs([{ weight: full, pair: crowded }, { weight: 1 - full, pair: roomy }]);
}
