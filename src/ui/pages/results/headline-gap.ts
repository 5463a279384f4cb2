import type { GroupGap, GroupReport } from '../../../fairness/group-report.ts';

export interface HeadlineGap {
  readonly column: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly between: readonly [string, string];
  readonly isChance: boolean;
  /** Pairs that the interval allows for. */
  readonly comparisons: number;
  /** No other column has a larger one. */
  readonly isLargest: boolean;
}

/** By the two digits that an interval is shown with: one that reads "0.00–0.64" does not leave 0 out. */
export function isWithinChance({ low, high }: Pick<GroupGap, 'low' | 'high'>): boolean {
  return low === null || high === null || (Math.round(100 * low) <= 0 && Math.round(100 * high) >= 0);
}

/** The accuracy gap to show first: one that is more than chance comes before a larger one that may be nothing. Undefined where no column has two groups. */
export function headlineGap(groups: readonly Pick<GroupReport, 'column' | 'accuracyGap'>[]): HeadlineGap | undefined {
  const gaps = groups.flatMap(({ column, accuracyGap: { value, low, high, between, comparisons } }) => (value === null || between === null ? [] : [{ column, value, low, high, between, isChance: isWithinChance({ low, high }), comparisons: comparisons ?? 1 }]));
  const [first] = gaps.toSorted((a, b) => Number(a.isChance) - Number(b.isChance) || Math.abs(b.value) - Math.abs(a.value));
  return first && { ...first, isLargest: gaps.every(({ value }) => Math.abs(value) <= Math.abs(first.value)) };
}
