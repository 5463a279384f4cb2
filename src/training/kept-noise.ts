import { BedsideError } from '../ground/errors.ts';
import { checkPositive } from '../ground/check.ts';
import type { Continuation } from './plan.ts';

function noiseMissing(): BedsideError {
  return new BedsideError('training/no-kept-noise', 'settings', 'This plan goes on from a private run and does not say how much noise a step had there.', 'Train on from the results of that run, or train from the start.');
}

/** Noise and step size that a private plan keeps of the run it goes on from. A plan of adapters has no step size of its own: 1 then. */
export function keptNoise({ noiseMultiplier, stepSize }: Continuation): { readonly noiseMultiplier: number; readonly stepSize: number } {
  if (noiseMultiplier === null) throw noiseMissing();
  return { noiseMultiplier: checkPositive('noise multiplier', noiseMultiplier), stepSize: checkPositive('step size', stepSize ?? 1) };
}
