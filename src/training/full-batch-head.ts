import { BedsideError } from '../ground/errors.ts';
import type { Charge } from '../privacy/composition.ts';
import type { Mechanism } from '../privacy/events.ts';
import { gaussianMu } from '../privacy/gaussian.ts';
import { samplerDelta } from '../privacy/noise.ts';
import { checkNoiseLaw, noiseMechanism, type NoiseLaw } from '../privacy/noise-laws.ts';
import { largestMu } from '../privacy/private-search.ts';
import { keptNoise } from './kept-noise.ts';
import { searchSlots } from './search-candidates.ts';
import { noiseLawOf, type Continuation, type FullBatchHeadPlan, type SearchSettings } from './plan.ts';

/**
 * Recipe R: noisy full-batch gradient descent on a linear head over frozen unit features.
 * The unit mean is charged `meanShare` of mu squared, the label counts of a balanced head `countShare`, the T steps the rest; every unit is in every step, so the whole is one Gaussian mechanism of parameter mu.
 */
export interface RecipeBudget {
  /** mu of the whole run: the exact Gaussian of (epsilon, delta); with discrete noise, and in a search, less. */
  readonly mu: number;
  /** Standard deviation over sensitivity of the feature mean. */
  readonly meanNoiseMultiplier: number;
  /** Standard deviation over sensitivity of the label counts; null where none are released. */
  readonly countNoiseMultiplier: number | null;
  /** Standard deviation over sensitivity of each gradient step, s = sqrt(T) / mu'. */
  readonly stepNoiseMultiplier: number;
  /** mu' of all gradient steps together. */
  readonly stepsMu: number;
  /** nu = min(maximumNu, 0.35 sqrt(N mu / K)): the noise that ends up in a logit. */
  readonly nu: number;
  /** Factor on the noisy gradient sum: nu mu' / (C T). */
  readonly stepSize: number;
}

/** Keeps the composed charges below the target where adding them up rounds upwards; costs 1e-12 of epsilon. */
export const withinTarget = 1 - 1e-12;

/** The largest mu of one release of a law within (epsilon, delta). */
export function noiseMu(law: NoiseLaw, epsilon: number, delta: number): number {
  if (checkNoiseLaw(law) === 'rounded-gaussian') return gaussianMu(epsilon, delta) * withinTarget;
  return remembered(['one', law, epsilon, delta], () => largestMu((mu) => [{ mechanism: noiseMechanism(law, 1 / mu), count: 1 }], epsilon, delta));
}

/** What the best of a search's runs is charged as, where each run with all its steps is one Gaussian of this mu. */
export function searchMechanism({ meanRuns }: SearchSettings, mu: number): Extract<Mechanism, { readonly kind: 'repeat-and-select' }> {
  return { kind: 'repeat-and-select', noiseMultiplier: 1 / mu, law: { kind: 'poisson', mean: meanRuns } };
}

/** The largest mu of each score of a search's runs, so that all of them and the choice stay within (epsilon, delta), the errors of drawing them in it. */
export function searchScoreMu(search: SearchSettings, delta: number): number {
  const { meanRuns, scoreEpsilon } = search;
  // The noise of so many single numbers is off its law by less than their number is: twice that covers both.
  const left = Math.max(0, delta - samplerDelta(scoreEpsilon, 2 * searchSlots(search).tail));
  return remembered(['score', meanRuns, scoreEpsilon, delta], () => searchable(largestMu((mu) => [{ mechanism: searchMechanism(search, mu), count: 1 }], scoreEpsilon, left), scoreEpsilon));
}

/** mu of one run of the plan, its share of the noisy mean included. */
function planMu(plan: FullBatchHeadPlan): number {
  const { epsilon, delta, search = null, meanShare, balance } = plan;
  const noiseLaw = noiseLawOf(plan);
  if (search === null) return noiseMu(noiseLaw, epsilon, delta);
  const onceShare = meanShare + (balance?.countShare ?? 0);
  const chargesAt = (mu: number): readonly Charge[] => [
    ...(onceShare > 0 ? [{ mechanism: noiseMechanism(noiseLaw, 1 / (Math.sqrt(onceShare) * mu)), count: 1 }] : []),
    { mechanism: searchMechanism(search, Math.sqrt(1 - onceShare) * mu), count: 1 },
  ];
  // What adding up in another order rounds must not pass the target.
  return withinTarget * remembered(['plan', noiseLaw, search.meanRuns, onceShare, epsilon, delta], () => searchable(largestMu(chargesAt, epsilon, delta), epsilon));
}

function searchable(mu: number, epsilon: number): number {
  if (mu === 0) throw new BedsideError('training/search-costs-more', 'settings', `Choosing among several runs costs more than epsilon ${epsilon} by itself, so nothing would be left for the runs.`, 'Choose a larger epsilon or fewer runs, or train once.', { epsilon });
  return mu;
}

/** These take some hundredths of a second, and forecasts, charges and statements of one plan all ask for its own. */
const known = new Map<string, number>();
const LARGEST_KNOWN = 64;

function remembered(parts: readonly (string | number)[], work: () => number): number {
  const name = parts.join('/');
  const value = known.get(name) ?? work();
  const oldest = known.keys().next();
  if (!known.has(name) && known.size >= LARGEST_KNOWN && !oldest.done) known.delete(oldest.value);
  known.set(name, value);
  return value;
}

/** Of steps that go on from an earlier run's model: noise and step size stay, mu is what so many steps come to, and nothing is released before them. */
function continuedBudget({ steps, clipNorm }: FullBatchHeadPlan, continues: Continuation): RecipeBudget {
  const { noiseMultiplier, stepSize } = keptNoise(continues);
  const mu = Math.sqrt(steps) / noiseMultiplier;
  return { mu, meanNoiseMultiplier: Infinity, countNoiseMultiplier: null, stepNoiseMultiplier: noiseMultiplier, stepsMu: mu, nu: (stepSize * clipNorm * steps) / mu, stepSize };
}

/** mu^2 = meanShare mu^2 + countShare mu^2 + T / s^2, exact. `units` N and `classes` K are public. */
export function recipeBudget(plan: FullBatchHeadPlan, units: number, classes: number): RecipeBudget {
  if (plan.continues) return continuedBudget(plan, plan.continues);
  const mu = planMu(plan);
  const countShare = plan.balance?.countShare ?? 0;
  const stepsMu = Math.sqrt(1 - plan.meanShare - countShare) * mu;
  const nu = Math.min(plan.maximumNu, 0.35 * Math.sqrt((units * mu) / classes));
  return {
    mu,
    meanNoiseMultiplier: 1 / (Math.sqrt(plan.meanShare) * mu),
    countNoiseMultiplier: countShare > 0 ? 1 / (Math.sqrt(countShare) * mu) : null,
    stepNoiseMultiplier: Math.sqrt(plan.steps) / stepsMu,
    stepsMu,
    nu,
    stepSize: (nu * stepsMu) / (plan.clipNorm * plan.steps),
  };
}

/**
 * Noisy mean of the unit features, shrunk towards zero by James and Stein's factor max(0, 1 - d sd^2 / |m|^2).
 * Shapes: noisySum [D] in feature units. `noiseDeviation` is the noise's standard deviation in the sum.
 */
export function shrunkMean(noisySum: Float64Array, units: number, noiseDeviation: number): Float32Array {
  const deviation = noiseDeviation / units;
  let squared = 0;
  for (const value of noisySum) squared += (value / units) ** 2;
  const factor = squared > 0 ? Math.max(0, 1 - (noisySum.length * deviation * deviation) / squared) : 0;
  return Float32Array.from(noisySum, (value) => (value / units) * factor);
}

/**
 * Log of the share of each label: [C]. A count below the deviation of its noise, or below one, is taken for that much: what lies there cannot be told apart.
 * Shapes: noisyCounts [C]. `noiseDeviation` is the noise's standard deviation in a count.
 */
export function logPrior(noisyCounts: Float64Array, noiseDeviation: number): Float32Array {
  const counts = noisyCounts.map((count) => Math.max(count, noiseDeviation, 1));
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(counts, (count) => Math.log(count / total));
}

/** Head weights whose logits lack `strength` times the log prior: taken off the bias column. Shapes: weights [C, D + 1], prior [C]. */
export function balancedWeights(weights: Float32Array, prior: Float32Array, strength: number, biasInput: number): Float32Array {
  const columns = weights.length / prior.length;
  const balanced = weights.slice();
  prior.forEach((value, label) => (balanced[(label + 1) * columns - 1]! -= (strength * value) / biasInput));
  return balanced;
}

/** Multiplier of the unit label vectors at the start, as recipe R has it: how sure the label sentences make a model without training; it sets confidence, not the label. */
export const usualLabelScale = 12;

/**
 * Start W0 [C, D + 1] from the label sentences: `scale` times the unit vector of each sentence after all are centred by their own mean, in the block of the first feature layer; zero elsewhere.
 * Shapes: sentences [C, width], the pooled outputs of that layer. Reads nothing private.
 */
export function labelStart(sentences: Float32Array, classes: number, width: number, length: number, scale: number): Float32Array {
  const unit = Float64Array.from(sentences);
  const bringToUnit = (at: number) => {
    let squared = 0;
    for (let i = at; i < at + width; i++) squared += unit[i]! * unit[i]!;
    const factor = squared > 0 ? 1 / Math.sqrt(squared) : 0;
    for (let i = at; i < at + width; i++) unit[i]! *= factor;
  };
  for (let c = 0; c < classes; c++) bringToUnit(c * width);
  for (let i = 0; i < width; i++) {
    let mean = 0;
    for (let c = 0; c < classes; c++) mean += unit[c * width + i]! / classes;
    for (let c = 0; c < classes; c++) unit[c * width + i]! -= mean;
  }
  const start = new Float32Array(classes * (length + 1));
  for (let c = 0; c < classes; c++) {
    bringToUnit(c * width);
    for (let i = 0; i < width; i++) start[c * (length + 1) + i] = scale * unit[c * width + i]!;
  }
  return start;
}

/** Mean of the unit vectors of the label sentences: [width]. Public; stands for the notes' own mean where nothing private may be read. */
export function sentenceMean(sentences: Float32Array, classes: number, width: number): Float32Array {
  const mean = new Float64Array(width);
  for (let c = 0; c < classes; c++) {
    let squared = 0;
    for (let i = 0; i < width; i++) squared += sentences[c * width + i]! ** 2;
    if (squared > 0) for (let i = 0; i < width; i++) mean[i]! += sentences[c * width + i]! / Math.sqrt(squared) / classes;
  }
  return Float32Array.from(mean);
}

/** First step, counted from 1, whose iterate enters the average. */
export function firstAveragedStep(plan: FullBatchHeadPlan): number {
  return plan.steps - Math.max(1, Math.floor(plan.averageLast * plan.steps)) + 1;
}
