import { AdamW } from '../engine/optimizer.ts';
import { labelStart } from './full-batch-head.ts';
import { loraStart, startHeadFromSentences } from './lora-start.ts';
import { plainBatch } from './plain-batch.ts';
import type { PlainLoraPlan } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import { loraRows, sentenceFeatures } from './run-features.ts';
import type { SessionInput } from './session-input.ts';
import { SessionRun } from './session-run.ts';
import { addPlainSums } from './sums.ts';

/** LoRA and head by AdamW on shuffled batches, rate falling linearly to 0. Not private. */
export async function runPlainLora(input: SessionInput, plan: PlainLoraPlan): Promise<RunEnd> {
  const classes = input.labels.length;
  const { shape } = input.trainers[0]!;
  const adapter = { classes, lora: plan.lora };
  const units = input.training.length;
  const run = new SessionRun(input, { steps: plan.epochs * Math.ceil(units / plan.batchSize), expectedBatch: plan.batchSize, plannedCharges: () => [] });
  const from = input.resumeFrom;

  const { theta: start, layout } = loraStart(shape, adapter, plan.seed);
  const theta = from?.tensors.theta?.slice() ?? start;
  const optimizer = new AdamW(theta.length, { weightDecay: plan.weightDecay });
  if (from) optimizer.restore({ firstMoment: from.tensors.firstMoment!, secondMoment: from.tensors.secondMoment!, steps: from.counts.optimizerSteps! });
  await run.onAll((trainer) => trainer.configure(adapter));
  const score = () => loraRows(run, theta);
  const save = () => run.saveNowAndThen(() => ({ tensors: { theta: theta.slice(), firstMoment: optimizer.state.firstMoment.slice(), secondMoment: optimizer.state.secondMoment.slice() }, counts: { optimizerSteps: optimizer.state.steps } }));
  const end = (state: RunEnd['state'], stepsDone: number): RunEnd => ({ run, state, reason: state === 'stopped' ? 'asked' : null, stepsDone, score, model: { kind: 'lora', labels: input.labels, maximumLength: plan.maximumLength, adapter, theta } });

  let step = from?.step ?? 0;
  if (step === 0) {
    const sentences = await sentenceFeatures(run, { layers: [shape.layers], weights: [1], isUnitLength: false });
    const byName = theta.slice();
    startHeadFromSentences(byName, layout, labelStart(sentences, classes, shape.width, shape.width, 12), sentences, classes);
    await run.reportStep(0, () => loraRows(run, byName));
  }
  while (step < run.steps) {
    if (!(await run.mayStep())) return end('stopped', step);
    const batch = plainBatch(units, plan.batchSize, step, plan.seed);
    const parts = await run.onAll((trainer) => trainer.plainLoraGradientSum(theta, batch));
    const { sum, rowCount } = addPlainSums(parts, theta.length);
    optimizer.step(theta, sum.map((value) => value / rowCount), plan.learningRate * (1 - step / run.steps));
    step++;
    run.countStep(step);
    await save();
    await run.reportStep(step, score);
  }
  return end('finished', step);
}
