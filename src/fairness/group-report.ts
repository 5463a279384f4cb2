/** A rate in one group. Undefined (0 / 0) rates are null; small groups are suppressed. */
export interface GroupRate {
  readonly group: string;
  /** Rows of the group; 0 where it is hidden in every view. */
  readonly count: number;
  /** Denominator of the rate. */
  readonly total: number;
  readonly hits: number;
  readonly value: number | null;
  readonly low: number;
  readonly high: number;
  readonly isSuppressed: boolean;
  /** Hidden because the totals less it would give a hidden one away, not for its own size. */
  readonly withOther?: true;
}

/** Largest difference between defined, unsuppressed groups, with its interval; null where fewer than two are defined. */
export interface GroupGap {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly method: 'newcombe' | 'bootstrap';
  readonly between: readonly [string, string] | null;
  /** Pairs that could have been the widest, among which the interval's confidence is shared; absent from reports of earlier versions, which counted those of the one column. */
  readonly comparisons?: number;
}

export interface ClassFairness {
  readonly label: string;
  readonly selectionRate: readonly GroupRate[];
  readonly truePositiveRate: readonly GroupRate[];
  readonly falsePositiveRate: readonly GroupRate[];
  readonly demographicParityDifference: GroupGap;
  readonly equalizedOddsDifference: GroupGap;
}

/** Fairness by one group column, one class against the rest. */
export interface GroupReport {
  readonly column: string;
  readonly accuracy: readonly GroupRate[];
  readonly accuracyGap: GroupGap;
  readonly classes: readonly ClassFairness[];
}
