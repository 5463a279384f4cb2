import { isJsonObject } from '../../engine/model/json.ts';
import { createGradientAccumulator } from '../../privacy/clipping.ts';
import { listOf, notImplemented, numberOf, numbersOf, textOf, type Family, type Format, type JsonObject } from './format.ts';
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
  // A clip norm that follows the notes would have to be paid for; here it is public.
  notImplemented('adaptive_clipping'),
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
