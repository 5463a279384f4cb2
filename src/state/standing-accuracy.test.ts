import { describe, expect, it } from 'vitest';
import type { FederationRound } from '../shell/federation.service.ts';
import { standingAccuracy } from './standing-accuracy.ts';

const round = (number: number, correct: number | null, changes: Partial<FederationRound> = {}): FederationRound => ({ round: number, isCounted: true, isKept: true, accepted: 3, dropped: 0, seconds: 9, deviceSeconds: 20, accuracy: correct === null ? null : { correct, total: 100 }, ...changes });

describe('the accuracy of the model that stands', () => {
  it('is that of the newest round whose model was kept', () => {
    expect(standingAccuracy({ rounds: [round(1, 81), round(2, 84)], initialAccuracy: { correct: 80, total: 100 } })?.correct).toBe(84);
    expect(standingAccuracy({ rounds: [round(1, 81), round(2, 70, { isKept: false })], initialAccuracy: { correct: 80, total: 100 } })?.correct).toBe(81);
    expect(standingAccuracy({ rounds: [round(1, 81), round(2, 70, { isCounted: false })], initialAccuracy: { correct: 80, total: 100 } })?.correct).toBe(81);
  });

  it('is that of the first model where no round has been kept, or none was measured', () => {
    expect(standingAccuracy({ rounds: [round(1, 74, { isKept: false })], initialAccuracy: { correct: 80, total: 100 } })?.correct).toBe(80);
    expect(standingAccuracy({ rounds: [round(1, null)], initialAccuracy: null })).toBeNull();
  });
});
