import { checkNonNegative, checkPositive, checkProbability } from '../ground/check.ts';
import { gaussianDelta } from './gaussian.ts';

/**
 * Exact delta of one release of the Poisson-subsampled Gaussian in both directions; what composed accountants are measured by.
 * With M = (1 - q) N(0) + q N(1), the set where M exceeds e^eps N(0) is the one where N(1) exceeds e^eps' N(0), e^eps' = 1 + (e^eps - 1)/q; so
 * removing gives q delta(eps'). The set where N(0) exceeds e^eps M is the one where N(0) exceeds e^eps'' N(1), e^-eps'' = 1 - (1 - e^-eps)/q, and
 * adding gives q e^(eps - eps'') delta(eps''), or 0 where no such set exists. delta is that of the Gaussian mechanism.
 */
export function singleStepDelta(samplingRate: number, noiseMultiplier: number, epsilon: number): { readonly remove: number; readonly add: number } {
  checkPositive('sampling rate', checkProbability('sampling rate', samplingRate));
  checkPositive('noise multiplier', noiseMultiplier);
  checkNonNegative('epsilon', epsilon);
  const mu = 1 / noiseMultiplier;
  const removeEpsilon = epsilon > 700 ? epsilon - Math.log(samplingRate) : Math.log1p(Math.expm1(epsilon) / samplingRate);
  const remove = samplingRate * gaussianDelta(mu, removeEpsilon);
  const rest = 1 + Math.expm1(-epsilon) / samplingRate;
  const add = rest > 0 ? samplingRate * Math.exp(epsilon) * rest * gaussianDelta(mu, Math.max(0, -Math.log1p(Math.expm1(-epsilon) / samplingRate))) : 0;
  return { remove, add };
}
