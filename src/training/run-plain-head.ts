import { labelStart } from './full-batch-head.ts';
import { startingHead } from './model-start.ts';
import { plainStepCount, plainSteps } from './plain-steps.ts';
import type { PlainHeadPlan } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import { headRows, prepareFeatures, sentenceFeatures } from './run-features.ts';
import type { SessionInput } from './session-input.ts';
import { SessionRun } from './session-run.ts';
import type { FeatureSettings, HeadParameters } from './trainer.ts';

const biasInput = 1;

/** Head over frozen features of the last layer at their own length, from zero. Not private. */
export async function runPlainHead(input: SessionInput, plan: PlainHeadPlan): Promise<RunEnd> {
  const { labels, training, resumeFrom } = input;
  const classes = labels.length;
  const { layers, width } = input.trainers[0]!.shape;
  const features: FeatureSettings = { layers: [layers], weights: [1], isUnitLength: false };
  const run = new SessionRun(input, { steps: plainStepCount(plan, training.length), expectedBatch: plan.batchSize, plannedCharges: () => [] });

  await prepareFeatures(run, features);
  const head = (weights: Float32Array): HeadParameters => ({ weights, classes, biasInput });
  const earlier = startingHead(input)?.weights;
  if (!resumeFrom && !earlier) {
    // The chart begins with what the label sentences alone can do; training itself starts from zero.
    const sentences = labelStart(await sentenceFeatures(run, features), classes, width, width, 1);
    await run.reportStep(0, () => headRows(run, head(sentences)));
  }
  const weights = resumeFrom?.tensors['theta']?.slice() ?? earlier?.slice() ?? new Float32Array(classes * (width + 1));
  const score = () => headRows(run, head(weights));
  const start = !resumeFrom && earlier ? await run.reportStep(0, score) : null;
  const end = await plainSteps(run, plan, weights, (trainer, theta, batch) => trainer.plainHeadGradientSum(head(theta), batch), score, start);
  return { ...end, run, score, model: { kind: 'head', labels, maximumLength: plan.maximumLength, features, mean: null, biasInput, weights } };
}
