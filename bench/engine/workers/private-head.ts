import { mulberry32 } from '../../../src/ground/random.ts';
import { randomNormal } from '../../../src/engine/model/random-bert.ts';
import { openHeadProducts } from '../../../src/shell/kernel-files.ts';
import { headGradientSum, quantizeWithBias } from '../../../src/training/head-gradient.ts';
import { areRightProducts, plainHeadProducts } from '../../../src/training/head-products.ts';

const rows = 10_003;
const length = 768;
const classes = 77;
const steps = 50;
const biasInput = 0.3;
const headClip = 0.3;

/**
 * The private head of Banking77's size on cached unit features: 50 times the clipped sum over all rows, and a step along it. Noise is drawn by the guard and not here.
 * Its products are made as in a trainer. Returns the start of the work, so that drawing features is not timed.
 */
export async function privateHead(): Promise<() => Float32Array> {
  const opened = await openHeadProducts();
  const products = opened && areRightProducts(opened) ? opened : plainHeadProducts;
  const random = mulberry32(5);
  const features = randomNormal(rows * length, random);
  for (let row = 0; row < rows; row++) {
    const feature = features.subarray(row * length, (row + 1) * length);
    const norm = Math.sqrt(feature.reduce((sum, value) => sum + value * value, 0));
    for (let i = 0; i < length; i++) feature[i]! /= norm;
  }
  const labels = Int32Array.from({ length: rows }, () => Math.floor(random() * classes));
  const units = Array.from({ length: rows }, (_, row) => ({ unit: row, firstRow: row, rows: 1 }));
  return () => {
    const quantized = quantizeWithBias(features.slice(), length, biasInput);
    const weights = new Float32Array(classes * (length + 1));
    for (let step = 0; step < steps; step++) {
      const { sum, gridScale } = headGradientSum({ features, quantized, labels, units, weights, classes, biasInput, clipNorm: headClip, products });
      for (let i = 0; i < weights.length; i++) weights[i]! -= (0.01 * sum[i]!) / gridScale;
    }
    return weights;
  };
}
