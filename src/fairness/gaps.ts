import { falsePositiveRate, selectionRate, truePositiveRate, type GroupCounts } from './group-counts.ts';

/**
 * Gaps between groups, exact and without suppression. A rate that is undefined (0 / 0) in a group leaves the group out,
 * where fairlearn counts it 0; a gap with fewer than two defined groups is null. One exact table of a group tells about
 * its rows: these are for the owner's eyes.
 */

/** Greatest minus smallest defined rate. */
export function rateDifference(rates: readonly (number | null)[]): number | null {
  const defined = rates.filter((rate) => rate !== null);
  return defined.length < 2 ? null : Math.max(...defined) - Math.min(...defined);
}

/** Smallest by greatest defined rate; null where all are 0. */
export function rateRatio(rates: readonly (number | null)[]): number | null {
  const defined = rates.filter((rate) => rate !== null);
  const greatest = Math.max(...defined);
  return defined.length < 2 || greatest === 0 ? null : Math.min(...defined) / greatest;
}

export function demographicParityDifference(groups: readonly GroupCounts[]): number | null {
  return rateDifference(groups.map(selectionRate));
}

export function demographicParityRatio(groups: readonly GroupCounts[]): number | null {
  return rateRatio(groups.map(selectionRate));
}

/** Difference of the true-positive rates alone. */
export function equalOpportunityDifference(groups: readonly GroupCounts[]): number | null {
  return rateDifference(groups.map(truePositiveRate));
}

/** The larger of the differences of true- and false-positive rates; null where either is. */
export function equalizedOddsDifference(groups: readonly GroupCounts[]): number | null {
  const truePositive = rateDifference(groups.map(truePositiveRate));
  const falsePositive = rateDifference(groups.map(falsePositiveRate));
  return truePositive === null || falsePositive === null ? null : Math.max(truePositive, falsePositive);
}

/** The smaller of the ratios of true- and false-positive rates; null where either is. */
export function equalizedOddsRatio(groups: readonly GroupCounts[]): number | null {
  const truePositive = rateRatio(groups.map(truePositiveRate));
  const falsePositive = rateRatio(groups.map(falsePositiveRate));
  return truePositive === null || falsePositive === null ? null : Math.min(truePositive, falsePositive);
}
