import type { Plan } from '../training/plan.ts';
import type { SessionProgress } from '../training/session-input.ts';
import { drawsTold } from '../training/session-run.ts';

/** Between lines without a score. */
const periodMs = 5000;

/**
 * A line now and then; held-out scores are for whoever runs the command. Of secret draws ten steps are told at a time: a single one takes as long as its draw is large.
 * `nowMs` only grows.
 */
export function progressLines({ kind }: Pick<Plan, 'kind'>, say: (line: string) => void, nowMs: () => number): (progress: Pick<SessionProgress, 'phase' | 'phaseProgress' | 'step' | 'steps' | 'heldOut'>) => void {
  let saidAtMs = 0;
  return ({ phase, phaseProgress, step, steps, heldOut }) => {
    if (kind === 'dp-sgd' && phase === 'training' && step % drawsTold !== 0 && step !== steps) return;
    const accuracy = heldOut?.value.accuracy.value;
    if (accuracy == null && nowMs() - saidAtMs < periodMs) return;
    saidAtMs = nowMs();
    const score = accuracy == null ? '' : `, held-out accuracy ${accuracy.toFixed(3)}`;
    say(phase === 'training' ? `step ${step} of ${steps}${score}` : `${phase}: ${phaseProgress.done} of ${phaseProgress.total}`);
  };
}
