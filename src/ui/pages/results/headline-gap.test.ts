import { describe, expect, it } from 'vitest';
import type { GroupGap } from '../../../fairness/group-report.ts';
import { headlineGap, isWithinChance } from './headline-gap.ts';

const gap = (value: number | null, low: number | null, high: number | null): GroupGap => ({ value, low, high, method: 'newcombe', between: value === null ? null : ['a', 'b'] });

describe('the gap that is shown first', () => {
  it('is one beyond chance, though a wider one may be chance', () => {
    const shown = headlineGap([{ column: 'age', accuracyGap: gap(0.27, -0.02, 0.6) }, { column: 'sex', accuracyGap: gap(0.18, 0.05, 0.3) }]);
    expect(shown).toMatchObject({ column: 'sex', isChance: false, isLargest: false });
  });

  it('is the largest among equals', () => {
    const shown = headlineGap([{ column: 'age', accuracyGap: gap(0.1, -0.1, 0.3) }, { column: 'sex', accuracyGap: gap(-0.2, -0.5, 0.1) }, { column: 'ward', accuracyGap: gap(null, null, null) }]);
    expect(shown).toMatchObject({ column: 'sex', isChance: true, isLargest: true });
  });

  it('is none where no column has two groups', () => {
    expect(headlineGap([{ column: 'ward', accuracyGap: gap(null, null, null) }])).toBeUndefined();
  });

  it.each([[-0.1, 0.2, true], [0.004, 0.64, true], [0.006, 0.64, false], [-0.3, -0.004, true], [-0.3, -0.02, false], [null, null, true]])('is chance from %s to %s as the two digits have it that are shown: %s', (low, high, isChance) => {
    expect(isWithinChance({ low, high })).toBe(isChance);
  });
});
