/**
 * A search among settings: a secret number of runs with settings drawn at random from a public list, of which the best alone is released
 * (Papernot & Steinke 2022, arXiv 2110.03620, theorem 6: K from a Poisson law).
 *
 * One run is a setting, the model trained with it, and its noisy score. For a unit of the training part it is post-processing of the run's steps, one Gaussian
 * of mu'; for a unit of the held-out part, of the score alone, one Gaussian of its own mu: nobody is in both, so the two parts are charged side by side, each for the
 * best of a Poisson number of such runs. Both charges are durable before the first step. The noisy mean of the features, and the label counts of a
 * balanced head, are released once, before, and composed.
 *
 * What could tell K, or anything of a run that is not kept, does not leave this function: always as many runs are made, in the same order and at the same
 * cost, and those beyond K are passed over; no score and no setting is reported; nothing is saved, so that a search that was cut off begins anew, and is charged anew.
 */
import { BedsideError } from '../ground/errors.ts';
import { drawWords } from '../privacy/key-stream.ts';
import { drawNoise } from '../privacy/noise-laws.ts';
import { drawRepeats } from '../privacy/repeat-and-select.ts';
import { rightShares, unitShare } from './charged-validation.ts';
import { firstAveragedStep, recipeBudget, searchMechanism, searchScoreMu } from './full-batch-head.ts';
import { noiseLawOf, type FullBatchHeadPlan, type SearchSettings } from './plan.ts';
import type { RunEnd } from './run-end.ts';
import { fullBatchCharges, readHeadGround, releaseMean, releasePrior, type HeadGround } from './run-full-batch-head.ts';
import { headRows } from './run-features.ts';
import { candidatePlan, searchCandidates, searchSlots, type SearchCandidate } from './search-candidates.ts';
import { SessionRun } from './session-run.ts';
import type { SessionInput } from './session-input.ts';
import { streamTensors } from './stream-tensors.ts';

function searchStopped(): BedsideError {
  return new BedsideError('training/search-stopped', 'input', 'The search was stopped before its end. It was charged in full, and nothing of it is kept: a model that was the best so far is not covered by what was charged.', 'Start it again when it can go on to its end, or train once.');
}

/** What chance decides before the first step: how many runs count, and the setting of each. Two words make a 53-bit uniform. */
async function drawSearch(run: SessionRun, { meanRuns }: SearchSettings, slots: number): Promise<{ readonly repeats: number; readonly candidates: readonly SearchCandidate[] }> {
  const words = await drawWords(run.privateParts().keys, 0, streamTensors.searchPlan, 2 + slots);
  const uniform = ((words[0]! >>> 6) * 2 ** 27 + (words[1]! >>> 5)) * 2 ** -53;
  const candidates = Array.from(words.subarray(2), (word) => searchCandidates[Math.floor((word / 2 ** 32) * searchCandidates.length)]!);
  words.fill(0);
  return { repeats: drawRepeats({ kind: 'poisson', mean: meanRuns }, uniform), candidates };
}

/** One run: all steps over all units, and the average of the last iterates. Charged before. */
async function trainCandidate(run: SessionRun, plan: FullBatchHeadPlan, ground: HeadGround, slot: number): Promise<Float32Array> {
  const { classes } = run;
  const unitCount = run.input.training.length;
  const noiseLaw = noiseLawOf(plan);
  const { stepSize, stepNoiseMultiplier: noiseMultiplier } = recipeBudget(plan, unitCount, classes);
  const averageFrom = firstAveragedStep(plan);
  let weights = ground.startAt(plan.labelScale);
  const sum = new Float64Array(weights.length);
  for (let step = 1; step <= plan.steps; step++) {
    if (!(await run.mayStep())) throw searchStopped();
    const at = weights;
    const sums = await run.onAll((trainer) => trainer.headGradientSum(at, classes, plan.clipNorm, plan.biasInput));
    const done = slot * plan.steps + step;
    const noisy = await run.releaseCharged(sums, { step: done, tensor: streamTensors.gradient, noiseMultiplier, expected: { length: weights.length, unitCount, clipNorm: plan.clipNorm }, noiseLaw });
    weights = at.map((value, i) => value - stepSize * noisy[i]!);
    if (step >= averageFrom) for (let i = 0; i < sum.length; i++) sum[i]! += weights[i]!;
    run.countStep(done);
    run.reportUnscored(done);
  }
  return Float32Array.from(sum, (value) => value / (plan.steps - averageFrom + 1));
}

/**
 * Guarantee: what is returned is the best of K runs, K from the Poisson law cut where it has 1e-12 left. Where K is 0 the model is the start: the label sentences.
 * @throws `training/search-stopped` where it is to stop; it is charged in full then.
 */
export async function runSearch(input: SessionInput, plan: FullBatchHeadPlan, search: SearchSettings): Promise<RunEnd> {
  const budget = recipeBudget(plan, input.training.length, input.labels.length);
  const { slots } = searchSlots(search);
  const steps = slots * plan.steps;
  const run = new SessionRun(input, { steps, expectedBatch: input.training.length, plannedCharges: (done) => fullBatchCharges(plan, budget, done) });
  const ground = await readHeadGround(run, plan);
  const { features } = ground;
  const { classes } = run;
  let mean: Float32Array | null = null;
  let prior: Float32Array | null = null;
  const head = (weights: Float32Array) => ground.head(weights, prior);
  const end = (state: RunEnd['state'], reason: RunEnd['reason'], stepsDone: number, weights: Float32Array): RunEnd => ({
    run, state, reason, stepsDone,
    model: { kind: 'head', labels: input.labels, maximumLength: plan.maximumLength, features, mean, biasInput: plan.biasInput, weights: head(weights).weights },
    score: () => headRows(run, head(weights)),
  });
  const start = ground.startAt(plan.labelScale);
  const scoreMu = searchScoreMu(search, plan.delta);
  if (!(await run.charge('held-out', { step: 0, purpose: 'search-score', mechanism: searchMechanism(search, scoreMu) }))) return end('stopped', 'budget', 0, start);
  if (plan.meanShare > 0) {
    mean = await releaseMean(run, plan, budget, ground);
    if (mean === null) return end('stopped', 'budget', 0, start);
  }
  if (budget.countNoiseMultiplier !== null) {
    prior = await releasePrior(run, plan, budget.countNoiseMultiplier);
    if (prior === null) return end('stopped', 'budget', 0, start);
  }
  if (!(await run.charge('training', { step: 1, purpose: 'search', mechanism: searchMechanism(search, budget.stepsMu) }))) return end('stopped', 'budget', 0, start);
  const released = mean;
  if (released) await run.onAll((trainer) => trainer.centreFeatures(released));

  const { repeats, candidates } = await drawSearch(run, search, slots);
  run.reportUnscored(0);
  let best = start;
  let bestScore = -Infinity;
  for (let slot = 0; slot < slots; slot++) {
    const weights = await trainCandidate(run, candidatePlan(plan, candidates[slot]!), ground, slot);
    const right = rightShares(await headRows(run, head(weights)), input.heldOut, classes);
    const [noise] = await drawNoise(noiseLawOf(plan), run.privateParts().keys, slot, streamTensors.searchScore, 1, unitShare / scoreMu);
    const score = slot < repeats ? right + noise! : -Infinity;
    if (score > bestScore) [best, bestScore] = [weights, score];
  }
  return end('finished', null, steps, best);
}
