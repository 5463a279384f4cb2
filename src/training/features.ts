import { invariant } from '../ground/check.ts';
import type { FeatureLayers } from './plan.ts';
import type { FeatureSettings } from './trainer.ts';

/** The features of a private head. */
export function featureSettings({ featureLayers, featureWeights }: FeatureLayers): FeatureSettings {
  return { layers: featureLayers, weights: featureWeights, isUnitLength: true };
}

/** Length of a feature: layers side by side. */
export function featureLength(settings: FeatureSettings, width: number): number {
  return settings.layers.length * width;
}

/**
 * Joins the pooled outputs of the layers of each row: each brought to unit length, times sqrt(weight), side by side; with weights of sum 1 a row has unit length.
 * Shapes: pooled [rows, layers, D] as `Engine.encode` gives it; result [rows, layers * D]. A row depends on itself alone.
 */
export function joinLayers(pooled: Float32Array, rows: number, width: number, settings: FeatureSettings): Float32Array {
  const { layers, weights, isUnitLength } = settings;
  invariant(layers.length === weights.length && pooled.length === rows * layers.length * width, 'features have one weight a layer');
  const joined = Float32Array.from(pooled);
  if (!isUnitLength) return joined;
  for (let block = 0; block < rows * layers.length; block++) {
    const at = block * width;
    let squared = 0;
    for (let i = at; i < at + width; i++) squared += joined[i]! * joined[i]!;
    // A zero row has no direction; it stays zero and contributes nothing.
    const factor = squared > 0 ? Math.sqrt(weights[block % layers.length]! / squared) : 0;
    for (let i = at; i < at + width; i++) joined[i]! *= factor;
  }
  return joined;
}

/** Subtracts `mean` from each row and brings the row back to unit length, in place. Shapes: features [rows, D], mean [D]. */
export function centreRows(features: Float32Array, mean: Float32Array): void {
  const length = mean.length;
  for (let at = 0; at < features.length; at += length) {
    let squared = 0;
    for (let i = 0; i < length; i++) {
      const value = features[at + i]! - mean[i]!;
      features[at + i] = value;
      squared += value * value;
    }
    const factor = squared > 0 ? 1 / Math.sqrt(squared) : 0;
    for (let i = 0; i < length; i++) features[at + i]! *= factor;
  }
}

/**
 * Logits W [x, biasInput] of each row: [rows, C]. Shapes: features [rows, D], weights [C, D + 1].
 * Guarantee: each logit is one float32 sum over the inputs in their order, the bias last, every product and every sum rounded: the same bits on every machine,
 * and a row's bits do not depend on the other rows.
 */
export function headLogits(features: Float32Array, rows: number, weights: Float32Array, classes: number, biasInput: number): Float32Array {
  const length = weights.length / classes - 1;
  invariant(Number.isInteger(length) && features.length === rows * length, 'head weights are [C, D + 1]');
  const logits = new Float32Array(rows * classes);
  const { fround } = Math;
  const bias = fround(biasInput);
  for (let row = 0; row < rows; row++) {
    const x = features.subarray(row * length, (row + 1) * length);
    const out = row * classes;
    let c = 0;
    // Four classes at a time share the loads of x; their sums stay apart.
    for (; c + 3 < classes; c += 4) {
      const w0 = c * (length + 1);
      const w1 = w0 + length + 1;
      const w2 = w1 + length + 1;
      const w3 = w2 + length + 1;
      let s0 = fround(0), s1 = fround(0), s2 = fround(0), s3 = fround(0);
      for (let i = 0; i < length; i++) {
        const value = x[i]!;
        s0 = fround(s0 + fround(value * weights[w0 + i]!));
        s1 = fround(s1 + fround(value * weights[w1 + i]!));
        s2 = fround(s2 + fround(value * weights[w2 + i]!));
        s3 = fround(s3 + fround(value * weights[w3 + i]!));
      }
      logits[out + c] = s0 + fround(bias * weights[w0 + length]!);
      logits[out + c + 1] = s1 + fround(bias * weights[w1 + length]!);
      logits[out + c + 2] = s2 + fround(bias * weights[w2 + length]!);
      logits[out + c + 3] = s3 + fround(bias * weights[w3 + length]!);
    }
    for (; c < classes; c++) {
      const w = c * (length + 1);
      let sum = fround(0);
      for (let i = 0; i < length; i++) sum = fround(sum + fround(x[i]! * weights[w + i]!));
      logits[out + c] = sum + fround(bias * weights[w + length]!);
    }
  }
  return logits;
}

/** Softmax of row `row` into `out` [C], in float64. */
export function softmaxRow(logits: Float32Array, row: number, classes: number, out: Float64Array): void {
  const at = row * classes;
  let largest = -Infinity;
  for (let c = 0; c < classes; c++) if (logits[at + c]! > largest) largest = logits[at + c]!;
  let total = 0;
  for (let c = 0; c < classes; c++) total += out[c] = Math.exp(logits[at + c]! - largest);
  for (let c = 0; c < classes; c++) out[c]! /= total;
}
