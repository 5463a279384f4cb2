import { expect, it } from 'vitest';
import type { AddOuterProducts } from '../privacy/outer-products.ts';
import { areRightProducts, plainHeadProducts, type HeadProducts } from './head-products.ts';

it('plain loops are right', () => {
  expect(areRightProducts(plainHeadProducts)).toBe(true);
});

const { headLogits, addOuterProducts } = plainHeadProducts;
const changed = (change: Partial<Parameters<AddOuterProducts>[1]> | ((products: Parameters<AddOuterProducts>[1]) => Partial<Parameters<AddOuterProducts>[1]>)): AddOuterProducts =>
  (total, products) => addOuterProducts(total, { ...products, ...(typeof change === 'function' ? change(products) : change) });
const faults: Record<string, HeadProducts> = {
  'logits summed in float64': {
    headLogits: (features, rows, weights, classes, biasInput) => {
      const length = weights.length / classes - 1;
      return Float32Array.from({ length: rows * classes }, (_, i) => {
        const [row, c] = [Math.floor(i / classes), i % classes];
        let sum = 0;
        for (let k = 0; k < length; k++) sum += features[row * length + k]! * weights[c * (length + 1) + k]!;
        return sum + biasInput * weights[c * (length + 1) + length]!;
      });
    },
    addOuterProducts,
  },
  'logits without the bias': { headLogits: (features, rows, weights, classes) => headLogits(features, rows, weights, classes, 0), addOuterProducts },
  'a row left out': { headLogits, addOuterProducts: changed(({ rows }) => ({ rows: rows.slice(0, -1) })) },
  'rows in the order of the table': { headLogits, addOuterProducts: changed(({ rows }) => ({ rows: [...rows].sort((a, b) => a - b) })) },
  'values of 15 bits': { headLogits, addOuterProducts: changed(({ values }) => ({ values: values.map((value) => (value << 17) >> 17) })) },
  'sums that lose what lies above 2^30': {
    headLogits,
    addOuterProducts: (total, products) => {
      const own = new Float64Array(total.length);
      addOuterProducts(own, products);
      own.forEach((value, i) => (total[i]! += (value << 1) >> 1));
    },
  },
  'the last sum instead of all': { headLogits, addOuterProducts: (total, products) => addOuterProducts(total.fill(0), products) },
};
for (const [name, products] of Object.entries(faults)) {
  it(`are not right: ${name}`, () => {
    expect(areRightProducts(products)).toBe(false);
  });
}
