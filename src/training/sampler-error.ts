import { gradientGrid, headGrid } from '../privacy/clipping.ts';
import type { Charge } from '../privacy/composition.ts';
import { gaussianSamplerError } from '../privacy/noise.ts';
import { unitShare } from './charged-validation.ts';
import { noiseLawOf, searchOf, type PrivatePlan } from './plan.ts';
import { searchCandidates, searchSlots } from './search-candidates.ts';
import type { TrainedModel } from './trained-model.ts';

/**
 * Bound on the total variation between all noise of a run and its ideal law: every release counted with as many values as the model has,
 * on the finest grid that the run uses; the discrete Gaussian is exact. A search also counts by how much the number of its runs is drawn off its law. Scores of the held-out part are of people apart, who have theirs: `scoreErrorOf`.
 */
export function samplerErrorOf(plan: PrivatePlan, model: TrainedModel, charges: readonly Charge[]): number {
  return errorOfValues(plan, model.kind === 'head' ? model.weights.length : model.theta.length, charges);
}

/** The same before there is a model, where the noise is exact and no number of values changes it; null where it is not. */
export function exactSamplerErrorOf(plan: PrivatePlan, charges: readonly Charge[]): number | null {
  return noiseLawOf(plan) === 'discrete-gaussian' ? errorOfValues(plan, 0, charges) : null;
}

/**
 * The same bound for the held-out part: of each charged score one value, on the grid of units' shares; of a search one for every run that it makes, and by how much
 * their number is drawn off its law. What trains reads none of it: for a held-out unit the models are independent of it.
 */
export function scoreErrorOf(plan: PrivatePlan, charges: readonly Charge[]): number {
  const isExact = noiseLawOf(plan) === 'discrete-gaussian';
  const search = searchOf(plan);
  const { slots, tail } = search ? searchSlots(search) : { slots: 0, tail: 0 };
  return charges.reduce((sum, { mechanism: { kind, noiseMultiplier }, count }) => {
    const ofScore = isExact ? 0 : gaussianSamplerError(noiseMultiplier * unitShare, 1);
    return sum + count * (kind === 'repeat-and-select' ? slots * ofScore + tail : ofScore);
  }, 0);
}

function errorOfValues(plan: PrivatePlan, values: number, charges: readonly Charge[]): number {
  const clipNorm = searchOf(plan) ? plan.clipNorm * Math.max(...searchCandidates.map((factors) => factors.clipNorm)) : plan.clipNorm;
  const sensitivity = Math.max(headGrid(clipNorm).sensitivity, gradientGrid(clipNorm).sensitivity, gradientGrid(1).sensitivity);
  const isExact = noiseLawOf(plan) === 'discrete-gaussian';
  const errorOf = (noiseMultiplier: number, releases: number) => (isExact ? 0 : releases * gaussianSamplerError(noiseMultiplier * sensitivity, values));
  const search = searchOf(plan);
  const { slots, tail } = search ? searchSlots(search) : { slots: 0, tail: 0 };
  return charges.reduce((sum, { mechanism, count }) => {
    if (mechanism.kind !== 'repeat-and-select') return sum + errorOf(mechanism.noiseMultiplier, count);
    return sum + count * (errorOf(mechanism.noiseMultiplier * Math.sqrt(plan.steps), slots * plan.steps) + tail);
  }, 0);
}
