import { describe, expect, test } from 'vitest';
import goldens from '../fixtures/goldens/fairness.json' with { type: 'json' };
import { mulberry32 } from '../ground/random.ts';
import { bootstrapGroups } from './bootstrap.ts';
import { demographicParityDifference, demographicParityRatio, equalizedOddsDifference, equalizedOddsRatio, equalOpportunityDifference, rateDifference } from './gaps.ts';
import { countGroups, falsePositiveRate, selectionRate, truePositiveRate, type GroupCounts } from './group-counts.ts';
import { groupReports } from './group-reports.ts';
import { hideDerivable } from './hide-derivable.ts';

type Golden = (typeof goldens.datasets)[number];

function countsOf(golden: Golden, positive = 1): GroupCounts[] {
  const names = golden.groups.map((group) => (Array.isArray(group) ? group.join('|') : group));
  return countGroups(golden.y_true.map((label) => label === positive), golden.y_pred.map((label) => label === positive), names);
}

/** The file prints 12 significant digits and states 1e-9. */
function expectSame(found: number | null, expected: number | null): void {
  if (expected === null || found === null) expect(found).toBe(expected);
  else expect(Math.abs(found - expected)).toBeLessThan(1e-9);
}

describe('fairlearn, undefined rates left out (golden "recommended")', () => {
  test.each(goldens.datasets.flatMap((golden) => ('recommended' in golden && golden.recommended ? [{ golden, expected: golden.recommended }] : [])))('$golden.name', ({ golden, expected }) => {
    const counts = countsOf(golden);
    const byGroup: Readonly<Record<string, Readonly<Record<string, number | null>>>> = expected.by_group;
    expect(counts.map(({ group }) => group)).toEqual(Object.keys(byGroup).sort());
    for (const own of counts) {
      const rates = byGroup[own.group]!;
      expect([own.count, own.positives, own.negatives, own.truePositives, own.falsePositives]).toEqual([rates['n'], rates['positives'], rates['negatives'], rates['tp'], rates['fp']]);
      expectSame(truePositiveRate(own), rates['tpr']!);
      expectSame(falsePositiveRate(own), rates['fpr']!);
      expectSame(selectionRate(own), rates['selection_rate']!);
    }
    expectSame(demographicParityDifference(counts), expected.demographic_parity_difference);
    expectSame(demographicParityRatio(counts), expected.demographic_parity_ratio);
    expectSame(equalOpportunityDifference(counts), expected.equal_opportunity_difference);
    expectSame(equalizedOddsDifference(counts), expected.equalized_odds_difference);
    expectSame(equalizedOddsRatio(counts), expected.equalized_odds_ratio);
  });

  test.each(goldens.datasets.flatMap((golden) => ('one_vs_rest' in golden && golden.one_vs_rest ? Object.entries(golden.one_vs_rest).map(([label, one]) => ({ golden, label, one })) : [])))('$golden.name, class $label against the rest', ({ golden, label, one }) => {
    for (const own of countsOf(golden, Number(label))) {
      const of = (metric: { readonly by_group: Readonly<Record<string, number>> }) => metric.by_group[own.group]!;
      expectSame(selectionRate(own), of(one.metrics.selection_rate));
      // fairlearn counts an undefined rate as 0.
      expectSame(truePositiveRate(own) ?? 0, of(one.metrics.tpr));
      expectSame(falsePositiveRate(own) ?? 0, of(one.metrics.fpr));
      expectSame(own.correct / own.count, of(one.metrics.accuracy));
    }
  });
});

describe('bootstrap', () => {
  test.each(goldens.bootstrap)('$dataset, seed $seed', (expected) => {
    const golden = goldens.datasets.find(({ name }) => name === expected.dataset)!;
    const zeroed = (rate: number | null) => rate ?? 0;
    const groups = golden.groups.map(String);
    const selection = Object.fromEntries(Object.keys(expected.selection_rate).map((name) => [name, (counts: readonly GroupCounts[]) => {
      const own = counts.find(({ group }) => group === name);
      return own === undefined ? null : selectionRate(own);
    }]));
    const found = bootstrapGroups(
      { isTrue: golden.y_true.map((label) => label === 1), isPredicted: golden.y_pred.map((label) => label === 1), groups, seed: expected.seed, replicates: expected.B, quantiles: expected.quantiles },
      {
        demographicParity: demographicParityDifference,
        // These values are fairlearn's, which counts 0 / 0 as 0 in a replicate.
        equalizedOdds: (counts) => Math.max(rateDifference(counts.map(truePositiveRate).map(zeroed))!, rateDifference(counts.map(falsePositiveRate).map(zeroed))!),
        ...selection,
      },
    );
    expected.demographic_parity_difference.forEach((value, index) => expectSame(found['demographicParity']![index]!, value));
    expected.equalized_odds_difference.forEach((value, index) => expectSame(found['equalizedOdds']![index]!, value));
    for (const [name, values] of Object.entries(expected.selection_rate)) values.forEach((value, index) => expectSame(found[name]![index]!, value));
  });
});

/** Rows of one group: how many times each pair of true and predicted class occurs. */
function rowsOf(group: string, pairs: readonly (readonly [truth: number, predicted: number, times: number])[]) {
  return pairs.flatMap(([truth, predicted, times]) => Array.from({ length: times }, () => ({ group, truth, predicted })));
}

function reportOf(rows: readonly { readonly group: string; readonly truth: number; readonly predicted: number }[], labels: readonly string[] = ['no', 'yes']) {
  return groupReports(rows.map((row) => row.truth), rows.map((row) => row.predicted), labels, [{ column: 'sex', values: rows.map((row) => row.group) }])[0]!;
}

describe('group reports', () => {
  test('rates with Wilson intervals, and the widest pair with Newcombe’s', () => {
    // Newcombe 1998, table II, case (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339.
    const report = reportOf([...rowsOf('a', [[1, 1, 56], [1, 0, 14], [0, 0, 20]]), ...rowsOf('b', [[1, 1, 48], [1, 0, 32], [0, 0, 20]])]);
    const yes = report.classes[1]!;
    expect(yes.truePositiveRate.map(({ group, hits, total, value }) => [group, hits, total, value])).toEqual([['a', 56, 70, 0.8], ['b', 48, 80, 0.6]]);
    expect(report.classes[1]!.selectionRate[0]).toMatchObject({ count: 90, hits: 56, total: 90 });
    // One pair of selection rates: the confidence stays at 95 %.
    expect(yes.demographicParityDifference).toMatchObject({ method: 'newcombe', between: ['a', 'b'] });
    expect(yes.demographicParityDifference.value).toBeCloseTo(56 / 90 - 48 / 100, 12);
    // Two pairs could have been the equalized-odds gap: 97.5 % each, so wider than 0.0524 to 0.3339.
    expect(yes.equalizedOddsDifference.value).toBeCloseTo(0.2, 12);
    expect(yes.equalizedOddsDifference.low).toBeLessThan(0.0524);
    expect(yes.equalizedOddsDifference.high).toBeGreaterThan(0.3339);
  });

  test('a rate over nothing is undefined, not 0, and not suppressed', () => {
    const report = reportOf([...rowsOf('a', [[1, 1, 10], [0, 0, 10]]), ...rowsOf('b', [[1, 1, 9], [1, 0, 3], [0, 1, 8]]), ...rowsOf('z', [[0, 0, 12], [0, 1, 8]])]);
    const z = report.classes[1]!.truePositiveRate[2]!;
    expect(z).toEqual({ group: 'z', count: 20, total: 0, hits: 0, value: null, low: 0, high: 1, isSuppressed: false });
    expect(report.classes[1]!.equalizedOddsDifference.between).toEqual(['b', 'a']);
  });

  test('groups below ten rows, and rates over fewer than five, are suppressed at exactly those sizes', () => {
    const report = reportOf([...rowsOf('nine', [[1, 1, 5], [0, 0, 4]]), ...rowsOf('ten', [[1, 1, 5], [0, 0, 5]]), ...rowsOf('four', [[1, 1, 4], [0, 0, 20]])]);
    const suppression = (rates: readonly { readonly group: string; readonly isSuppressed: boolean }[]) => Object.fromEntries(rates.map(({ group, isSuppressed }) => [group, isSuppressed]));
    expect(suppression(report.accuracy)).toEqual({ nine: true, ten: false, four: false });
    expect(suppression(report.classes[1]!.truePositiveRate)).toEqual({ nine: true, ten: false, four: true });
    expect(suppression(report.classes[1]!.falsePositiveRate)).toEqual({ nine: true, ten: false, four: false });
    expect(report.accuracy.find(({ group }) => group === 'nine')).toEqual({ group: 'nine', count: 9, total: 0, hits: 0, value: null, low: 0, high: 1, isSuppressed: true });
  });

  test('fewer than two groups left: no gap', () => {
    const report = reportOf([...rowsOf('a', [[1, 1, 10], [0, 0, 10]]), ...rowsOf('b', [[1, 0, 3]])]);
    expect(report.accuracyGap).toEqual({ value: null, low: null, high: null, method: 'newcombe', between: null });
    expect(report.classes[0]!.demographicParityDifference.value).toBeNull();
  });

  test('columns side by side share the confidence: the widest gap of many is not more than chance by being looked for', () => {
    const rows = [...rowsOf('a', [[1, 1, 27], [1, 0, 3]]), ...rowsOf('b', [[1, 1, 20], [1, 0, 10]])];
    const [truth, predicted] = [rows.map((row) => row.truth), rows.map((row) => row.predicted)];
    const sex = { column: 'sex', values: rows.map((row) => row.group) };
    // At 95 % the interval leaves 0 out; shared among one pair and the ten of five wards it holds 0.
    const alone = groupReports(truth, predicted, ['no', 'yes'], [sex])[0]!.accuracyGap;
    expect(alone.comparisons).toBe(1);
    expect(alone.low!).toBeGreaterThan(0);
    const five = { column: 'ward', values: rows.map((_, row) => `w${row % 5}`) };
    const beside = groupReports(truth, predicted, ['no', 'yes'], [sex, five]);
    expect(beside.map(({ accuracyGap }) => accuracyGap.comparisons)).toEqual([11, 11]);
    expect(beside[0]!.accuracyGap.value).toBe(alone.value);
    expect(beside[0]!.accuracyGap.low!).toBeLessThan(0);
    expect(beside[0]!.classes[1]!.demographicParityDifference.comparisons).toBe(11);
    expect(hideDerivable(beside[0]!).accuracyGap).toEqual(beside[0]!.accuracyGap);
  });

  test('equal rates: a gap of 0 whose interval holds 0', () => {
    const gap = reportOf([...rowsOf('a', [[1, 1, 10], [0, 0, 10]]), ...rowsOf('b', [[1, 1, 10], [0, 0, 10]])]).accuracyGap;
    expect(gap.value).toBe(0);
    expect(gap.low!).toBeLessThan(0);
    expect(gap.high!).toBeGreaterThan(0);
  });
});

describe('hiding what follows from the totals', () => {
  const big = (group: string, size: number) => rowsOf(group, [[1, 1, size], [1, 0, 6], [0, 0, size], [0, 1, 6]]);
  const hidden = (rates: readonly { readonly group: string; readonly isSuppressed: boolean }[]) => rates.filter(({ isSuppressed }) => isSuppressed).map(({ group }) => group);
  const withOther = (rates: readonly { readonly group: string; readonly withOther?: true }[]) => rates.filter((rate) => rate.withOther).map(({ group }) => group);

  test('one small group takes the smallest other one with it, counts included', () => {
    const report = hideDerivable(reportOf([...big('a', 30), ...big('b', 20), ...big('c', 25), ...rowsOf('x', [[1, 1, 6]])]));
    for (const rates of [report.accuracy, ...report.classes.flatMap((one) => [one.selectionRate, one.truePositiveRate, one.falsePositiveRate])]) {
      expect(hidden(rates)).toEqual(['b', 'x']);
      expect(rates.filter(({ isSuppressed }) => isSuppressed).every(({ count, hits, total, value }) => count === 0 && hits === 0 && total === 0 && value === null)).toBe(true);
      expect(withOther(rates)).toEqual(['b']);
    }
    expect(report.accuracyGap.between).not.toContain('b');
    expect(hideDerivable(report)).toEqual(report);
  });

  test('two small groups hide each other', () => {
    const report = hideDerivable(reportOf([...big('a', 30), ...big('b', 20), ...rowsOf('x', [[1, 1, 6]]), ...rowsOf('y', [[1, 1, 7]])]));
    expect(hidden(report.accuracy)).toEqual(['x', 'y']);
    expect(withOther(report.accuracy)).toEqual([]);
  });

  test('nothing suppressed: nothing changes', () => {
    const report = reportOf([...big('a', 30), ...big('b', 20)]);
    expect(hideDerivable(report)).toEqual(report);
  });

  // Three classes; group c has three rows of the first.
  const labels = ['rare', 'middle', 'common'];
  const three = (group: string, sizes: readonly [number, number, number]) => rowsOf(group, sizes.flatMap((size, truth) => [[truth, truth, size - 1], [truth, (truth + 1) % 3, 1]] as const));
  const rare = reportOf([...three('a', [20, 30, 40]), ...three('b', [10, 22, 30]), ...three('c', [3, 12, 30])], labels);

  test('a rate over few rows is hidden with one of another group and one of another class, and accuracy and selection stay', () => {
    const report = hideDerivable(rare);
    expect(report.classes.map((one) => hidden(one.truePositiveRate))).toEqual([['b', 'c'], ['b', 'c'], []]);
    expect(report.classes.map((one) => hidden(one.falsePositiveRate))).toEqual([['b', 'c'], ['b', 'c'], []]);
    expect(report.classes.map((one) => hidden(one.selectionRate))).toEqual([[], [], []]);
    expect(hidden(report.accuracy)).toEqual([]);
    expect(withOther(report.classes[0]!.truePositiveRate)).toEqual(['b']);
    expect(report.classes[0]!.truePositiveRate[2]).toMatchObject({ group: 'c', count: 45 });
    expect(hideDerivable(report)).toEqual(report);
  });

  /** Whether a combination of the equations, each a row of coefficients, leaves one unknown alone: then a row of the reduced echelon form is that unknown. */
  function determined(equations: readonly (readonly number[])[], unknowns: readonly string[]): string[] {
    const rows = equations.map((row) => [...row]);
    let rank = 0;
    for (let column = 0; column < unknowns.length; column++) {
      // Coefficients stay small whole numbers or simple fractions; anything below this is rounding.
      const pivot = rows.findIndex((row, at) => at >= rank && Math.abs(row[column]!) > 1e-9);
      if (pivot < 0) continue;
      [rows[rank], rows[pivot]] = [rows[pivot]!, rows[rank]!];
      const own = rows[rank]!;
      const lead = own[column]!;
      own.forEach((value, at) => { own[at] = value / lead; });
      rows.forEach((row, at) => {
        const factor = row[column]!;
        if (at !== rank && factor !== 0) own.forEach((value, position) => { row[position]! -= factor * value; });
      });
      rank++;
    }
    return rows.slice(0, rank).flatMap((row) => {
      const left = unknowns.filter((_, at) => Math.abs(row[at]!) > 1e-9);
      return left.length === 1 ? left : [];
    });
  }

  /**
   * Hidden counts that follow from all that is shown beside them: totals of true and false positives of each class, correct and wrong rows of each group with an accuracy,
   * and selected rows of each group with a selection rate. A count of rows of a class stands in the same sums as its true positives.
   */
  function derivable(report: ReturnType<typeof reportOf>): string[] {
    const { accuracy, classes } = report;
    const name = (kind: string, index: number, at: number) => `${kind} ${classes[index]!.label} ${accuracy[at]!.group}`;
    const unknowns = classes.flatMap((one, index) => accuracy.flatMap((_, at) => [...(one.truePositiveRate[at]!.isSuppressed ? [name('true', index, at)] : []), ...(one.falsePositiveRate[at]!.isSuppressed ? [name('false', index, at)] : [])]));
    const position = new Map(unknowns.map((unknown, at) => [unknown, at]));
    const sumOf = (names: readonly string[]) => {
      const row = unknowns.map(() => 0);
      for (const one of names) if (position.has(one)) row[position.get(one)!] = 1;
      return row;
    };
    const [every, all] = [[...classes.keys()], [...accuracy.keys()]];
    const equations = ['true', 'false'].flatMap((kind) => [
      ...every.map((index) => sumOf(all.map((at) => name(kind, index, at)))),
      ...all.filter((at) => !accuracy[at]!.isSuppressed).map((at) => sumOf(every.map((index) => name(kind, index, at)))),
    ]);
    equations.push(...every.flatMap((index) => all.filter((at) => !classes[index]!.selectionRate[at]!.isSuppressed).map((at) => sumOf([name('true', index, at), name('false', index, at)]))));
    return determined(equations, unknowns);
  }

  test('no hidden true positives can be had by subtracting, whichever rates are over few rows', () => {
    expect(derivable(rare)).toEqual(['true rare c']);
    expect(derivable(hideDerivable(rare))).toEqual([]);
    // Sizes that differ and fall below five here and there, with and without a small group.
    for (let seed = 1; seed <= 60; seed++) {
      const size = (group: number, truth: number) => 2 + ((seed * 31 + group * 17 + truth * 7 + seed * group * truth) % 19);
      const rows = ['a', 'b', 'c', 'd'].flatMap((name, group) => three(name, [size(group, 0), size(group, 1), size(group, 2) + 8]));
      const report = hideDerivable(reportOf(seed % 2 === 0 ? rows : [...rows, ...rowsOf('x', [[0, 0, seed % 9 + 1]])], labels));
      expect(derivable(report)).toEqual([]);
      expect(hideDerivable(report)).toEqual(report);
    }
  });

  /** Four classes and more: `size - 1` rows are right and one is taken for the next class. */
  const table = (sizes: readonly (readonly number[])[]) => reportOf(sizes.flatMap((own, group) => rowsOf(`g${group}`, own.flatMap((size, truth) => (size === 0 ? [] : [[truth, truth, size - 1], [truth, (truth + 1) % own.length, 1]] as const)))), sizes[0]!.map((_, truth) => `c${truth}`));

  test('no hidden cell joins two blocks of hidden ones alone', () => {
    // Two squares of hidden cells, one over classes 0 and 1 and one over 2 and 3, with class 1 of the third group between them.
    const report = hideDerivable(table([[3, 12, 30, 30], [10, 14, 30, 30], [30, 4, 3, 12], [30, 30, 10, 14]]));
    expect(report.classes.map((one) => hidden(one.truePositiveRate))).toEqual([['g0', 'g1', 'g2'], ['g0', 'g1', 'g2'], ['g2', 'g3'], ['g2', 'g3']]);
    expect(derivable(report)).toEqual([]);
    expect(hideDerivable(report)).toEqual(report);
  });

  test('no hidden cell of many tables follows from what is shown, over however many lines', () => {
    const random = mulberry32(20);
    let changed = 0;
    for (let round = 0; round < 150; round++) {
      const [classes, groups, share] = [2 + Math.floor(random() * 5), 2 + Math.floor(random() * 6), random() * 0.4];
      const exact = table(Array.from({ length: groups }, () => Array.from({ length: classes }, () => (random() < share ? Math.floor(random() * 5) : 5 + Math.floor(random() * 30)))));
      const report = hideDerivable(exact);
      changed += derivable(exact).length > 0 ? 1 : 0;
      expect(derivable(report)).toEqual([]);
      expect(hideDerivable(report)).toEqual(report);
    }
    expect(changed).toBeGreaterThan(75);
  });
});
