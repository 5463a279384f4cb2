import { describe, expect, it } from 'vitest';
import { Tally } from './compare.ts';
import { equal, input } from './rules.ts';

describe('the worst relative error of a family', () => {
  it('says of which value it is, and whether that is so near 0 that the absolute tolerance held it', async () => {
    const tally = new Tally('deltas', { k: input, delta: equal(1e-12, 1e-6, 'rounding'), epsilon: equal(1e-12, 0.1, 'coarse') });
    await tally.entry('first', { k: 1, delta: 1e-18 }, (compare) => compare('delta', 0, 1e-18));
    expect(tally.report()).toMatchObject({ passed: 1, worstRelative: 1, worstAbsolute: 1e-18, worstRelativeAt: { field: 'delta', found: 0, expected: 1e-18, isHeldAbsolutely: true } });
    const other = new Tally('epsilons', { epsilon: equal(1e-12, 0.1, 'coarse') });
    await other.entry('first', { epsilon: 2 }, (compare) => compare('epsilon', 2.1, 2));
    expect(other.report().worstRelativeAt).toMatchObject({ isHeldAbsolutely: false, slack: expect.closeTo(0.2, 9) });
    // What is recorded as 0 has no relative error.
    const none = new Tally('zeros', { epsilon: equal(1e-3, 0, 'its own tolerance') });
    await none.entry('first', { epsilon: 0 }, (compare) => compare('epsilon', 1e-4, 0));
    expect(none.report()).toMatchObject({ worstRelative: 0, worstRelativeAt: null, worstAbsolute: 1e-4 });
  });
});
