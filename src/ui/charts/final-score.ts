import type { PanelPoint, RunSummary } from '../../shell/bedside.service.ts';

/** The points of a run that has ended, the last one with the accuracy of the model that was kept. */
export function withFinalScore(points: readonly PanelPoint[], { stepsDone, accuracy }: Pick<RunSummary, 'stepsDone' | 'accuracy'>): readonly PanelPoint[] {
  const last = points.at(-1);
  if (!last || accuracy === null || last.step > stepsDone) return points;
  // A loss of an earlier step is not that of the end.
  return last.step === stepsDone ? [...points.slice(0, -1), { ...last, accuracy }] : [...points, { ...last, step: stepsDone, accuracy, heldOutLossNats: null }];
}
