/** Reference values of noise other than the Gaussian's, and of audits. */
import { oneRunEpsilon, oneRunGaussianEpsilon, oneRunPValue } from '../../privacy/audit/one-run.ts';
import { discreteGaussianLoss } from '../../privacy/discrete-gaussian.ts';
import { gaussianEpsilon } from '../../privacy/gaussian.ts';
import { laplaceDelta, laplaceLoss, laplaceRdp } from '../../privacy/laplace.ts';
import { composeLattice, latticeDelta, latticeEpsilon, pureLoss, randomizedResponseLoss, type LatticeLoss } from '../../privacy/lattice-loss.ts';
import { composePld } from '../../privacy/pld/compose.ts';
import { rdpToEpsilon } from '../../privacy/rdp.ts';
import type { Compare } from './compare.ts';
import { numberOf, objectOf, recordedOf, textOf, type Family, type JsonObject } from './format.ts';
import { dpAccountingOrders } from './privacy-orders.ts';
import { privacyNoiseRules } from './privacy-noise-rules.ts';

const GRID = 1e-4;

/** Every (number as text, recorded number) of an object field. */
function* pairsOf(entry: JsonObject, field: string): Generator<readonly [at: number, expected: number]> {
  for (const [key, value] of Object.entries(objectOf(entry, field))) yield [Number(key), Number(value)];
}

/** Holds an exact epsilon below one whose losses were rounded up, and above it less the rounding of `count` releases. */
function compareRounded(compare: Compare, field: string, found: number, expected: number, count: number): void {
  compare(field, found, expected);
  compare(`${field}.overstated`, (expected - found) / count, 0);
}

/** Composed by the Fourier transform: a loss with a density has too many lattice points for plain sums. */
function laplaceEpsilon(b: number, count: number, delta: number): number {
  const { step, probabilities } = laplaceLoss(b, Math.round(1 / (b * GRID)));
  const pair = { grid: step, first: -(probabilities.length - 1) / 2, masses: new Float64Array(probabilities), infinityMass: 0, reverseInfinityMass: 0 };
  return composePld([{ pair, count }], { delta })?.epsilonAt(delta) ?? Infinity;
}

function discreteLoss(entry: JsonObject): LatticeLoss {
  return textOf(entry, 'mechanism') === 'discrete_gaussian' ? discreteGaussianLoss(numberOf(entry, 'sigma'), numberOf(entry, 'sensitivity')) : pureLoss(numberOf(entry, 'parameter'));
}

export const privacyNoiseFamilies: readonly Family[] = [
  {
    name: 'laplace',
    fields: privacyNoiseRules.laplace,
    check(entry, compare) {
      const [b, count] = [numberOf(entry, 'parameter_b'), numberOf(entry, 'count')];
      compare('pure_epsilon_total', count / b, recordedOf(entry, 'pure_epsilon_total'));
      for (const [delta, expected] of pairsOf(entry, 'pld_epsilon')) compareRounded(compare, 'pld_epsilon', laplaceEpsilon(b, count, delta), expected, count);
      const curve = dpAccountingOrders.map((order) => count * laplaceRdp(b, order));
      for (const [delta, expected] of pairsOf(entry, 'rdp_epsilon')) compare('rdp_epsilon', rdpToEpsilon(dpAccountingOrders, curve, delta).epsilon, expected);
      if (count === 1) for (const [epsilon, expected] of pairsOf(entry, 'delta_exact')) compare('delta_exact', laplaceDelta(b, epsilon), expected);
    },
  },
  {
    name: 'pure_dp_composition',
    fields: privacyNoiseRules.pure_dp_composition,
    check(entry, compare) {
      const composed = composeLattice(pureLoss(numberOf(entry, 'eps0')), numberOf(entry, 'k'));
      for (const [epsilon, expected] of pairsOf(entry, 'delta_at_eps')) compare('delta_at_eps', latticeDelta(composed, epsilon), expected);
      for (const field of ['eps_at_delta', 'pld_eps_at_delta']) for (const [delta, expected] of pairsOf(entry, field)) compare(field, latticeEpsilon(composed, delta), expected);
    },
  },
  {
    name: 'randomized_response_k_ary_replace_one',
    fields: privacyNoiseRules.randomized_response_k_ary_replace_one,
    check(entry, compare) {
      const loss = randomizedResponseLoss(numberOf(entry, 'buckets'), numberOf(entry, 'noise_parameter'));
      compare('pure_epsilon_replace_one', latticeEpsilon(loss, 0), recordedOf(entry, 'pure_epsilon_replace_one'));
      compareRounded(compare, 'eps_delta0', latticeEpsilon(loss, 0), numberOf(entry, 'eps_delta0'), 1);
      const byCount = objectOf(entry, 'pld_eps');
      for (const key of Object.keys(byCount)) {
        const count = Number(key);
        const composed = composeLattice(loss, count);
        for (const [delta, expected] of pairsOf(byCount, key)) compareRounded(compare, 'pld_eps', latticeEpsilon(composed, delta), expected, count);
      }
    },
  },
  {
    name: 'one_run_audit',
    fields: privacyNoiseRules.one_run_audit,
    check(entry, compare) {
      const found = { canaries: numberOf(entry, 'm_canaries'), guesses: numberOf(entry, 'n_guesses'), correct: numberOf(entry, 'n_correct') };
      const [delta, confidence] = [numberOf(entry, 'delta'), 1 - numberOf(entry, 'significance')];
      compare('eps_lower_bound', oneRunEpsilon(found, delta, confidence), recordedOf(entry, 'eps_lower_bound'));
      compare('p_value_at_eps1', oneRunPValue(found, 1, delta), recordedOf(entry, 'p_value_at_eps1'));
      // At delta 0 no Gaussian has a finite epsilon.
      if (delta === 0) compare.leaveOut('eps_lower_bound_fdp_gaussian');
      else compare('eps_lower_bound_fdp_gaussian', oneRunGaussianEpsilon(found, delta, confidence), recordedOf(entry, 'eps_lower_bound_fdp_gaussian'));
    },
  },
  {
    name: 'discrete_mechanisms',
    fields: privacyNoiseRules.discrete_mechanisms,
    check(entry, compare) {
      const count = numberOf(entry, 'count');
      const composed = composeLattice(discreteLoss(entry), count);
      for (const [delta, expected] of pairsOf(entry, 'pld_eps')) compareRounded(compare, 'pld_eps', latticeEpsilon(composed, delta), expected, count);
      if (textOf(entry, 'mechanism') === 'discrete_laplace') compare('pure_epsilon', latticeEpsilon(composed, 0), recordedOf(entry, 'pure_epsilon'));
      else for (const [delta, expected] of pairsOf(entry, 'continuous_gaussian_eps')) compare('continuous_gaussian_eps', gaussianEpsilon(Math.sqrt(count) / numberOf(entry, 'sigma'), delta), expected);
    },
  },
];
