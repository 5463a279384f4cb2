import { featureLength, featureSettings } from './features.ts';
import { balancedWeights, firstAveragedStep, labelStart, logPrior, recipeBudget, searchMechanism, shrunkMean, type RecipeBudget } from './full-batch-head.ts';
import type { Charge } from '../privacy/composition.ts';
import { noiseMechanism } from '../privacy/noise-laws.ts';
import { noiseLawOf, searchOf, type FullBatchHeadPlan } from './plan.ts';
import { startingHead } from './model-start.ts';
import type { RunEnd } from './run-end.ts';
import { headRows, prepareFeatures, sentenceFeatures } from './run-features.ts';
import { SessionRun } from './session-run.ts';
import type { SessionInput } from './session-input.ts';
import { streamTensors } from './stream-tensors.ts';
import type { FeatureSettings, HeadParameters } from './trainer.ts';

/** What the training part is charged by the end of `steps` gradient steps. */
export function fullBatchCharges(plan: FullBatchHeadPlan, budget: RecipeBudget, steps: number): Charge[] {
  const [noiseLaw, search] = [noiseLawOf(plan), searchOf(plan)];
  const once = [...(plan.meanShare > 0 ? [budget.meanNoiseMultiplier] : []), ...(budget.countNoiseMultiplier === null ? [] : [budget.countNoiseMultiplier])];
  const ofSteps: Charge = search ? { mechanism: searchMechanism(search, budget.stepsMu), count: 1 } : { mechanism: noiseMechanism(noiseLaw, budget.stepNoiseMultiplier), count: steps };
  return [...once.map((noiseMultiplier) => ({ mechanism: noiseMechanism(noiseLaw, noiseMultiplier), count: 1 })), ...(steps > 0 ? [ofSteps] : [])];
}

/** What every head of a run starts from, and how it is scored. */
export interface HeadGround {
  /** Length of a feature. */
  readonly length: number;
  readonly features: FeatureSettings;
  /** W0 of the label sentences at a scale: [C, D + 1]. */
  readonly startAt: (labelScale: number) => Float32Array;
  /** What is scored and kept: a balanced head lacks a part of the log prior; steps go on from the weights as they are. */
  readonly head: (weights: Float32Array, prior: Float32Array | null) => HeadParameters;
}

/** Reads the notes and the label sentences. */
export async function readHeadGround(run: SessionRun, plan: FullBatchHeadPlan): Promise<HeadGround> {
  const features = featureSettings(plan);
  const { classes } = run;
  await prepareFeatures(run, features);
  const sentences = await sentenceFeatures(run, features);
  const { width } = run.input.trainers[0]!.shape;
  const length = featureLength(features, width);
  const { balance, biasInput } = plan;
  return {
    length,
    features,
    // The first layer's block has length sqrt(weight): divided by it, a sentence counts as much as with one layer.
    startAt: (labelScale) => labelStart(firstBlocks(sentences, classes, width, features.layers.length), classes, width, length, labelScale / Math.sqrt(plan.featureWeights[0]!)),
    head: (weights, prior) => ({ weights: balance && prior ? balancedWeights(weights, prior, balance.strength, biasInput) : weights, classes, biasInput }),
  };
}

/** Releases the noisy mean of the features; null where the budget refuses. */
export async function releaseMean(run: SessionRun, plan: FullBatchHeadPlan, { meanNoiseMultiplier }: RecipeBudget, { length }: HeadGround): Promise<Float32Array | null> {
  const unitCount = run.input.training.length;
  const sums = await run.onAll((trainer) => trainer.featureSum());
  const noisy = await run.release(sums, { step: 0, purpose: 'feature-mean', mechanism: noiseMechanism(noiseLawOf(plan), meanNoiseMultiplier), tensor: streamTensors.featureMean, expected: { length, unitCount, clipNorm: 1 } });
  return noisy && shrunkMean(noisy, unitCount, meanNoiseMultiplier);
}

/** Releases noisy label counts as their log shares; null where the budget refuses. */
export async function releasePrior(run: SessionRun, plan: FullBatchHeadPlan, countNoiseMultiplier: number): Promise<Float32Array | null> {
  const { classes } = run;
  const sums = await run.onAll((trainer) => trainer.labelCounts(classes));
  const noisy = await run.release(sums, { step: 0, purpose: 'label-counts', mechanism: noiseMechanism(noiseLawOf(plan), countNoiseMultiplier), tensor: streamTensors.labelCounts, expected: { length: classes, unitCount: run.input.training.length, clipNorm: 1 } });
  return noisy && logPrior(noisy, countNoiseMultiplier);
}

/** Recipe R, step by step: noisy mean (the earlier run's, where it goes on from one), centring, noisy label counts of a balanced head, label sentences, T noisy steps over all units, average of the last. */
export async function runFullBatchHead(input: SessionInput, plan: FullBatchHeadPlan): Promise<RunEnd> {
  const units = input.training.length;
  const classes = input.labels.length;
  const budget = recipeBudget(plan, units, classes);
  const run = new SessionRun(input, { steps: plan.steps, expectedBatch: units, plannedCharges: (steps) => fullBatchCharges(plan, budget, steps) });
  const from = input.resumeFrom;

  const ground = await readHeadGround(run, plan);
  let prior = from?.tensors['logPrior'] ?? null;
  const head = (at: Float32Array) => ground.head(at, prior);
  const end = (state: RunEnd['state'], reason: RunEnd['reason'], step: number, mean: Float32Array | null, weights: Float32Array): RunEnd => ({
    run, state, reason, stepsDone: step,
    model: { kind: 'head', labels: input.labels, maximumLength: plan.maximumLength, features: ground.features, mean, biasInput: plan.biasInput, weights: head(weights).weights },
    score: () => headRows(run, head(weights)),
  });

  const earlier = startingHead(input);
  let weights = from?.tensors['weights'] ?? earlier?.weights ?? ground.startAt(plan.labelScale);
  let mean = from?.tensors['mean'] ?? earlier?.mean ?? null;
  if (mean === null && plan.meanShare > 0) {
    mean = await releaseMean(run, plan, budget, ground);
    if (mean === null) return end('stopped', 'budget', 0, null, weights);
  }
  const released = mean;
  if (released) await run.onAll((trainer) => trainer.centreFeatures(released));
  if (prior === null && budget.countNoiseMultiplier !== null) {
    // Before the second release: a cut between the two loses one charge at most.
    await run.save({ weights, ...(mean ? { mean } : {}) }, { averaged: 0 });
    prior = await releasePrior(run, plan, budget.countNoiseMultiplier);
    if (prior === null) return end('stopped', 'budget', 0, mean, weights);
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
  const mechanism = noiseMechanism(noiseLawOf(plan), budget.stepNoiseMultiplier);
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
