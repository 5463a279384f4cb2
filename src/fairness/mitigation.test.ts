import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reweighing } from './reweighing.ts';
import { fairThresholds, positiveProbability, type FairThresholds, type GroupedRow, type ThresholdSettings } from './threshold-optimizer.ts';

// The values of AIF360 and fairlearn are held by `npm run goldens` and its test; here is what must hold of any rows.

describe('reweighing', () => {
  it('makes group and class independent where each group has each class', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('A', 'B', 'C'), fc.constantFrom('0', '1')), { maxLength: 60 }), (drawn) => {
      const all = [...drawn, ...['A', 'B', 'C'].flatMap((group) => [[group, '0'], [group, '1']] as [string, string][])];
      const [groups, labels] = [all.map(([group]) => group), all.map(([, label]) => label)];
      const { factors, sumOfWeights, groups: names, classes } = reweighing(labels, groups);
      const weight = (isCounted: (row: number) => boolean) => all.reduce((sum, [group, label], row) => (isCounted(row) ? sum + factors[names.indexOf(group)]![classes.indexOf(label)]! : sum), 0);
      expect(sumOfWeights).toBeCloseTo(all.length, 9);
      for (const name of names) expect(weight((row) => groups[row] === name && labels[row] === '1') / weight((row) => groups[row] === name)).toBeCloseTo(weight((row) => labels[row] === '1') / all.length, 9);
    }));
  });

  it('has no weight for a class that a group lacks', () => {
    expect(reweighing(['1', '1', '0'], ['A', 'A', 'B'])).toEqual({ groups: ['A', 'B'], classes: ['0', '1'], factors: [[null, 2 / 3], [1 / 3, null]], sumOfWeights: expect.closeTo(5 / 3, 12) as number });
  });
});

const anyRows = fc.array(fc.record({ group: fc.constantFrom('A', 'B'), isTrue: fc.boolean(), score: fc.integer({ min: 0, max: 9 }) }), { minLength: 4, maxLength: 40 })
  .filter((rows) => ['A', 'B'].every((group) => new Set(rows.filter((row) => row.group === group).map(({ isTrue }) => isTrue)).size === 2));
const settings = (constraint: ThresholdSettings['constraint'], tolerance = 0): ThresholdSettings => ({ constraint, objective: 'accuracy', gridSize: 100, tolerance });

function chance({ rules }: FairThresholds, rows: readonly GroupedRow[], isCounted: (row: GroupedRow) => boolean): number {
  const counted = rows.filter(isCounted);
  return counted.reduce((sum, { group, score }) => sum + positiveProbability(rules.get(group)!, score), 0) / counted.length;
}
const accuracyOf = (fair: FairThresholds, rows: readonly GroupedRow[]) => rows.reduce((sum, { group, score, isTrue }) => sum + Math.abs(positiveProbability(fair.rules.get(group)!, score) - Number(!isTrue)), 0) / rows.length;
const isOf = (group: string, isTrue?: boolean) => (row: GroupedRow) => row.group === group && (isTrue === undefined || row.isTrue === isTrue);

describe('thresholds by group', () => {
  it('give the groups one rate, and the score that they say', () => {
    fc.assert(fc.property(anyRows, (rows) => {
      for (const [constraint, counted] of [['selection', undefined], ['found', true], ['called by mistake', false]] as const) {
        const fair = fairThresholds(rows, settings(constraint));
        expect(chance(fair, rows, isOf('A', counted))).toBeCloseTo(chance(fair, rows, isOf('B', counted)), 9);
        expect(accuracyOf(fair, rows)).toBeCloseTo(fair.best, 9);
      }
      const odds = fairThresholds(rows, settings('equalized odds'));
      for (const isTrue of [true, false]) expect(chance(odds, rows, isOf('A', isTrue))).toBeCloseTo(chance(odds, rows, isOf('B', isTrue)), 9);
      expect(chance(odds, rows, isOf('A', true))).toBeCloseTo(odds.best, 9);
    }));
  });

  it('are no worse than saying the same of everybody, and no worse the more the rates may differ', () => {
    fc.assert(fc.property(anyRows, (rows) => {
      const positives = rows.filter(({ isTrue }) => isTrue).length / rows.length;
      const strict = fairThresholds(rows, settings('selection'));
      const loose = fairThresholds(rows, settings('selection', 0.2));
      const free = fairThresholds(rows, settings('selection', 1));
      expect(strict.best).toBeGreaterThanOrEqual(Math.max(positives, 1 - positives) - 1e-9);
      expect(loose.best).toBeGreaterThanOrEqual(strict.best - 1e-9);
      expect(Math.abs(chance(loose, rows, isOf('A')) - chance(loose, rows, isOf('B')))).toBeLessThanOrEqual(0.2 + 1e-9);
      expect(free.best).toBeGreaterThanOrEqual(loose.best - 1e-9);
      // Rates are hundredths here.
      expect(accuracyOf(fairThresholds(rows, settings('equalized odds')), rows)).toBeLessThanOrEqual(free.best + 0.01);
    }));
  });

  it('refuse a group of one class, a row without a score and broken settings', () => {
    const rows: GroupedRow[] = [{ group: 'A', isTrue: true, score: 1 }, { group: 'A', isTrue: false, score: 0 }, { group: 'B', isTrue: true, score: 1 }];
    expect(() => fairThresholds(rows, settings('selection'))).toThrow(expect.objectContaining({ code: 'fairness/one-class-group', values: { group: 2, groups: 2, rows: 1 } }));
    expect(() => fairThresholds([...rows, { group: 'B', isTrue: false, score: NaN }], settings('selection'))).toThrow(expect.objectContaining({ code: 'fairness/score', values: { row: 4 } }));
    for (const change of [{ gridSize: 0 }, { gridSize: 1.5 }, { tolerance: -0.1 }, { tolerance: NaN }]) expect(() => fairThresholds(rows, { ...settings('selection'), ...change })).toThrow(expect.objectContaining({ code: 'settings/out-of-range' }));
  });
});
