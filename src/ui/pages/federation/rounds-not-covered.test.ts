import { describe, expect, it } from 'vitest';
import { notCoveredCodes } from '../../../privacy/statement.ts';
import { roundsNotCovered } from './rounds-not-covered.ts';

describe('what the promise of rounds does not cover', () => {
  it.each(['row', 'person', 'participant'] as const)('is all that a run does not cover, where a %s is protected, but for settings, and for the other unit that is held out', (unit) => {
    const other = unit === 'person' ? 'held-out' : 'held-out-people';
    expect([...roundsNotCovered(unit)].sort()).toEqual(notCoveredCodes.filter((code) => code !== 'hyper-parameters' && code !== other).sort());
  });
});
