import { invariant } from '../ground/check.ts';

/** What one class against the rest looks like in one group. */
export interface GroupCounts {
  readonly group: string;
  readonly count: number;
  readonly positives: number;
  readonly negatives: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  /** Rows with the class right, positives and negatives alike. */
  readonly correct: number;
}

/**
 * Counts by group, groups in code-unit order.
 * @param isTrue whether each row has the class
 * @param isPredicted whether each row is given it
 */
export function countGroups(isTrue: readonly boolean[], isPredicted: readonly boolean[], groups: readonly string[]): GroupCounts[] {
  invariant(isTrue.length === isPredicted.length && isTrue.length === groups.length, 'a label, a prediction and a group for each row');
  const found = new Map<string, { count: number; positives: number; truePositives: number; falsePositives: number; correct: number }>();
  groups.forEach((group, row) => {
    let own = found.get(group);
    if (own === undefined) found.set(group, (own = { count: 0, positives: 0, truePositives: 0, falsePositives: 0, correct: 0 }));
    own.count++;
    if (isTrue[row]!) own.positives++;
    if (isPredicted[row]! && isTrue[row]!) own.truePositives++;
    if (isPredicted[row]! && !isTrue[row]!) own.falsePositives++;
    if (isPredicted[row]! === isTrue[row]!) own.correct++;
  });
  return [...found].map(([group, own]) => ({ group, ...own, negatives: own.count - own.positives })).sort((a, b) => (a.group < b.group ? -1 : 1));
}

function share(hits: number, total: number): number | null {
  return total === 0 ? null : hits / total;
}

/** Share of a group's rows that are given the class. */
export function selectionRate({ truePositives, falsePositives, count }: GroupCounts): number | null {
  return share(truePositives + falsePositives, count);
}

/** Share of a group's rows of the class that are given it; null where it has none. */
export function truePositiveRate({ truePositives, positives }: GroupCounts): number | null {
  return share(truePositives, positives);
}

/** Share of a group's other rows that are given the class; null where it has none. */
export function falsePositiveRate({ falsePositives, negatives }: GroupCounts): number | null {
  return share(falsePositives, negatives);
}
