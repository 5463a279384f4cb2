import { createHeadAccumulator, quantizeFeatures, type QuantizedFeatures } from '../privacy/clipping.ts';
import { softmaxRow } from './features.ts';
import { plainHeadProducts, type HeadProducts } from './head-products.ts';
import type { ClippedSum } from './trainer.ts';

/** A unit's place among a trainer's rows. */
export interface OwnUnit {
  readonly unit: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** Features on the integer grid of Rule G, bias input as the last column. Shapes: features [rows, length]. */
export function quantizeWithBias(features: Float32Array, length: number, biasInput: number): QuantizedFeatures {
  const rows = features.length / length;
  const inputs = new Float32Array(rows * (length + 1));
  for (let row = 0; row < rows; row++) {
    inputs.set(features.subarray(row * length, (row + 1) * length), row * (length + 1));
    inputs[row * (length + 1) + length] = biasInput;
  }
  // In place: a second copy of 100,000 rows would be some hundred megabytes.
  return quantizeFeatures(inputs, length + 1, undefined, inputs);
}

export interface HeadGradientInput {
  /** [rows, length], as the logits see them. */
  readonly features: Float32Array;
  readonly quantized: QuantizedFeatures;
  readonly labels: Int32Array;
  readonly units: readonly OwnUnit[];
  /** [C, length + 1]. */
  readonly weights: Float32Array;
  readonly classes: number;
  readonly biasInput: number;
  readonly clipNorm: number;
  /** Makes the products; plain loops where none is given. */
  readonly products?: HeadProducts;
}

/** Rule G: the integer sum over units of clip(sum over the unit's rows of (p - y) xᵀ): [C, length + 1]. */
export function headGradientSum({ features, quantized, labels, units, weights, classes, biasInput, clipNorm, products = plainHeadProducts }: HeadGradientInput): ClippedSum {
  const logits = products.headLogits(features, labels.length, weights, classes, biasInput);
  const accumulator = createHeadAccumulator({ classes, inputs: weights.length / classes, clipNorm, add: products.addOuterProducts });
  const probabilities = new Float64Array(classes);
  const rows: number[] = [];
  let residuals = new Float64Array(classes);
  for (const unit of units) {
    rows.length = unit.rows;
    if (residuals.length !== unit.rows * classes) residuals = new Float64Array(unit.rows * classes);
    for (let i = 0; i < unit.rows; i++) {
      const row = unit.firstRow + i;
      rows[i] = row;
      softmaxRow(logits, row, classes, probabilities);
      probabilities[labels[row]!]! -= 1;
      residuals.set(probabilities, i * classes);
    }
    accumulator.addUnit(quantized, rows, residuals);
  }
  return accumulator.result();
}
