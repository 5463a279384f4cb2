import { newcombeInterval, wilsonInterval } from '../ground/statistics.ts';
import { countGroups, type GroupCounts } from './group-counts.ts';
import type { ClassFairness, GroupGap, GroupRate, GroupReport } from './group-report.ts';

/** Groups with fewer rows get no rates. */
export const smallestGroup = 10;
/** Groups with fewer rows of the class (of the other classes) get no true- (false-) positive rate. */
export const smallestDenominator = 5;

function suppressed(group: string, count: number): GroupRate {
  return { group, count, total: 0, hits: 0, value: null, low: 0, high: 1, isSuppressed: true };
}

function rate(group: string, count: number, hits: number, total: number, smallest: number): GroupRate {
  if (count < smallestGroup || (total > 0 && total < smallest)) return suppressed(group, count);
  if (total === 0) return { group, count, total, hits, value: null, low: 0, high: 1, isSuppressed: false };
  return { group, count, total, hits, value: hits / total, ...wilsonInterval(hits, total), isSuppressed: false };
}

const noGap: GroupGap = { value: null, low: null, high: null, method: 'newcombe', between: null };

/**
 * The widest pair of defined rates with Newcombe's interval of their difference. The pair is chosen by looking, so the
 * confidence is shared among all `comparisons` that could have been chosen (Bonferroni): the interval holds 95 % for the choice.
 */
function gapAmong(rates: readonly GroupRate[], comparisons: number): GroupGap {
  const defined = rates.filter((one) => one.value !== null);
  if (defined.length < 2) return noGap;
  const most = defined.reduce((best, one) => (one.value! > best.value! ? one : best));
  const least = defined.reduce((best, one) => (one.value! < best.value! ? one : best));
  // All equal: any two groups are the pair.
  const other = least === most ? defined.find((one) => one !== most)! : least;
  const { difference, low, high } = newcombeInterval(most.hits, most.total, other.hits, other.total, 1 - 0.05 / comparisons);
  return { value: difference, low, high, method: 'newcombe', between: [most.group, other.group], comparisons };
}

function pairs(rates: readonly GroupRate[]): number {
  const defined = rates.filter((one) => one.value !== null).length;
  return (defined * (defined - 1)) / 2;
}

function differenceGap(rates: readonly GroupRate[], atLeast = 1): GroupGap {
  return gapAmong(rates, Math.max(atLeast, pairs(rates)));
}

function equalizedOddsGap(truePositiveRates: readonly GroupRate[], falsePositiveRates: readonly GroupRate[], atLeast = 1): GroupGap {
  const comparisons = Math.max(atLeast, pairs(truePositiveRates) + pairs(falsePositiveRates));
  const truePositive = gapAmong(truePositiveRates, comparisons);
  const falsePositive = gapAmong(falsePositiveRates, comparisons);
  if (truePositive.value === null || falsePositive.value === null) return noGap;
  return truePositive.value >= falsePositive.value ? truePositive : falsePositive;
}

/** Pairs compared elsewhere too, from which a gap was chosen: at least so many share its confidence. */
interface ClassComparisons {
  readonly selection?: number | undefined;
  readonly odds?: number | undefined;
}

/** A class's fairness from its rates; the gaps are those between the rates that are shown. */
export function classFairness(label: string, rates: Pick<ClassFairness, 'selectionRate' | 'truePositiveRate' | 'falsePositiveRate'>, { selection, odds }: ClassComparisons = {}): ClassFairness {
  return { label, ...rates, demographicParityDifference: differenceGap(rates.selectionRate, selection), equalizedOddsDifference: equalizedOddsGap(rates.truePositiveRate, rates.falsePositiveRate, odds) };
}

/** A column's report from its rates and classes; the accuracy gap is that between the accuracies that are shown. */
export function columnReport(column: string, accuracy: readonly GroupRate[], classes: readonly ClassFairness[], comparisons?: number): GroupReport {
  return { column, accuracy, accuracyGap: differenceGap(accuracy, comparisons), classes };
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** The gaps of several columns stand side by side and the widest is looked at first: they share their confidence over all columns. */
function shareAmongColumns(reports: readonly GroupReport[]): GroupReport[] {
  if (reports.length < 2) return [...reports];
  const accuracy = sum(reports.map((report) => pairs(report.accuracy)));
  return reports.map((report) => columnReport(report.column, report.accuracy, report.classes.map((own, index) => classFairness(own.label, own, {
    selection: sum(reports.map(({ classes }) => pairs(classes[index]!.selectionRate))),
    odds: sum(reports.map(({ classes }) => pairs(classes[index]!.truePositiveRate) + pairs(classes[index]!.falsePositiveRate))),
  })), accuracy));
}

function ratesOfClass(label: string, groups: readonly GroupCounts[]): ClassFairness {
  return classFairness(label, {
    selectionRate: groups.map((own) => rate(own.group, own.count, own.truePositives + own.falsePositives, own.count, smallestGroup)),
    truePositiveRate: groups.map((own) => rate(own.group, own.count, own.truePositives, own.positives, smallestDenominator)),
    falsePositiveRate: groups.map((own) => rate(own.group, own.count, own.falsePositives, own.negatives, smallestDenominator)),
  });
}

export interface GroupColumn {
  readonly column: string;
  /** Value of each row. */
  readonly values: readonly string[];
}

/**
 * Accuracy, and for each class against the rest selection, true-positive and false-positive rate, by group, with Wilson
 * 95 % intervals and the widest gaps with Newcombe's, at a confidence shared by all pairs of all columns. Undefined rates (0 / 0) are null; groups below ten rows, and true-
 * (false-) positive rates over fewer than five rows, are suppressed: null, their hits and total given as 0.
 * Exact, and a hidden one may follow from the totals: `hideDerivable` before it is shown.
 * @param trueIndex label of each row as index into `labels`; `predictedIndex` likewise
 */
export function groupReports(trueIndex: ArrayLike<number>, predictedIndex: ArrayLike<number>, labels: readonly string[], columns: readonly GroupColumn[]): GroupReport[] {
  const truth = Array.from(trueIndex);
  const predicted = Array.from(predictedIndex);
  const isCorrect = truth.map((label, row) => label === predicted[row]);
  return shareAmongColumns(columns.map(({ column, values }) => {
    const correct = countGroups(truth.map(() => true), isCorrect, values);
    const accuracy = correct.map((own) => rate(own.group, own.count, own.truePositives, own.count, smallestGroup));
    const classes = labels.map((label, index) => ratesOfClass(label, countGroups(truth.map((one) => one === index), predicted.map((one) => one === index), values)));
    return columnReport(column, accuracy, classes);
  }));
}
