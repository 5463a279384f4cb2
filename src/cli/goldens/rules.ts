/** The table of fields: for each family of reference values, what each recorded field is held to, and why. */
import type { FieldTable, Rule } from './compare.ts';

type BoundRule = Extract<Rule, { readonly absolute: number }>;

export const input: Rule = { kind: 'input' };
export const information = (why: string): Rule => ({ kind: 'information', why });
export const equal = (absolute: number, relative: number, why: string): Rule => ({ kind: 'equal', absolute, relative, why });
export const upper = (absolute: number, relative: number, why: string): Rule => ({ kind: 'upper bound', absolute, relative, why });
const lower = (absolute: number, relative: number, why: string): BoundRule => ({ kind: 'lower bound', absolute, relative, why });

const opacusRdp = equal(1e-6, 1e-6, 'same orders, same conversion without clamp; Opacus sums a signed series to about 1e-9');
const looseRdp = upper(1e-6, 1e-6, 'dp_accounting drops the signs of binomials at broken orders: an upper bound of the exact value');
/** The reference's stated bound of soundness, held on both sides. */
export const pldEqual = equal(1e-4, 2e-4, 'the same discretisation; the grids differ, and each overstates by up to a relative 1e-4');
const pldDelta = equal(2e-12, 1e-4, 'the same grid; the reference\'s transform rounds to some 1e-12 after many releases');
export const prvEstimate = equal(0.01, 0, 'the other accountant\'s own tolerance');
export const note = information('a note');

export const privacyRules = {
  dpsgd: {
    id: note, sigma: input, q: input, steps: input,
    opacus_rdp: opacusRdp,
    dp_accounting_rdp: looseRdp,
    'pld.eps': pldEqual, 'pld.h': note, 'pld.remove': pldEqual, 'pld.add': pldEqual, 'pld.delta_at_eps': pldDelta,
    exact_analytic_gaussian: equal(1e-6, 1e-8, 'printed with ten digits; bisected by the reference to 1e-7'),
    pld_note: note,
  },
  single_step_exact: {
    sigma: input, q: input, epsilon: input,
    delta_remove_exact: equal(1e-15, 1e-9, 'mpmath closed form, 14 digits'),
    delta_add_exact: equal(1e-15, 1e-9, 'mpmath closed form, 14 digits'),
  },
  rdp_single_order: {
    q: input, sigma: input, alpha: input,
    rdp_exact: equal(1e-11, 1e-8, 'mpmath quadrature with 40 digits'),
    opacus: information('Opacus\' series may be off by 3e-6 at rdp near 1e-8'),
    dp_accounting: looseRdp,
  },
  gaussian_delta: {
    sigma: input, epsilon: input,
    delta_exact: equal(0, 1e-9, 'mpmath closed form, 14 digits; compared as a ratio, for some lie below the smallest float64'),
    log_delta_dp_accounting: equal(1e-8, 1e-8, 'float64 in the reference, 12 digits'),
  },
  gaussian_epsilon: { sigma: input, delta: input, epsilon: equal(1e-9, 1e-8, 'mpmath root') },
  gaussian_sigma: {
    epsilon: input, delta: input, note,
    sigma_analytic: equal(0, 1e-8, 'mpmath root'),
    sigma_classic: information('sqrt(2 ln(1.25/delta))/epsilon: not a bound for epsilon above 1'),
    true_epsilon_of_classic: equal(1e-9, 1e-8, 'exact epsilon at that sigma'),
  },
  heterogeneous: {
    phases: input, opacus_rdp: opacusRdp, dp_accounting_rdp: looseRdp,
    'pld.eps': pldEqual, 'pld.h': note, 'pld.remove': pldEqual, 'pld.add': pldEqual, 'pld.delta_at_eps': pldDelta, prv_ms: prvEstimate,
  },
  replace_one: {
    sigma: input, q: input, steps: input, note,
    pld_add_remove: pldEqual,
    pld_replace_one: pldEqual,
    rdp_fixed_size_without_replacement_replace_one: information('another sampling than ours'),
  },
  shuffled_batches_safe_bound: {
    sigma: input, q: input, epochs: input, steps: input,
    eps_if_wrongly_accounted_as_poisson_pld: information('a wrong claim, recorded as a warning'),
    safe_eps_no_amplification_zero_out: equal(1e-6, 1e-8, 'exact Gaussian of sqrt(epochs)/sigma, ten digits'),
    safe_eps_no_amplification_replace_one: equal(1e-6, 1e-8, 'the same with twice the sensitivity'),
  },
  calibration_sigma: {
    target_epsilon: input, delta: input, q: input, steps: input,
    opacus_get_noise_multiplier_rdp: information('a bisection to 0.01 of epsilon'),
    sigma_rdp: upper(0, 1e-5, 'found with dp_accounting\'s loose series; the exact one needs up to 1e-3 less'),
    opacus_eps_at_sigma_rdp: equal(1e-6, 1e-6, 'Opacus\' exact series at that sigma: holds ours from the other side'),
    sigma_pld: equal(0, 5e-4, 'the reference\'s bisection'),
  },
  calibration_steps: {
    target_epsilon: input, delta: input, q: input, sigma: input,
    'max_steps_pld_h1e-4': equal(2, 0, 'grids differ'),
    max_steps_rdp: lower(1, 0, 'found with dp_accounting\'s loose series; the exact one may allow a few more'),
  },
  gdp_clt_warning: {
    sigma: input, q: input, steps: input, note,
    'opacus_gdp_eps_1e-5': information('a central limit approximation that understates'),
    'pld_eps_1e-5': pldEqual,
  },
} as const satisfies Readonly<Record<string, FieldTable>>;

const gridClip = equal(2e-5, 2e-6, 'four units of up to two truncations of C/2^19 each; the reference\'s 1e-6 added to norms');

const float64 = equal(1e-9, 1e-9, 'float64, printed with twelve digits');

export const clippingRules = {
  linear_seq: {
    case: note, activations: input, backprops_per_example_sum_loss: input, C: input, note,
    norm_weight: equal(1e-9, 1e-9, 'float64'), norm_weight_ghost: equal(1e-9, 1e-9, 'the same norm by another route'), norm_bias: equal(1e-9, 1e-9, 'float64'), norm_total: equal(1e-9, 1e-9, 'float64'),
    'clip_factor_opacus_eps1e-6': equal(2e-6, 1e-5, 'the reference adds 1e-6 to the norm; ours truncates to the grid'),
    'clip_factor_automatic_AUTO_S_gamma0.01_R=C': information('another clipping rule'),
    clipped_sum_weight: gridClip, clipped_sum_bias: gridClip,
  },
  per_layer: { case: note, same_inputs_as: input, C_weight: input, C_bias: input, note, sensitivity_l2: equal(1e-9, 0, 'two clip norms'), clipped_sum_weight: gridClip, clipped_sum_bias: gridClip },
  embedding_repeated_tokens: { case: note, vocab: input, ids: input, backprops: input, note, norm_true: float64, norm_naive_WRONG_sum_of_token_norms_squared: information('a wrong rule') },
  layer_norm_affine: { case: note, x: input, backprops: input, eps: input, norm_gamma: float64, norm_beta: float64 },
  tied_weight_two_uses: { case: note, first_use_same_as: input, activations2: input, backprops2: input, note, norm_true_sum_then_norm: float64, norm_WRONG_root_sum_squares: information('a wrong rule') },
  dp_adam: {
    theta0: input, lr: input, beta1: input, beta2: input, eps: input, B: input, C: input, sigma: input, phi: input, gamma_prime: input, source: note,
    steps: equal(5e-7, 0, 'parameters and moments in float32: three steps of half an ulp of 2, and of 1e-3 times the moments\' rounding. Of Adam as it is; with its bias corrected for noise it was tried and not kept'),
  },
  adaptive_clipping: { noise_split: float64, 'geometric_update_eta0.2_quantile0.5_C0_0.1': float64, source: note },
  edge: { case: note, empty_batch: equal(0, 0, 'the sum of no units'), non_finite_example: equal(0, 0, 'contributes nothing'), denominator: note },
} as const satisfies Readonly<Record<string, FieldTable>>;

const printed12 = equal(1e-9, 0, 'float64 in the reference, printed with 12 digits');
const loose = information('fairlearn turns undefined rates (0/0) into 0');

const binaryRules = {
  'recommended.undefined': note,
  'recommended.by_group': printed12,
  'recommended.demographic_parity_difference': printed12,
  'recommended.demographic_parity_ratio': printed12,
  'recommended.equal_opportunity_difference': printed12,
  'recommended.equalized_odds_difference': printed12,
  'recommended.equalized_odds_ratio': printed12,
  'fairlearn.metrics.selection_rate': printed12, 'fairlearn.metrics.tpr': printed12, 'fairlearn.metrics.fpr': printed12, 'fairlearn.metrics.fnr': printed12, 'fairlearn.metrics.tnr': printed12, 'fairlearn.metrics.precision': printed12, 'fairlearn.metrics.accuracy': printed12, 'fairlearn.metrics.count': printed12,
  'fairlearn.gaps': loose,
} as const;

export const fairnessRules = {
  datasets: {
    name: note, note, n: input, y_true: input, y_pred: input, groups: input, score: input, sample_weight: input, classes: input,
    ...binaryRules,
    one_vs_rest: printed12,
    'accuracy.overall': printed12, 'accuracy.by_group': printed12, 'accuracy.difference': printed12, 'accuracy.ratio': printed12,
    selection_rate_by_class: printed12,
    f1_macro: printed12, f1_micro: printed12, f1_weighted: information('the page shows macro-F1'),
    reweighing: equal(1e-9, 0, 'float64 in the reference, printed with 12 digits'),
    threshold_optimizer: equal(1e-9, 0, 'the tolerance of the file'),
  },
  bootstrap: {
    dataset: input, prng: input, seed: input, B: input, index_rule: input, quantiles: input, note,
    replicates_missing_a_group: note,
    demographic_parity_difference: printed12, equalized_odds_difference: printed12, selection_rate: printed12,
  },
  proportion_intervals: { k: input, n: input, wilson95: printed12, clopper_pearson95: printed12 },
  difference_intervals_newcombe_hybrid_score: { k1: input, n1: input, k2: input, n2: input, difference: printed12, newcombe95: printed12 },
} as const satisfies Readonly<Record<string, FieldTable>>;

const formula = equal(1e-9, 1e-9, 'the same formula in float64');

export const energyRules = {
  codecarbon_cpu_load_machine_mode_W: { tdp: input, load_percent: input, power_W: formula },
  codecarbon_constant_mode_W: { tdp: input, power_W: formula },
  codecarbon_ram_W: { gb: input, arm: input, power_W: formula },
  emissions: { kWh: input, iso: input, gCO2e: formula },
  battery_discharge: { capacity_Wh: input, quantum: input, true_power_W: note, events_t_s_level: input, n_steps: formula, edge_to_edge_power_W: equal(1e-6, 0, 'printed with 6 decimals') },
} as const satisfies Readonly<Record<string, FieldTable>>;

export const carbonRules: FieldTable = { iso: input, name: formula, gCO2e_per_kWh: formula, year: formula };

const seqeval = equal(1e-9, 0, 'the tolerance of the file, whose scores have 12 decimals');
const nerMode = (mode: string) => ({ [`${mode}.note`]: note, [`${mode}.entities_true`]: seqeval, [`${mode}.entities_pred`]: seqeval, [`${mode}.report`]: seqeval });
export const nerRules: FieldTable = {
  name: note, note, y_true: input, y_pred: input, token_accuracy: seqeval,
  ...nerMode('default_mode'), ...nerMode('strict_IOB1'), ...nerMode('strict_IOB2'), ...nerMode('strict_IOBES'), ...nerMode('strict_BILOU'),
  'token_level.per_label': seqeval,
  ...Object.fromEntries(['micro', 'macro', 'weighted'].flatMap((mean) => [`token_level.${mean}_all`, `token_level.${mean}_excluding_O`].map((path) => [path, seqeval]))),
};

const sameBytes = equal(0, 0, 'byte for byte');
const whole = (...fields: readonly string[]): FieldTable => Object.fromEntries(fields.map((field) => [field, sameBytes]));
export const flowerRules = {
  ids: whole('run_id', 'node_id', 'task_id', 'superlink_node_id'),
  values: whole('delta_f32_hex', 'model_f32_hex', 'npy_delta_hex', 'npy_3x4_zero_header_hex', 'npy_scalar_hex', 'config', 'metrics'),
  objects: { name: input, ...whole('message_id', 'created_at', 'ttl', 'tree', 'post_order', 'code', 'reason', 'root') },
  protobuf: { name: input, ...whole('hex') },
  auth: whole('private_key_pkcs8_pem', 'public_key_pem', 'timestamp', 'headers', 'der_hex', 'raw_hex', 'der_pairs'),
  exchange: whole('path', 'headers', 'request_hex', 'status', 'response_hex', 'response_json'),
} as const satisfies Readonly<Record<string, FieldTable>>;

const otherSplits = information('parts of the test set, or rows beside it');
export const accuracyRules = {
  method: input, variant: input, base: input, matmul: input, layer: input, seed: input, classes: input, n_train: input, n_test: input, eps: input, delta: input, private: input, recipe: input,
  eps_spent: note, accountant: note, sigma: note, q: note, note,
  mu: equal(1e-9, 1e-9, 'the exact Gaussian of (epsilon, delta) in float64'),
  'result.test.acc': lower(0.01, 0, 'a point below the reference, which trains in float32, with what the spread of few runs explains taken off before'),
  'result.test.acc_seeds': input,
  'result.test.f1': information('macro-F1 of rare classes moves by several points from seed to seed; the tolerance is of accuracy'),
  'result.test.acc1': otherSplits, 'result.test.acc2': otherSplits, 'result.test1': otherSplits, 'result.test2': otherSplits, 'result.val': otherSplits, 'result.dev': otherSplits,
  'result.test.p': note, 'result.test.r': note, 'result.test.micro_f1': note, 'result.test.macro_f1': note, 'result.test.default_micro_f1': note, 'result.test.per_type': note,
} as const satisfies FieldTable;

const withinTolerance = equal(1, 0, 'error over the tolerance that the file states: at most 1');
export const minilmRules = {
  input_ids: { text: input, ids: equal(0, 0, 'Hugging Face tokenizers') },
  loss: { f32: information('float32 weights are not kept'), int8: withinTolerance },
  norms: { f32: information('float32 weights are not kept'), int8: withinTolerance },
  logits: { f32: information('float32 weights are not kept'), int8: withinTolerance },
  tensors: { name: input, error: withinTolerance },
} as const satisfies Readonly<Record<string, FieldTable>>;
