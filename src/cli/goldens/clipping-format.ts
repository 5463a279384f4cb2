import { isJsonObject } from '../../engine/model/json.ts';
import { gradientNoiseMultiplier, nextClipNorm } from '../../privacy/adaptive-clipping.ts';
import { createGradientAccumulator } from '../../privacy/clipping.ts';
import { listOf, numberOf, numbersOf, textOf, type Family, type Format, type JsonObject } from './format.ts';
import { addLinearGradient, gradientFamilies, type Matrix } from './gradient-format.ts';
import { clippingRules } from './rules.ts';

/** Gradient of a linear layer over a sequence. */
function linearGradient(activations: Matrix, backprops: Matrix): { readonly weight: readonly number[]; readonly bias: readonly number[] } {
  const [outputs, inputs] = [backprops[0]!.length, activations[0]!.length];
  const gradient = new Float64Array(outputs * (inputs + 1));
  addLinearGradient(activations, backprops, gradient);
  return { weight: [...gradient.subarray(0, outputs * inputs)], bias: [...gradient.subarray(outputs * inputs)] };
}

const families: readonly Family[] = [
  {
    name: 'linear_seq',
    fields: clippingRules.linear_seq,
    check(entry, compare) {
      const activations = listOf(entry, 'activations') as readonly Matrix[];
      const backprops = listOf(entry, 'backprops_per_example_sum_loss') as readonly Matrix[];
      const clipNorm = numberOf(entry, 'C');
      const gradients = activations.map((a, example) => linearGradient(a, backprops[example]!));
      const inputs = activations[0]![0]!.length;
      const length = gradients[0]!.weight.length + gradients[0]!.bias.length;
      const all = createGradientAccumulator({ length, clipNorm });
      for (const [example, { weight, bias }] of gradients.entries()) {
        const flat = Float64Array.from([...weight, ...bias]);
        const norm = Math.hypot(...flat);
        for (const field of ['norm_weight', 'norm_weight_ghost']) compare(field, Math.hypot(...weight), numbersOf(entry, field)[example]!);
        compare('norm_bias', Math.hypot(...bias), numbersOf(entry, 'norm_bias')[example]!);
        compare('norm_total', norm, numbersOf(entry, 'norm_total')[example]!);
        const alone = createGradientAccumulator({ length, clipNorm });
        alone.addUnit(flat);
        compare('clip_factor_opacus_eps1e-6', Math.hypot(...alone.result().sum) / alone.gridScale / norm, numbersOf(entry, 'clip_factor_opacus_eps1e-6')[example]!);
        all.addUnit(flat);
      }
      const { sum, gridScale } = all.result();
      for (const [row, values] of (listOf(entry, 'clipped_sum_weight') as Matrix).entries()) {
        for (const [column, value] of values.entries()) compare('clipped_sum_weight', sum[row * inputs + column]! / gridScale, value);
      }
      for (const [index, value] of numbersOf(entry, 'clipped_sum_bias').entries()) compare('clipped_sum_bias', sum[length - gradients[0]!.bias.length + index]! / gridScale, value);
    },
  },
  {
    name: 'edge',
    fields: clippingRules.edge,
    check(_entry, compare) {
      const empty = createGradientAccumulator({ length: 3, clipNorm: 1 });
      compare('empty_batch', Math.hypot(...empty.result().sum), 0);
      const broken = createGradientAccumulator({ length: 3, clipNorm: 1 });
      for (const bad of [NaN, Infinity, -Infinity]) broken.addUnit(Float64Array.from([bad, 1, 1]));
      compare('non_finite_example', Math.hypot(...broken.result().sum), 0);
    },
  },
  ...gradientFamilies,
  {
    name: 'adaptive_clipping',
    fields: clippingRules.adaptive_clipping,
    check(entry, compare) {
      for (const split of listOf(entry, 'noise_split')) {
        if (!isJsonObject(split)) throw new Error('field noise_split is not a list of objects');
        compare('noise_split', gradientNoiseMultiplier({ noiseMultiplier: numberOf(split, 'target_noise_multiplier'), countNoise: numberOf(split, 'sigma_b_count_noise_std') }), numberOf(split, 'z_delta_for_gradients'));
      }
      // The settings are in the field's name.
      const update = 'geometric_update_eta0.2_quantile0.5_C0_0.1';
      let clipNorm = 0.1;
      for (const step of listOf(entry, update)) {
        if (!isJsonObject(step)) throw new Error(`field ${update} is not a list of objects`);
        clipNorm = nextClipNorm({ clipNorm, noisyUnclippedShare: numberOf(step, 'noisy_unclipped_fraction'), targetQuantile: 0.5, learningRate: 0.2 });
        compare(update, clipNorm, numberOf(step, 'C_after'));
      }
    },
  },
];

/** The cases of the list are families of one entry; so is every other key. */
function entriesOf(json: JsonObject): ReadonlyMap<string, readonly JsonObject[]> {
  const found = new Map<string, JsonObject[]>();
  const add = (family: string, entry: JsonObject) => found.set(family, [...(found.get(family) ?? []), entry]);
  for (const item of listOf(json, 'clipping')) if (isJsonObject(item)) add(textOf(item, 'case'), item);
  for (const [key, value] of Object.entries(json)) if (key !== 'meta' && key !== 'clipping') add(key, isJsonObject(value) ? value : { value });
  return found;
}

export const clippingFormat: Format = { name: 'clipping', isFormat: (json) => Array.isArray(json['clipping']), families, entriesOf };
