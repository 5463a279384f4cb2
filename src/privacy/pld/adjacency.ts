/**
 * What a neighbouring data set is, and which ways of dealing units into steps bear which promise.
 * - zero-out: one unit's contribution becomes nothing, N stays public. For sums of clipped contributions the same pairs as add-remove.
 * - add-remove: one unit more or less.
 * - replace-one: another unit in its place; the sum moves by up to twice the clip norm.
 */
import { checkInteger, checkPositive } from '../../ground/check.ts';
import { BedsideError } from '../../ground/errors.ts';
import type { Charge } from '../composition.ts';

export const adjacencies = ['zero-out', 'add-remove', 'replace-one'] as const;
export type Adjacency = (typeof adjacencies)[number];

export function checkAdjacency(adjacency: string): void {
  if (!adjacencies.some((one) => one === adjacency)) throw adjacencyError(adjacency, `Neighbouring data must be one of ${adjacencies.join(', ')}, found ${adjacency}.`, 'Use zero-out, and show replace-one beside it.');
}

function adjacencyError(adjacency: string, message: string, hint: string): BedsideError {
  return new BedsideError('privacy/adjacency', 'settings', message, hint, { adjacency });
}

/**
 * The charges of training in a fixed or shuffled order, each unit in one batch an epoch: no amplification, for a shuffled order is no Poisson
 * sample (Chua et al. 2024, arXiv 2403.17673). The batches of one epoch hold different units, so an epoch is one full-batch release.
 * @throws for add-remove: one unit more moves all later ones into other batches, so that every batch may differ, not one.
 */
export function fixedOrderCharges(setting: { readonly noiseMultiplier: number; readonly epochs: number; readonly adjacency: Adjacency }): readonly Charge[] {
  const { noiseMultiplier, epochs, adjacency } = setting;
  checkPositive('noise multiplier', noiseMultiplier);
  checkInteger('epochs', epochs);
  checkAdjacency(adjacency);
  if (adjacency === 'add-remove') throw adjacencyError(adjacency, 'In a fixed order, one unit more or less moves the units behind it into other batches: a single step\'s bound does not hold.', 'Use zero-out or replace-one, with the number of units public; or Poisson samples.');
  return [{ mechanism: { kind: 'gaussian', noiseMultiplier }, count: epochs }];
}
