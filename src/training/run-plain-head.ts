import { AdamW } from '../engine/optimizer.ts';
import { labelStart } from './full-batch-head.ts';
import { plainBatch } from './plain-batch.ts';
import type { PlainHeadPlan } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import { headRows, prepareFeatures, sentenceFeatures } from './run-features.ts';
import type { SessionInput } from './session-input.ts';
import { SessionRun } from './session-run.ts';
import { addPlainSums } from './sums.ts';
import type { FeatureSettings, HeadParameters } from './trainer.ts';

const biasInput = 1;

/** Head over frozen features of the last layer at their own length: AdamW, shuffled batches, rate falling linearly to 0. Not private. */
export async function runPlainHead(input: SessionInput, plan: PlainHeadPlan): Promise<RunEnd> {
  const classes = input.labels.length;
  const { layers, width } = input.trainers[0]!.shape;
  const features: FeatureSettings = { layers: [layers], weights: [1], isUnitLength: false };
  const units = input.training.length;
  const stepsAnEpoch = Math.ceil(units / plan.batchSize);
  const run = new SessionRun(input, { steps: plan.epochs * stepsAnEpoch, expectedBatch: plan.batchSize, plannedCharges: () => [] });
  const from = input.resumeFrom;

  await prepareFeatures(run, features);
  const head = (weights: Float32Array): HeadParameters => ({ weights, classes, biasInput });
  const optimizer = new AdamW(classes * (width + 1), { weightDecay: plan.weightDecay });
  const weights = from?.tensors.weights?.slice() ?? new Float32Array(classes * (width + 1));
  if (from) optimizer.restore({ firstMoment: from.tensors.firstMoment!, secondMoment: from.tensors.secondMoment!, steps: from.counts.optimizerSteps! });
  const score = () => headRows(run, head(weights));
  const save = () => run.saveNowAndThen(() => ({ tensors: { weights: weights.slice(), firstMoment: optimizer.state.firstMoment.slice(), secondMoment: optimizer.state.secondMoment.slice() }, counts: { optimizerSteps: optimizer.state.steps } }));
  const end = (state: RunEnd['state'], stepsDone: number): RunEnd => ({
    run, state, reason: state === 'stopped' ? 'asked' : null, stepsDone, score,
    model: { kind: 'head', labels: input.labels, maximumLength: plan.maximumLength, features, mean: null, biasInput, weights },
  });

  let step = from?.step ?? 0;
  if (step === 0) {
    const sentences = await sentenceFeatures(run, features);
    await run.reportStep(0, () => headRows(run, head(labelStart(sentences, classes, width, width, 1))));
  }
  for (; step < run.steps; ) {
    if (!(await run.mayStep())) return end('stopped', step);
    const batch = plainBatch(units, plan.batchSize, step, plan.seed);
    const parts = await run.onAll((trainer) => trainer.plainHeadGradientSum(head(weights), batch));
    const { sum, rowCount } = addPlainSums(parts, weights.length);
    optimizer.step(weights, sum.map((value) => value / rowCount), plan.learningRate * (1 - step / run.steps));
    step++;
    run.countStep(step);
    await save();
    await run.reportStep(step, score);
  }
  return end('finished', step);
}
