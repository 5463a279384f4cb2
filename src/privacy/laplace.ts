/** Laplace noise of scale b on a number of sensitivity 1: pure epsilon 1/b a release. */
import { checkInteger, checkNonNegative, checkPositive } from '../ground/check.ts';
import type { LatticeLoss } from './lattice-loss.ts';

/** The least delta at `epsilon` of one release: max(0, 1 - exp((epsilon - 1/b) / 2)), exact. */
export function laplaceDelta(b: number, epsilon: number): number {
  checkPositive('scale', b);
  checkNonNegative('epsilon', epsilon);
  return Math.max(0, -Math.expm1((epsilon - 1 / b) / 2));
}

/** Renyi divergence of order alpha > 1 (Mironov 2017, arXiv 1702.07476, proposition 6): ln(a/(2a-1) exp((a-1)/b) + (a-1)/(2a-1) exp(-a/b)) / (a-1). */
export function laplaceRdp(b: number, order: number): number {
  checkPositive('scale', b);
  checkPositive('order less 1', order - 1);
  const lead = (order - 1) / b;
  const inner = order / (2 * order - 1) + ((order - 1) / (2 * order - 1)) * Math.exp(-(2 * order - 1) / b);
  return (lead + Math.log(inner)) / (order - 1);
}

/**
 * Privacy loss of one release on a lattice of `cells` steps from 0 to 1/b. Atoms at both ends lie on the lattice; the density exp((l - 1/b)/2) / 4 between
 * them is split within each cell between the two ends so that both data sets keep their probability (connect-the-dots: Doroshenko et al. 2022,
 * arXiv 2207.04380): an upper bound, exact on the lattice.
 */
export function laplaceLoss(b: number, cells: number): LatticeLoss {
  checkPositive('scale', b);
  checkInteger('cells', cells, 1);
  const largest = 1 / b;
  const step = largest / cells;
  const probabilities = new Float64Array(2 * cells + 1);
  probabilities[2 * cells] = 0.5;
  probabilities[0] = Math.exp(-largest) / 2;
  for (let cell = 0; cell < 2 * cells; cell++) {
    const low = -largest + cell * step;
    // Of the cell: probability under this data set, and under the other one times exp(low).
    const own = (Math.exp((low - largest) / 2) * Math.expm1(step / 2)) / 2;
    const other = (-Math.exp((low - largest) / 2) * Math.expm1(-step / 2)) / 2;
    // own = lower + upper, other = lower + upper exp(-step).
    const upper = (own - other) / -Math.expm1(-step);
    probabilities[cell]! += own - upper;
    probabilities[cell + 1]! += upper;
  }
  return { first: -largest, step, probabilities };
}
