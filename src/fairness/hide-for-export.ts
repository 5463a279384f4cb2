import { classFairness, columnReport } from './group-reports.ts';
import type { GroupRate, GroupReport } from './group-report.ts';

/** Hides the rates of `hidden` groups, and the number of rows of `small` ones, which is shown nowhere else. */
function hide(rates: readonly GroupRate[], hidden: ReadonlySet<string>, small: ReadonlySet<string>): GroupRate[] {
  return rates.map((rate) => {
    if (!hidden.has(rate.group)) return rate;
    return { group: rate.group, count: small.has(rate.group) ? 0 : rate.count, total: 0, hits: 0, value: null, low: 0, high: 1, isSuppressed: true };
  });
}

/** One hidden group is what the total leaves over: the smallest other one is hidden with it. */
function withSecond(hidden: ReadonlySet<string>, accuracy: readonly GroupRate[]): ReadonlySet<string> {
  const others = accuracy.filter(({ group }) => !hidden.has(group)).sort((a, b) => a.count - b.count);
  return hidden.size === 1 && others.length > 0 ? new Set([...hidden, others[0]!.group]) : hidden;
}

function suppressedGroups(rates: readonly GroupRate[]): string[] {
  return rates.filter(({ isSuppressed }) => isSuppressed).map(({ group }) => group);
}

/**
 * A group report that may leave once its owner has removed the mark: no suppressed figure follows from those shown.
 * - A group that lacks a true- or false-positive rate in one class loses both in every class, and its accuracy: selected rows
 *   less false positives are true positives, and correct rows less those of the other classes are those of this one.
 * - Where one group alone is hidden, the smallest other one is hidden too: the totals less the rest would give it away.
 * - Small groups, and the one hidden with them, lose their counts; gaps are those between the groups that are left.
 */
export function hideForExport(report: GroupReport): GroupReport {
  const small = withSecond(new Set(suppressedGroups(report.accuracy)), report.accuracy);
  const rates = report.classes.flatMap(({ truePositiveRate, falsePositiveRate }) => [...suppressedGroups(truePositiveRate), ...suppressedGroups(falsePositiveRate)]);
  const hidden = withSecond(new Set([...small, ...rates]), report.accuracy);
  const classes = report.classes.map((one) => classFairness(one.label, {
    selectionRate: hide(one.selectionRate, small, small),
    truePositiveRate: hide(one.truePositiveRate, hidden, small),
    falsePositiveRate: hide(one.falsePositiveRate, hidden, small),
  }, { selection: one.demographicParityDifference.comparisons, odds: one.equalizedOddsDifference.comparisons }));
  return columnReport(report.column, hide(report.accuracy, hidden, small), classes, report.accuracyGap.comparisons);
}
