import { describe, expect, it } from 'vitest';
import type { PanelPoint } from '../../shell/bedside.service.ts';
import { withFinalScore } from './final-score.ts';

const range = { low: 1, central: 2, high: 3 };
const score = (value: number) => ({ value, low: value - 0.1, high: value + 0.1, count: 0, total: 10 });
const point = (step: number, value: number | null): PanelPoint => ({ step, elapsedSeconds: step, accuracy: value === null ? null : score(value), heldOutLossNats: value === null ? null : 0.5, energyWh: range, carbonGrams: range, epsilonSpent: 1 });

describe('the end of the observation chart', () => {
  it('is the final score, whatever was measured last', () => {
    const points = withFinalScore([point(10, 0.82), point(14, null)], { stepsDone: 14, accuracy: score(0.83) });
    expect(points.map(({ step, accuracy }) => [step, accuracy?.value])).toEqual([[10, 0.82], [14, 0.83]]);
    expect(withFinalScore([point(14, 0.82)], { stepsDone: 14, accuracy: score(0.83) })[0]?.accuracy?.value).toBe(0.83);
  });

  it('is added where the last point is of an earlier step', () => {
    const points = withFinalScore([point(10, 0.82)], { stepsDone: 14, accuracy: score(0.83) });
    expect(points.map(({ step, heldOutLossNats }) => [step, heldOutLossNats])).toEqual([[10, 0.5], [14, null]]);
  });

  it('adds nothing where nothing was measured', () => {
    const points = [point(10, 0.82)];
    expect(withFinalScore(points, { stepsDone: 14, accuracy: null })).toBe(points);
    expect(withFinalScore([], { stepsDone: 14, accuracy: score(0.83) })).toEqual([]);
  });
});
