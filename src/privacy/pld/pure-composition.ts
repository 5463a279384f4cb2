/** Composition of k purely (epsilon_0, 0)-private releases, exactly: Kairouz, Oh & Viswanath 2015; Murtagh & Vadhan 2016, theorem 1.5 for equal parts. */
import { checkInteger, checkNonNegative, checkPositive } from '../../ground/check.ts';
import { lnGamma } from '../../ground/special.ts';
import { checkDelta } from '../gaussian.ts';

/**
 * Delta at epsilon: k coins, each lost by e^+-eps_0; of i losses the sum is (2i - k) eps_0 and
 * delta = sum_i C(k, i) e^(i eps_0) / (1 + e^eps_0)^k (1 - e^(eps - (2i - k) eps_0)) over sums above epsilon.
 */
export function pureCompositionDelta(epsilonEach: number, releases: number, epsilon: number): number {
  checkPositive('epsilon of one release', epsilonEach);
  checkInteger('number of releases', releases);
  checkNonNegative('epsilon', epsilon);
  const logHigher = -Math.log1p(Math.exp(-epsilonEach));
  let delta = 0;
  for (let higher = releases; higher >= 0; higher--) {
    const excess = (2 * higher - releases) * epsilonEach - epsilon;
    if (excess <= 0) break;
    const logChoose = lnGamma(releases + 1) - lnGamma(higher + 1) - lnGamma(releases - higher + 1);
    delta -= Math.expm1(-excess) * Math.exp(logChoose + releases * logHigher - (releases - higher) * epsilonEach);
  }
  return Math.min(1, delta);
}

/** Epsilon at delta of the same. Edge cases: 0 for delta >= 1; the plain sum for delta = 0. */
export function pureCompositionEpsilon(epsilonEach: number, releases: number, delta: number): number {
  checkDelta(delta);
  let [low, high] = [0, releases * epsilonEach];
  if (pureCompositionDelta(epsilonEach, releases, 0) <= delta) return 0;
  while (high - low > 1e-15 * high) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (pureCompositionDelta(epsilonEach, releases, middle) <= delta) high = middle;
    else low = middle;
  }
  return high;
}
