import { calibrateNoiseMultiplier, stepsWithinBudget } from '../../privacy/composition.ts';
import { gaussianEpsilon, gaussianMu, logGaussianDelta } from '../../privacy/gaussian.ts';
import { fixedOrderCharges } from '../../privacy/pld/adjacency.ts';
import { calibrateNoiseMultiplierPld, stepsWithinBudgetPld } from '../../privacy/pld/calibrate.ts';
import { pldEpsilon } from '../../privacy/pld/pld.ts';
import { epsilonOfOrder, rdpOfPoissonGaussian, rdpToEpsilon } from '../../privacy/rdp.ts';
import { singleStepDelta } from '../../privacy/single-step.ts';
import type { Compare } from './compare.ts';
import { entriesByKey, isDue, listOf, numberOf, recordedOf, textOf, type Family, type Format, type JsonObject } from './format.ts';
import { chargesOf, compareByDelta, phaseOf, type Phase } from './privacy-entries.ts';
import { privacyNoiseFamilies } from './privacy-noise-format.ts';
import { dpAccountingOrders, opacusOrders } from './privacy-orders.ts';
import { comparePld, pldFamilies } from './privacy-pld-format.ts';
import { privacyRules } from './rules.ts';

/** RDP of all phases at each order, and nothing else: as the references account. */
function curveOf(phases: readonly Phase[], orders: readonly number[]): number[] {
  return orders.map((order) => phases.reduce((sum, [sigma, q, steps]) => sum + steps * rdpOfPoissonGaussian(q, sigma, order), 0));
}

/** The least epsilon over the orders, without clamp. */
function leastEpsilon(curve: readonly number[], orders: readonly number[], delta: number): number {
  return Math.min(...orders.map((order, index) => epsilonOfOrder(curve[index]!, order, delta)));
}

function compareBoth(entry: JsonObject, compare: Compare, phases: readonly Phase[], isPldDue: boolean): void {
  const opacus = curveOf(phases, opacusOrders);
  compareByDelta(entry, 'opacus_rdp', compare, (delta) => leastEpsilon(opacus, opacusOrders, delta));
  const theirs = curveOf(phases, dpAccountingOrders);
  compareByDelta(entry, 'dp_accounting_rdp', compare, (delta) => rdpToEpsilon(dpAccountingOrders, theirs, delta).epsilon);
  if (isPldDue) comparePld(entry, compare, phases);
  else for (const field of ['pld', 'prv_ms']) compare.leaveOut(field);
}

/** ln of a decimal number that may lie below the smallest float64. */
function logOfDecimal(text: string): number {
  const [mantissa = '', exponent = '0'] = text.split('e');
  return Math.log(Number(mantissa)) + Number(exponent) * Math.LN10;
}

const families: readonly Family[] = [
  {
    name: 'dpsgd',
    fields: privacyRules.dpsgd,
    check(entry, compare, source) {
      const [sigma, q, steps] = phaseOf(entry);
      compareBoth(entry, compare, [[sigma, q, steps]], isDue(source));
      // A number in closed form is recorded where every unit takes part.
      if (q === 1 || 'exact_analytic_gaussian' in entry) compareByDelta(entry, 'exact_analytic_gaussian', compare, (delta) => gaussianEpsilon(Math.sqrt(steps) / sigma, delta));
    },
  },
  {
    name: 'single_step_exact',
    fields: privacyRules.single_step_exact,
    check(entry, compare) {
      const { remove, add } = singleStepDelta(numberOf(entry, 'q'), numberOf(entry, 'sigma'), numberOf(entry, 'epsilon'));
      compare('delta_remove_exact', remove, Number(textOf(entry, 'delta_remove_exact')));
      compare('delta_add_exact', add, Number(textOf(entry, 'delta_add_exact')));
    },
  },
  {
    name: 'rdp_single_order',
    fields: privacyRules.rdp_single_order,
    check(entry, compare) {
      const rdp = rdpOfPoissonGaussian(numberOf(entry, 'q'), numberOf(entry, 'sigma'), numberOf(entry, 'alpha'));
      compare('rdp_exact', rdp, recordedOf(entry, 'rdp_exact'));
      compare('dp_accounting', rdp, recordedOf(entry, 'dp_accounting'));
    },
  },
  {
    name: 'gaussian_delta',
    fields: privacyRules.gaussian_delta,
    check(entry, compare) {
      const found = logGaussianDelta(1 / numberOf(entry, 'sigma'), numberOf(entry, 'epsilon'));
      compare('delta_exact', Math.exp(found - logOfDecimal(textOf(entry, 'delta_exact'))), 1);
      compare('log_delta_dp_accounting', found, recordedOf(entry, 'log_delta_dp_accounting'));
    },
  },
  {
    name: 'gaussian_epsilon',
    fields: privacyRules.gaussian_epsilon,
    check(entry, compare) {
      compare('epsilon', gaussianEpsilon(1 / numberOf(entry, 'sigma'), numberOf(entry, 'delta')), recordedOf(entry, 'epsilon'));
    },
  },
  {
    name: 'gaussian_sigma',
    fields: privacyRules.gaussian_sigma,
    check(entry, compare) {
      const [epsilon, delta] = [numberOf(entry, 'epsilon'), numberOf(entry, 'delta')];
      compare('sigma_analytic', 1 / gaussianMu(epsilon, delta), recordedOf(entry, 'sigma_analytic'));
      compare('true_epsilon_of_classic', gaussianEpsilon(1 / numberOf(entry, 'sigma_classic'), delta), recordedOf(entry, 'true_epsilon_of_classic'));
    },
  },
  {
    name: 'heterogeneous',
    fields: privacyRules.heterogeneous,
    check(entry, compare, source) {
      compareBoth(entry, compare, listOf(entry, 'phases') as readonly Phase[], isDue(source));
    },
  },
  {
    name: 'replace_one',
    fields: privacyRules.replace_one,
    check(entry, compare) {
      const charges = chargesOf([phaseOf(entry)]);
      compareByDelta(entry, 'pld_add_remove', compare, (delta) => pldEpsilon(charges, delta).epsilon);
      compareByDelta(entry, 'pld_replace_one', compare, (delta) => pldEpsilon(charges, delta, { adjacency: 'replace-one' }).epsilon);
    },
  },
  {
    name: 'shuffled_batches_safe_bound',
    fields: privacyRules.shuffled_batches_safe_bound,
    check(entry, compare) {
      const found = (adjacency: 'zero-out' | 'replace-one') => (delta: number) => pldEpsilon(fixedOrderCharges({ noiseMultiplier: numberOf(entry, 'sigma'), epochs: numberOf(entry, 'epochs'), adjacency }), delta, { adjacency }).epsilon;
      compareByDelta(entry, 'safe_eps_no_amplification_zero_out', compare, found('zero-out'));
      compareByDelta(entry, 'safe_eps_no_amplification_replace_one', compare, found('replace-one'));
    },
  },
  {
    name: 'calibration_sigma',
    fields: privacyRules.calibration_sigma,
    check(entry, compare, source) {
      const [q, steps, delta] = [numberOf(entry, 'q'), numberOf(entry, 'steps'), numberOf(entry, 'delta')];
      const target = { epsilon: numberOf(entry, 'target_epsilon'), delta, samplingRate: q, steps };
      compare('sigma_rdp', calibrateNoiseMultiplier({ ...target, orders: dpAccountingOrders }), recordedOf(entry, 'sigma_rdp'));
      if (isDue(source)) compare('sigma_pld', calibrateNoiseMultiplierPld(target), recordedOf(entry, 'sigma_pld'));
      else compare.leaveOut('sigma_pld');
      compare('opacus_eps_at_sigma_rdp', leastEpsilon(curveOf([[numberOf(entry, 'sigma_rdp'), q, steps]], opacusOrders), opacusOrders, delta), recordedOf(entry, 'opacus_eps_at_sigma_rdp'));
    },
  },
  {
    name: 'calibration_steps',
    fields: privacyRules.calibration_steps,
    check(entry, compare) {
      const target = { epsilon: numberOf(entry, 'target_epsilon'), delta: numberOf(entry, 'delta'), samplingRate: numberOf(entry, 'q'), noiseMultiplier: numberOf(entry, 'sigma') };
      compare('max_steps_rdp', stepsWithinBudget({ ...target, orders: dpAccountingOrders }), recordedOf(entry, 'max_steps_rdp'));
      compare('max_steps_pld_h1e-4', stepsWithinBudgetPld(target), recordedOf(entry, 'max_steps_pld_h1e-4'));
    },
  },
  {
    name: 'gdp_clt_warning',
    fields: privacyRules.gdp_clt_warning,
    check(entry, compare) {
      compare('pld_eps_1e-5', pldEpsilon(chargesOf([phaseOf(entry)]), 1e-5).epsilon, recordedOf(entry, 'pld_eps_1e-5'));
    },
  },
  ...privacyNoiseFamilies,
  ...pldFamilies,
];

export const privacyFormat: Format = { name: 'privacy', isFormat: (json) => 'dpsgd' in json, families, entriesOf: entriesByKey() };
