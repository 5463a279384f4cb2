import { descentOf } from './descent.ts';
import { optimizerParts, restoreOptimizer } from './optimizer-checkpoint.ts';
import { plainBatch } from './plain-batch.ts';
import type { PlainHeadPlan, PlainLoraPlan } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import type { SessionRun } from './session-run.ts';
import { addPlainSums } from './sums.ts';
import type { PlainSum, Trainer } from './trainer.ts';

/** How one trainer sums gradients over a batch. */
export type PlainGradient = (trainer: Trainer, theta: Float32Array, batch: readonly number[]) => Promise<PlainSum>;

/** Descent on shuffled batches; moves `theta` in place, from the checkpoint's step on. */
export async function plainSteps(run: SessionRun, plan: PlainHeadPlan | PlainLoraPlan, theta: Float32Array, gradient: PlainGradient, score: () => Promise<Float32Array>): Promise<Pick<RunEnd, 'state' | 'reason' | 'stepsDone'>> {
  const { training, resumeFrom } = run.input;
  const { optimizer, learningRate } = descentOf(plan, theta.length, run.steps);
  if (resumeFrom) restoreOptimizer(optimizer, resumeFrom);
  let step = resumeFrom?.step ?? 0;
  while (step < run.steps) {
    if (!(await run.mayStep())) return { state: 'stopped', reason: 'asked', stepsDone: step };
    const batch = plainBatch(training.length, plan.batchSize, step, plan.seed);
    const { sum, rowCount } = addPlainSums(await run.onAll((trainer) => gradient(trainer, theta, batch)), theta.length);
    optimizer.step(theta, Float32Array.from(sum, (value) => value / rowCount), learningRate(step));
    step++;
    run.countStep(step);
    await run.saveNowAndThen(() => {
      const parts = optimizerParts(optimizer);
      return { tensors: { ...parts.tensors, theta: theta.slice() }, counts: parts.counts };
    });
    await run.reportStep(step, score);
  }
  return { state: 'finished', reason: null, stepsDone: step };
}

/** Steps of a plain plan over `units` rows. */
export function plainStepCount(plan: PlainHeadPlan | PlainLoraPlan, units: number): number {
  return plan.epochs * Math.ceil(units / plan.batchSize);
}
