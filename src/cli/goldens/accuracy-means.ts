/** Means of few runs, and by how much one may lie below the other. */

export interface Mean {
  readonly value: number;
  readonly runs: number;
  /** Standard error of the mean; of one run, whose spread is not known, that of its share of the test rows. */
  readonly standardError: number;
}

/** The mean of accuracies over `testRows` rows; there is one at least. */
export function meanOf(accuracies: readonly number[], testRows: number): Mean {
  const runs = accuracies.length;
  const value = accuracies.reduce((sum, accuracy) => sum + accuracy, 0) / runs;
  if (runs === 1) return { value, runs, standardError: Math.sqrt((value * (1 - value)) / testRows) };
  const variance = accuracies.reduce((sum, accuracy) => sum + (accuracy - value) ** 2, 0) / (runs - 1);
  return { value, runs, standardError: Math.sqrt(variance / runs) };
}

/** From this many test rows on, the reference allows a point and no spread. */
const ENOUGH_TEST_ROWS = 3000;

/**
 * What the spread of the runs may explain of a difference between two means, beside the point that the reference allows: nothing from 3,000 test rows on, else one
 * standard error of the difference. Source: `meta.tolerance` of accuracy.json.
 */
export function spreadOf(ours: Mean, reference: Mean, testRows: number): number {
  return testRows >= ENOUGH_TEST_ROWS ? 0 : Math.hypot(ours.standardError, reference.standardError);
}
