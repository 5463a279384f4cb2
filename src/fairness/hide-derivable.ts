import { withCircles, type Cell } from './determined-cells.ts';
import { classFairness, columnReport } from './group-reports.ts';
import type { ClassFairness, GroupRate, GroupReport } from './group-report.ts';

/** Classes, as indices, whose rates are hidden, by group. */
type HiddenClasses = ReadonlyMap<string, Set<number>>;

/** A rate that is not shown, of a group of which `count` rows may be known. One that is hidden for its own size stays so. */
function hidden({ group, isSuppressed, withOther }: GroupRate, count: number): GroupRate {
  return { group, count, total: 0, hits: 0, value: null, low: 0, high: 1, isSuppressed: true, ...(withOther || !isSuppressed ? { withOther: true } : {}) };
}

/** Groups without any rate: those with few rows, and where that is one alone, the smallest other one. */
function smallGroups(accuracy: readonly GroupRate[]): ReadonlySet<string> {
  const small = new Set(accuracy.filter(({ isSuppressed }) => isSuppressed).map(({ group }) => group));
  const [second] = accuracy.filter(({ group }) => !small.has(group)).toSorted((a, b) => a.count - b.count);
  return small.size === 1 && second ? small.add(second.group) : small;
}

/**
 * Classes of each larger group whose true- and false-positive rates are hidden: where one of the two is over few rows both are, since with the
 * selected rows each follows from the other. Then no class may have one hidden group alone, since the totals are shown, and no group
 * one hidden class alone, since its correct rows are: the smallest other one goes with it, until none is alone. Nor may one alone join two blocks of hidden ones, whose
 * sums differ by it. Where there are small groups, the totals of a class less the larger groups are those of two or more of them, and say nothing of one.
 */
function hiddenClasses({ accuracy, classes }: GroupReport, small: ReadonlySet<string>): HiddenClasses {
  const groups = accuracy.flatMap(({ group }, at) => (small.has(group) ? [] : [{ group, at }]));
  const found = new Map(groups.map(({ group, at }) => [group, new Set(classes.flatMap((one, index) => (one.truePositiveRate[at]!.isSuppressed || one.falsePositiveRate[at]!.isSuppressed ? [index] : [])))]));
  /** Rows of the class; a group that has none comes last, since hiding that it has none hides little. */
  const size = (at: number, index: number) => classes[index]!.truePositiveRate[at]!.total || Number.MAX_SAFE_INTEGER;
  for (let isChanged = true; isChanged;) {
    isChanged = false;
    for (const { group, at } of groups) {
      const own = found.get(group)!;
      const [other] = classes.map((_, index) => index).filter((index) => !own.has(index)).toSorted((a, b) => size(at, a) - size(at, b));
      if (own.size !== 1 || other === undefined) continue;
      own.add(other);
      isChanged = true;
    }
    for (const index of classes.keys()) {
      const shown = groups.filter(({ group }) => !found.get(group)!.has(index)).toSorted((a, b) => size(a.at, index) - size(b.at, index));
      if (small.size + groups.length - shown.length !== 1 || shown.length === 0) continue;
      found.get(shown[0]!.group)!.add(index);
      isChanged = true;
    }
  }
  if (small.size === 0) {
    const cells = groups.flatMap(({ group, at }) => [...found.get(group)!].map((index): Cell => [index, at]));
    for (const [index, at] of withCircles(cells, classes.length, accuracy.length, (row, column) => size(column, row))) found.get(accuracy[at]!.group)!.add(index);
  }
  return found;
}

/**
 * A group report that may stand beside the totals: no hidden figure follows by subtraction from those shown.
 * - Where one group alone has too few rows, the smallest other one is hidden with it, in every view.
 * - A group's true- and false-positive rate of a class are hidden together, and never those of one group or one class alone, nor those by which alone two blocks of
 *   hidden ones hang together: no sum or difference of what is shown, over whatever lines, leaves one count.
 * - Small groups, and the one hidden with them, lose their counts too. Gaps are those between the groups that are left.
 * A second time changes nothing.
 */
export function hideDerivable(report: GroupReport): GroupReport {
  const small = smallGroups(report.accuracy);
  const byGroup = hiddenClasses(report, small);
  const hideSmall = (rates: readonly GroupRate[]) => rates.map((rate) => (small.has(rate.group) ? hidden(rate, 0) : rate));
  const classes = report.classes.map((one, index): ClassFairness => {
    const hideOf = (rates: readonly GroupRate[]) => hideSmall(rates).map((rate) => (byGroup.get(rate.group)?.has(index) ? hidden(rate, rate.count) : rate));
    return classFairness(one.label, { selectionRate: hideSmall(one.selectionRate), truePositiveRate: hideOf(one.truePositiveRate), falsePositiveRate: hideOf(one.falsePositiveRate) }, { selection: one.demographicParityDifference.comparisons, odds: one.equalizedOddsDifference.comparisons });
  });
  return columnReport(report.column, hideSmall(report.accuracy), classes, report.accuracyGap.comparisons);
}
