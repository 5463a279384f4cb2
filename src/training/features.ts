import { invariant } from '../ground/check.ts';
import type { FeatureSettings } from './trainer.ts';

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

/** Logits W [x, biasInput] of each row: [rows, C]. Shapes: features [rows, D], weights [C, D + 1]. Sums in float64, one fixed order a row. */
export function headLogits(features: Float32Array, rows: number, weights: Float32Array, classes: number, biasInput: number): Float32Array {
  const length = weights.length / classes - 1;
  invariant(Number.isInteger(length) && features.length === rows * length, 'head weights are [C, D + 1]');
  const logits = new Float32Array(rows * classes);
  for (let row = 0; row < rows; row++) {
    const at = row * length;
    for (let c = 0; c < classes; c++) {
      const w = c * (length + 1);
      // Four partial sums let the processor overlap the additions; the order is fixed, so a row's bits do not depend on other rows.
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      let i = 0;
      for (; i + 3 < length; i += 4) {
        s0 += features[at + i]! * weights[w + i]!;
        s1 += features[at + i + 1]! * weights[w + i + 1]!;
        s2 += features[at + i + 2]! * weights[w + i + 2]!;
        s3 += features[at + i + 3]! * weights[w + i + 3]!;
      }
      for (; i < length; i++) s0 += features[at + i]! * weights[w + i]!;
      logits[row * classes + c] = s0 + s1 + (s2 + s3) + biasInput * weights[w + length]!;
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
