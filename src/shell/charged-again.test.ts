import { describe, expect, it } from 'vitest';
import type { LedgerEvent, Purpose } from '../privacy/events.ts';
import { chargedAgain } from './charged-again.ts';

const charge = (step: number, purpose: Purpose = 'gradient', runId = 'r'): LedgerEvent => ({ kind: 'charge', id: `${purpose}${step}${runId}`, cohortId: 'c', runId, step, purpose, mechanism: { kind: 'gaussian', noiseMultiplier: 1 + step } });
const steps = (events: readonly LedgerEvent[], saved: number | null) => (chargedAgain(events, 'r', saved).training ?? []).map(({ mechanism }) => mechanism);

describe('what resuming charges again', () => {
  it('is nothing where nothing was charged, or all of it was saved', () => {
    expect(steps([], null)).toEqual([]);
    expect(steps([charge(1, 'gradient', 'another')], null)).toEqual([]);
    expect(steps([charge(0, 'feature-mean'), charge(1), charge(2)], 2)).toEqual([]);
    // The second step was lost and made once more before: both charges are accounted for by now.
    expect(steps([charge(0, 'feature-mean'), charge(1), charge(2), charge(2)], 2)).toEqual([]);
  });

  it('is every step beyond the saved one, once however often it was lost', () => {
    expect(steps([charge(0, 'feature-mean'), charge(1), charge(2), charge(2)], 1)).toEqual([{ kind: 'gaussian', noiseMultiplier: 3 }]);
    expect(steps([charge(0, 'feature-mean')], null)).toEqual([{ kind: 'gaussian', noiseMultiplier: 1 }]);
  });

  it('is the label counts too where the mean alone was saved', () => {
    const events = [charge(0, 'feature-mean'), charge(0, 'label-counts')];
    expect((chargedAgain(events, 'r', 0, false).training ?? []).map(({ mechanism }) => mechanism)).toEqual([{ kind: 'gaussian', noiseMultiplier: 1 }]);
    expect(chargedAgain(events, 'r', 0, true).training).toEqual([]);
  });

  it('is the score too, of the held-out part', () => {
    expect(chargedAgain([charge(2), charge(2, 'charged-validation')], 'r', 2)).toMatchObject({ training: [], 'held-out': [{ count: 1 }] });
  });
});
