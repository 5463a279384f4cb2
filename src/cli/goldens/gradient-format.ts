/** Families of the clipping file that ask for a gradient of the engine's own operations or for a step of its optimiser. */
import { createAdamW } from '../../engine/optimizer.ts';
import { referenceDense } from '../../engine/operations/dense/reference.ts';
import { createGradientAccumulator } from '../../privacy/clipping.ts';
import { listOf, numberOf, numbersOf, textOf, type Family, type JsonObject, type Source } from './format.ts';
import { isJsonObject } from '../../engine/model/json.ts';
import { clippingRules } from './rules.ts';

export type Matrix = readonly (readonly number[])[];

const dense = referenceDense((length) => new Float64Array(length));
const flat = (rows: Matrix) => Float64Array.from(rows.flat());
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
const matricesOf = (entry: JsonObject, field: string) => listOf(entry, field) as readonly Matrix[];

/** Weight row by row, then bias, of a linear layer over a sequence; added to `gradient`. */
export function addLinearGradient(activations: Matrix, backprops: Matrix, gradient: Float64Array<ArrayBuffer>): void {
  const map = { inputWidth: activations[0]!.length, outputWidth: backprops[0]!.length, offsetWeight: 0, offsetBias: activations[0]!.length * backprops[0]!.length };
  dense.linearGradient(flat(activations), flat(backprops), map, gradient, activations.length);
}

/** The case of the same file that another one refers to. */
function caseOf({ json }: Source, name: string): JsonObject {
  const found = listOf(json, 'clipping').find((item) => isJsonObject(item) && item['case'] === name);
  if (!isJsonObject(found)) throw new Error(`the file has no case ${name}`);
  return found;
}

/** [examples] of (weight, bias) of the case that an entry names. */
function linearGradients(entry: JsonObject, field: string, source: Source): { readonly weight: Float64Array; readonly bias: Float64Array; readonly inputs: number }[] {
  const base = caseOf(source, textOf(entry, field));
  const backprops = matricesOf(base, 'backprops_per_example_sum_loss');
  return matricesOf(base, 'activations').map((activations, example) => {
    const [inputs, outputs] = [activations[0]!.length, backprops[example]![0]!.length];
    const gradient = new Float64Array(outputs * (inputs + 1));
    addLinearGradient(activations, backprops[example]!, gradient);
    return { weight: gradient.subarray(0, outputs * inputs), bias: gradient.subarray(outputs * inputs), inputs };
  });
}

export const gradientFamilies: readonly Family[] = [
  {
    name: 'per_layer',
    fields: clippingRules.per_layer,
    check(entry, compare, source) {
      const gradients = linearGradients(entry, 'same_inputs_as', source);
      const [weights, biases] = [
        createGradientAccumulator({ length: gradients[0]!.weight.length, clipNorm: numberOf(entry, 'C_weight') }),
        createGradientAccumulator({ length: gradients[0]!.bias.length, clipNorm: numberOf(entry, 'C_bias') }),
      ];
      for (const { weight, bias } of gradients) {
        weights.addUnit(weight);
        biases.addUnit(bias);
      }
      const [weight, bias] = [weights.result(), biases.result()];
      compare('sensitivity_l2', Math.hypot(weight.sensitivity / weight.gridScale, bias.sensitivity / bias.gridScale), numberOf(entry, 'sensitivity_l2'));
      const { inputs } = gradients[0]!;
      for (const [row, values] of (listOf(entry, 'clipped_sum_weight') as Matrix).entries()) for (const [column, value] of values.entries()) compare('clipped_sum_weight', weight.sum[row * inputs + column]! / weight.gridScale, value);
      for (const [index, value] of numbersOf(entry, 'clipped_sum_bias').entries()) compare('clipped_sum_bias', bias.sum[index]! / bias.gridScale, value);
    },
  },
  {
    name: 'embedding_repeated_tokens',
    fields: clippingRules.embedding_repeated_tokens,
    check(entry, compare) {
      const backprops = matricesOf(entry, 'backprops');
      for (const [example, ids] of (listOf(entry, 'ids') as Matrix).entries()) {
        const width = backprops[example]![0]!.length;
        const words = numberOf(entry, 'vocab') * width;
        const gradient = new Float64Array(words + ids.length * width);
        dense.embedBackward(Int32Array.from(ids), { offsets: Int32Array.of(0, ids.length), handle: null }, flat(backprops[example]!), { width, offsetWords: 0, offsetPositions: words, offsetTokenTypes: null }, gradient);
        compare('norm_true', norm(gradient.subarray(0, words)), numbersOf(entry, 'norm_true')[example]!);
      }
    },
  },
  {
    name: 'layer_norm_affine',
    fields: clippingRules.layer_norm_affine,
    check(entry, compare) {
      const backprops = matricesOf(entry, 'backprops');
      for (const [example, x] of matricesOf(entry, 'x').entries()) {
        const width = x[0]!.length;
        const gradient = new Float64Array(2 * width);
        dense.normBackward(flat(backprops[example]!), flat(x), new Float64Array(2 * width).fill(1), { width, epsilon: numberOf(entry, 'eps'), offsetWeight: 0, offsetBias: width }, gradient, x.length);
        compare('norm_gamma', norm(gradient.subarray(0, width)), numbersOf(entry, 'norm_gamma')[example]!);
        compare('norm_beta', norm(gradient.subarray(width)), numbersOf(entry, 'norm_beta')[example]!);
      }
    },
  },
  {
    name: 'tied_weight_two_uses',
    fields: clippingRules.tied_weight_two_uses,
    check(entry, compare, source) {
      const backprops = matricesOf(entry, 'backprops2');
      const second = matricesOf(entry, 'activations2');
      for (const [example, { weight, bias }] of linearGradients(entry, 'first_use_same_as', source).entries()) {
        const both = Float64Array.of(...weight, ...bias);
        addLinearGradient(second[example]!, backprops[example]!, both);
        compare('norm_true_sum_then_norm', norm(both.subarray(0, weight.length)), numbersOf(entry, 'norm_true_sum_then_norm')[example]!);
      }
    },
  },
  {
    name: 'dp_adam',
    fields: clippingRules.dp_adam,
    check(entry, compare) {
      const theta = Float32Array.from(numbersOf(entry, 'theta0'));
      const optimizer = createAdamW(theta.length, { beta1: numberOf(entry, 'beta1'), beta2: numberOf(entry, 'beta2'), epsilon: numberOf(entry, 'eps') });
      for (const step of listOf(entry, 'steps')) {
        if (!isJsonObject(step)) throw new Error('field steps is not a list of objects');
        optimizer.step(theta, Float32Array.from(numbersOf(step, 'private_gradient')), numberOf(entry, 'lr'));
        for (const [index, value] of numbersOf(step, 'theta_dp_adam').entries()) compare('steps', theta[index]!, value);
      }
    },
  },
];
