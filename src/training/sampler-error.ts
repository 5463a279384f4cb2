import { gradientGrid, headGrid } from '../privacy/clipping.ts';
import type { Charge } from '../privacy/composition.ts';
import { gaussianSamplerError } from '../privacy/noise.ts';
import type { PrivatePlan } from './plan.ts';
import type { TrainedModel } from './trained-model.ts';

/**
 * Bound on the total variation between all noise of a run and its ideal law: every release counted with as many values as the model has,
 * on the finest grid that the run uses. The charged validation draws one value, from people apart, and is left out: below 1e-20.
 */
export function samplerErrorOf(plan: PrivatePlan, model: TrainedModel, charges: readonly Charge[]): number {
  const values = model.kind === 'head' ? model.weights.length : model.theta.length;
  const sensitivity = Math.max(headGrid(plan.clipNorm).sensitivity, gradientGrid(plan.clipNorm).sensitivity, gradientGrid(1).sensitivity);
  return charges.reduce((sum, { mechanism, count }) => sum + count * gaussianSamplerError(mechanism.noiseMultiplier * sensitivity, values), 0);
}
