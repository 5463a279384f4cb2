/** The table of fields of the families that are held to privacy loss distributions, and to what is composed from them. */
import type { FieldTable } from './compare.ts';
import { equal, information, input, pldEqual, prvEstimate, upper } from './rules.ts';

export const privacyPldRules = {
  prv_subset: {
    sigma: input, q: input, steps: input,
    prv_ms_low_est_up: prvEstimate,
    opacus_prv_get_epsilon: upper(0, 0, 'an upper bound by 0.01'),
    pld_eps: pldEqual,
  },
  mixed_composition: {
    dpsgd: input, extra: input,
    pld_eps_dpsgd_only: pldEqual, pld_eps_total: pldEqual,
    rdp_eps_total: information('beside the tighter accountant'),
  },
  truncated_poisson: {
    dataset_size: input, q: input, truncated_batch_size: input, sigma: input, steps: input,
    pld_add_remove: pldEqual, pld_replace_one: pldEqual, pld_untruncated_add_remove: pldEqual,
  },
  repeat_and_select_rdp: {
    sigma: input, q: input, steps: input, repetitions_distribution: input, mean: input,
    eps_single_run: information('one run; held by the family dpsgd'),
    eps_after_selection: equal(1e-6, 2e-4, 'the same orders; the reference\'s series at broken orders is loose by so much here'),
  },
} as const satisfies Readonly<Record<string, FieldTable>>;
