import { divided } from '../ground/scaled.ts';
import { descentOf } from './descent.ts';
import { LossWatch } from './early-stop.ts';
import type { HeldOutScore } from './held-out-score.ts';
import { optimizerParts, restoreOptimizer } from './optimizer-checkpoint.ts';
import { plainBatch } from './plain-batch.ts';
import type { PlainPlan } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import type { SessionRun } from './session-run.ts';
import { addPlainSums } from './sums.ts';
import type { PlainSum, Trainer } from './trainer.ts';

/** How one trainer sums gradients over a batch. */
export type PlainGradient = (trainer: Trainer, theta: Float32Array, batch: readonly number[]) => Promise<PlainSum>;

/**
 * Descent on shuffled batches; moves `theta` in place, from the checkpoint's step on. With an early stop theta ends as it was at the least held-out loss, and
 * `stepsDone` are those up to there: none, where no look was better than `start`, the score of theta as it comes; null where that was not taken.
 */
export async function plainSteps(run: SessionRun, plan: PlainPlan, theta: Float32Array, gradient: PlainGradient, score: () => Promise<Float32Array>, start: HeldOutScore | null): Promise<Pick<RunEnd, 'state' | 'reason' | 'stepsDone'>> {
  const { training, resumeFrom } = run.input;
  const { optimizer, learningRate } = descentOf(plan, theta.length, run.steps);
  if (resumeFrom) restoreOptimizer(optimizer, resumeFrom);
  // The epochs to come are shuffled as they would have been, had the run before gone on.
  const stepsBefore = plan.continues?.stepsBefore ?? 0;
  let step = resumeFrom?.step ?? 0;
  const watch = plan.stopEarly ? new LossWatch(plan.stopEarly, resumeFrom) : null;
  if (start && start.lossNats !== null) watch?.start(start.lossNats, theta);
  while (step < run.steps) {
    if (!(await run.mayStep())) return { state: 'stopped', reason: 'asked', stepsDone: step };
    const batch = plainBatch(training.length, plan.batchSize, stepsBefore + step, plan.seed);
    const { sum, rowCount } = addPlainSums(await run.onAll((trainer) => gradient(trainer, theta, batch)), theta.length);
    optimizer.step(theta, divided(sum, rowCount), learningRate(step));
    step++;
    run.countStep(step);
    const lossNats = (await run.reportStep(step, score))?.lossNats ?? null;
    if (watch && lossNats !== null && watch.isOver(step, lossNats, theta)) break;
    // After the look: a run that is resumed here does not look again.
    await run.saveNowAndThen(() => {
      const [parts, watched] = [optimizerParts(optimizer), watch?.parts()];
      return { tensors: { ...parts.tensors, ...watched?.tensors, theta: theta.slice() }, counts: { ...parts.counts, ...watched?.counts } };
    });
  }
  if (!watch?.best) return { state: 'finished', reason: null, stepsDone: step };
  theta.set(watch.best.theta);
  return { state: 'finished', reason: null, stepsDone: watch.best.step };
}

/** Steps of a plain plan over `units` rows. */
export function plainStepCount(plan: PlainPlan, units: number): number {
  return plan.epochs * Math.ceil(units / plan.batchSize);
}
