import { isJsonObject } from '../../engine/model/json.ts';
import { calibrateNoiseMultiplier, composedEpsilon, stepsWithinBudget, type Charge } from '../../privacy/composition.ts';
import type { Mechanism } from '../../privacy/events.ts';
import { gaussianEpsilon, gaussianMu, logGaussianDelta } from '../../privacy/gaussian.ts';
import { epsilonOfOrder, rdpOfPoissonGaussian, rdpToEpsilon } from '../../privacy/rdp.ts';
import { singleStepDelta } from '../../privacy/single-step.ts';
import { replaceOneEpsilon } from '../../privacy/statement.ts';
import type { Compare } from './compare.ts';
import { entriesByKey, listOf, notImplemented, numberOf, recordedOf, textOf, type Family, type Format, type JsonObject } from './format.ts';
import { privacyNoiseFamilies } from './privacy-noise-format.ts';
import { dpAccountingOrders, opacusOrders } from './privacy-orders.ts';
import { privacyRules } from './rules.ts';

type Phase = readonly [sigma: number, q: number, steps: number];

const mechanismOf = (sigma: number, q: number): Mechanism => (q === 1 ? { kind: 'gaussian', noiseMultiplier: sigma } : { kind: 'poisson-gaussian', noiseMultiplier: sigma, samplingRate: q });
const chargesOf = (phases: readonly Phase[]): Charge[] => phases.map(([sigma, q, count]) => ({ mechanism: mechanismOf(sigma, q), count }));

/** RDP of all phases at each order, and nothing else: as the references account. */
function curveOf(phases: readonly Phase[], orders: readonly number[]): number[] {
  return orders.map((order) => phases.reduce((sum, [sigma, q, steps]) => sum + steps * rdpOfPoissonGaussian(q, sigma, order), 0));
}

/** The least epsilon over the orders, without clamp. */
function leastEpsilon(curve: readonly number[], orders: readonly number[], delta: number): number {
  return Math.min(...orders.map((order, index) => epsilonOfOrder(curve[index]!, order, delta)));
}

/** Compares a field that holds a value, or [value, order], for each delta. */
function compareByDelta(entry: JsonObject, path: string, compare: Compare, found: (delta: number) => number): void {
  const [field, nested] = path.split('.') as [string, string | undefined];
  let values: unknown = entry[field];
  if (values === undefined || values === null) return;
  if (nested !== undefined) values = isJsonObject(values) ? values[nested] : undefined;
  if (!isJsonObject(values)) throw new Error(`field ${path} has no values by delta`);
  for (const [delta, value] of Object.entries(values)) {
    const expected = Array.isArray(value) ? (value as readonly unknown[])[0] : value;
    if (typeof expected !== 'number' && typeof expected !== 'string') throw new Error(`field ${path} has no number at delta ${delta}`);
    compare(path, found(Number(delta)), expected);
  }
}

function compareRdp(entry: JsonObject, compare: Compare, phases: readonly Phase[]): void {
  const opacus = curveOf(phases, opacusOrders);
  compareByDelta(entry, 'opacus_rdp', compare, (delta) => leastEpsilon(opacus, opacusOrders, delta));
  const theirs = curveOf(phases, dpAccountingOrders);
  compareByDelta(entry, 'dp_accounting_rdp', compare, (delta) => rdpToEpsilon(dpAccountingOrders, theirs, delta).epsilon);
  compareByDelta(entry, 'pld.eps', compare, (delta) => composedEpsilon(chargesOf(phases), delta).epsilon);
}

const phaseOf = (entry: JsonObject): Phase => [numberOf(entry, 'sigma'), numberOf(entry, 'q'), numberOf(entry, 'steps')];

/** ln of a decimal number that may lie below the smallest float64. */
function logOfDecimal(text: string): number {
  const [mantissa = '', exponent = '0'] = text.split('e');
  return Math.log(Number(mantissa)) + Number(exponent) * Math.LN10;
}

const families: readonly Family[] = [
  {
    name: 'dpsgd',
    fields: privacyRules.dpsgd,
    check(entry, compare) {
      const [sigma, q, steps] = phaseOf(entry);
      compareRdp(entry, compare, [[sigma, q, steps]]);
      compareByDelta(entry, 'exact_analytic_gaussian', compare, (delta) => gaussianEpsilon(Math.sqrt(steps) / sigma, delta));
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
    check(entry, compare) {
      compareRdp(entry, compare, listOf(entry, 'phases') as readonly Phase[]);
    },
  },
  {
    name: 'replace_one',
    fields: privacyRules.replace_one,
    check(entry, compare) {
      const charges = chargesOf([phaseOf(entry)]);
      compareByDelta(entry, 'pld_add_remove', compare, (delta) => composedEpsilon(charges, delta).epsilon);
      compareByDelta(entry, 'pld_replace_one', compare, (delta) => replaceOneEpsilon(charges, delta));
    },
  },
  {
    name: 'shuffled_batches_safe_bound',
    fields: privacyRules.shuffled_batches_safe_bound,
    check(entry, compare) {
      // Each record is in one batch an epoch: as many full-batch releases as epochs.
      const charges = chargesOf([[numberOf(entry, 'sigma'), 1, numberOf(entry, 'epochs')]]);
      compareByDelta(entry, 'safe_eps_no_amplification_zero_out', compare, (delta) => composedEpsilon(charges, delta).epsilon);
      compareByDelta(entry, 'safe_eps_no_amplification_replace_one', compare, (delta) => replaceOneEpsilon(charges, delta));
    },
  },
  {
    name: 'calibration_sigma',
    fields: privacyRules.calibration_sigma,
    check(entry, compare) {
      const [q, steps, delta] = [numberOf(entry, 'q'), numberOf(entry, 'steps'), numberOf(entry, 'delta')];
      const found = calibrateNoiseMultiplier({ epsilon: numberOf(entry, 'target_epsilon'), delta, samplingRate: q, steps, orders: dpAccountingOrders });
      compare('sigma_rdp', found, recordedOf(entry, 'sigma_rdp'));
      compare('sigma_pld', found, recordedOf(entry, 'sigma_pld'));
      compare('opacus_eps_at_sigma_rdp', leastEpsilon(curveOf([[numberOf(entry, 'sigma_rdp'), q, steps]], opacusOrders), opacusOrders, delta), recordedOf(entry, 'opacus_eps_at_sigma_rdp'));
    },
  },
  {
    name: 'calibration_steps',
    fields: privacyRules.calibration_steps,
    check(entry, compare) {
      const found = stepsWithinBudget({ epsilon: numberOf(entry, 'target_epsilon'), delta: numberOf(entry, 'delta'), samplingRate: numberOf(entry, 'q'), noiseMultiplier: numberOf(entry, 'sigma'), orders: dpAccountingOrders });
      compare('max_steps_rdp', found, recordedOf(entry, 'max_steps_rdp'));
      compare('max_steps_pld_h1e-4', found, recordedOf(entry, 'max_steps_pld_h1e-4'));
    },
  },
  {
    name: 'gdp_clt_warning',
    fields: privacyRules.gdp_clt_warning,
    check(entry, compare) {
      compare('pld_eps_1e-5', composedEpsilon(chargesOf([phaseOf(entry)]), 1e-5).epsilon, recordedOf(entry, 'pld_eps_1e-5'));
    },
  },
  ...privacyNoiseFamilies,
  ...['prv_subset', 'mixed_composition', 'truncated_poisson', 'repeat_and_select_rdp'].map(notImplemented),
];

export const privacyFormat: Format = { name: 'privacy', isFormat: (json) => 'dpsgd' in json, families, entriesOf: entriesByKey() };
