import { featureLength } from './features.ts';
import { balancedWeights, firstAveragedStep, labelStart, logPrior, recipeBudget, shrunkMean, type RecipeBudget } from './full-batch-head.ts';
import type { Mechanism } from '../privacy/events.ts';
import type { FullBatchHeadPlan } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import { headRows, prepareFeatures, sentenceFeatures } from './run-features.ts';
import { SessionRun } from './session-run.ts';
import type { SessionInput } from './session-input.ts';
import { streamTensors } from './stream-tensors.ts';
import type { FeatureSettings, HeadParameters } from './trainer.ts';

export function featureSettings(plan: FullBatchHeadPlan): FeatureSettings {
  return { layers: plan.featureLayers, weights: plan.featureWeights, isUnitLength: true };
}

/** What the training part is charged by the end of `steps` gradient steps. */
export function fullBatchCharges(plan: FullBatchHeadPlan, budget: RecipeBudget, steps: number): { mechanism: Mechanism; count: number }[] {
  const charges: { mechanism: Mechanism; count: number }[] = [];
  if (plan.meanShare > 0) charges.push({ mechanism: { kind: 'gaussian', noiseMultiplier: budget.meanNoiseMultiplier }, count: 1 });
  if (budget.countNoiseMultiplier !== null) charges.push({ mechanism: { kind: 'gaussian', noiseMultiplier: budget.countNoiseMultiplier }, count: 1 });
  if (steps > 0) charges.push({ mechanism: { kind: 'gaussian', noiseMultiplier: budget.stepNoiseMultiplier }, count: steps });
  return charges;
}

/** Recipe R, step by step: noisy mean, centring, noisy label counts of a balanced head, label sentences, T noisy steps over all units, average of the last. */
export async function runFullBatchHead(input: SessionInput, plan: FullBatchHeadPlan): Promise<RunEnd> {
  const units = input.training.length;
  const classes = input.labels.length;
  const budget = recipeBudget(plan, units, classes);
  const features = featureSettings(plan);
  const run = new SessionRun(input, { steps: plan.steps, expectedBatch: units, plannedCharges: (steps) => fullBatchCharges(plan, budget, steps) });
  const from = input.resumeFrom;

  await prepareFeatures(run, features);
  const sentences = await sentenceFeatures(run, features);
  const { width } = input.trainers[0]!.shape;
  const length = featureLength(features, width);
  let prior = from?.tensors['logPrior'] ?? null;
  const { balance } = plan;
  /** What is scored and kept; steps go on from the weights as they are. */
  const head = (at: Float32Array): HeadParameters => ({ weights: balance && prior ? balancedWeights(at, prior, balance.strength, plan.biasInput) : at, classes, biasInput: plan.biasInput });
  const end = (state: RunEnd['state'], reason: RunEnd['reason'], step: number, mean: Float32Array | null, weights: Float32Array): RunEnd => ({
    run, state, reason, stepsDone: step,
    model: { kind: 'head', labels: input.labels, maximumLength: plan.maximumLength, features, mean, biasInput: plan.biasInput, weights: head(weights).weights },
    score: () => headRows(run, head(weights)),
  });

  // The first layer's block has length sqrt(weight): divided by it, a sentence counts as much as with one layer.
  let weights = from?.tensors['weights'] ?? labelStart(firstBlocks(sentences, classes, width, features.layers.length), classes, width, length, plan.labelScale / Math.sqrt(plan.featureWeights[0]!));
  let mean = from?.tensors['mean'] ?? null;
  if (mean === null && plan.meanShare > 0) {
    const mechanism = { kind: 'gaussian', noiseMultiplier: budget.meanNoiseMultiplier } as const;
    const sums = await run.onAll((trainer) => trainer.featureSum());
    const noisy = await run.release(sums, { step: 0, purpose: 'feature-mean', mechanism, tensor: streamTensors.featureMean, expected: { length, unitCount: units, clipNorm: 1 } });
    if (noisy === null) return end('stopped', 'budget', 0, null, weights);
    mean = shrunkMean(noisy, units, budget.meanNoiseMultiplier);
  }
  const released = mean;
  if (released) await run.onAll((trainer) => trainer.centreFeatures(released));

  if (prior === null && budget.countNoiseMultiplier !== null) {
    const mechanism = { kind: 'gaussian', noiseMultiplier: budget.countNoiseMultiplier } as const;
    const sums = await run.onAll((trainer) => trainer.labelCounts(classes));
    const noisy = await run.release(sums, { step: 0, purpose: 'label-counts', mechanism, tensor: streamTensors.labelCounts, expected: { length: classes, unitCount: units, clipNorm: 1 } });
    if (noisy === null) return end('stopped', 'budget', 0, mean, weights);
    prior = logPrior(noisy, budget.countNoiseMultiplier);
  }

  const averageFrom = firstAveragedStep(plan);
  let average = from?.tensors['average'] ?? null;
  let averaged = from?.counts['averaged'] ?? 0;
  const current = () => average ?? weights;
  const save = () => run.save({ weights, ...(mean ? { mean } : {}), ...(prior ? { logPrior: prior } : {}), ...(average ? { average } : {}) }, { averaged });

  let step = from?.step ?? 0;
  if (step === 0) {
    await save();
    await run.reportStep(0, () => headRows(run, head(weights)));
  }
  const mechanism = { kind: 'gaussian', noiseMultiplier: budget.stepNoiseMultiplier } as const;
  while (step < plan.steps) {
    if (!(await run.mayStep())) return end('stopped', 'asked', step, mean, current());
    const at = weights;
    const sums = await run.onAll((trainer) => trainer.headGradientSum(at, classes, plan.clipNorm, plan.biasInput));
    const noisy = await run.release(sums, { step: step + 1, purpose: 'gradient', mechanism, tensor: streamTensors.gradient, expected: { length: weights.length, unitCount: units, clipNorm: plan.clipNorm } });
    if (noisy === null) return end('stopped', 'budget', step, mean, current());
    weights = at.map((value, i) => value - budget.stepSize * noisy[i]!);
    step++;
    if (step >= averageFrom) {
      averaged++;
      const next = weights;
      average = average === null ? next : average.map((value, i) => value + (next[i]! - value) / averaged);
    }
    run.countStep(step);
    await save();
    await run.reportStep(step, () => headRows(run, head(current())));
  }
  return end('finished', null, step, mean, current());
}

/** The first layer's block of each sentence's features: [C, width]. */
function firstBlocks(sentences: Float32Array, classes: number, width: number, layers: number): Float32Array {
  const blocks = new Float32Array(classes * width);
  for (let c = 0; c < classes; c++) blocks.set(sentences.subarray(c * layers * width, c * layers * width + width), c * width);
  return blocks;
}
