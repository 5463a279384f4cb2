import type { FieldTable } from './compare.ts';
import { equal, information, input, upper } from './rules.ts';

const exactBelow = upper(1e-6, 1e-7, 'composed exactly, or on a finer grid; the reference rounds every loss up to 1e-4');
const overstated = equal(1.05e-4, 0, 'what the reference lies above ours, a release: at most the 1e-4 that it rounds losses up by');
const tenDigits = equal(1e-9, 1e-9, 'closed form, printed with ten digits');

export const privacyNoiseRules = {
  laplace: {
    parameter_b: input, sensitivity: input, count: input,
    pure_epsilon_total: tenDigits,
    pld_epsilon: exactBelow, 'pld_epsilon.overstated': overstated,
    rdp_epsilon: equal(1e-6, 1e-6, 'same orders, same conversion'),
    delta_exact: tenDigits,
  },
  pure_dp_composition: {
    eps0: input, k: input,
    delta_at_eps: equal(1e-16, 1e-10, 'exact composition in the reference, 12 digits; below 1e-16 the reference means 0'),
    eps_at_delta: equal(1e-8, 1e-8, 'exact composition, root printed with ten digits'),
    pld_eps_at_delta: equal(1e-8, 1e-8, 'atoms that lie on the reference\'s grid'),
  },
  randomized_response_k_ary_replace_one: {
    buckets: input, noise_parameter: input,
    pure_epsilon_replace_one: tenDigits,
    eps_delta0: exactBelow, 'eps_delta0.overstated': overstated,
    pld_eps: exactBelow, 'pld_eps.overstated': overstated,
  },
  one_run_audit: {
    m_canaries: input, n_guesses: input, n_correct: input, significance: input, delta: input,
    eps_lower_bound: equal(1e-5, 0, 'root found to 1e-6 by the reference'),
    p_value_at_eps1: equal(1e-9, 1e-9, 'binomial sums in float64'),
    eps_lower_bound_fdp_gaussian: equal(1e-5, 0, 'root found to 1e-6; at delta 0 there is no Gaussian of finite epsilon, nothing is compared'),
  },
  discrete_mechanisms: {
    mechanism: input, sigma: input, parameter: input, sensitivity: input, count: input,
    pld_eps: exactBelow, 'pld_eps.overstated': overstated,
    pure_epsilon: tenDigits,
    continuous_gaussian_eps: equal(1e-6, 1e-8, 'exact Gaussian, printed with ten digits'),
    note: information('a note'),
  },
} as const satisfies Readonly<Record<string, FieldTable>>;
