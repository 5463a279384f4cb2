import { describe, expect, it } from 'vitest';
import { highestLimit, lowestLimit, mayRaiseLimit, proposedLimit } from './limit-range.ts';

describe('a limit that is raised', () => {
  it('is higher than the one before, by the next hundredth', () => {
    expect([4, 4.4, 0.29, 4.005, 99.99].map(lowestLimit)).toEqual([4.01, 4.41, 0.3, 4.01, 100]);
  });

  it('ends at the highest', () => {
    expect([99.99, 100].map(mayRaiseLimit)).toEqual([true, false]);
  });

  it('is proposed inside the range whatever the plan would come to', () => {
    for (const wanted of [0, 4.1, 4.11, 250, Infinity]) {
      const limit = proposedLimit(wanted, lowestLimit(4));
      expect(limit).toBeGreaterThanOrEqual(4.01);
      expect(limit).toBeLessThanOrEqual(highestLimit);
    }
    expect(proposedLimit(4.11, 4.01)).toBe(4.2);
    expect(proposedLimit(4.1, 4.01)).toBe(4.1);
  });
});
