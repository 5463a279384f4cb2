import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { mulberry32, shuffle } from '../../ground/random.ts';
import { headGradientSum, quantizeWithBias, type OwnUnit } from '../head-gradient.ts';
import { areRightProducts, plainHeadProducts, type HeadProducts } from '../head-products.ts';

/** Head products and the memory that they take scratch of. */
export interface OpenHeadProducts {
  readonly products: HeadProducts;
  readonly memory: { readonly sizeBytes: number; readonly liveBlocks: number };
}

/** The tests of one build's head products against plain loops: the same in Node and in a browser. Bits are compared: no tolerance. */
export function describeHeadProducts(build: string, open: () => Promise<OpenHeadProducts>): void {
  describe(`head products of the ${build} build`, () => {
    let memory: OpenHeadProducts['memory'];
    let products: HeadProducts;
    beforeAll(async () => {
      ({ memory, products } = await open());
    });

    it('pass the check that a trainer makes', () => {
      expect(areRightProducts(products)).toBe(true);
    });

    it('give the logits of the plain loops, of any size and any numbers', () => {
      const size = fc.record({ rows: fc.integer({ min: 0, max: 100 }), length: fc.integer({ min: 1, max: 21 }), classes: fc.integer({ min: 1, max: 11 }), seed: fc.nat() });
      fc.assert(fc.property(size, fc.constantFrom(1, 1e-30, 1e30, Infinity, NaN), ({ rows, length, classes, seed }, extreme) => {
        const random = mulberry32(seed);
        const values = (count: number) => Float32Array.from({ length: count }, () => (random() - 0.5) * (random() < 0.05 ? extreme : 1));
        const [features, weights] = [values(rows * length), values(classes * (length + 1))];
        expect(products.headLogits(features, rows, weights, classes, 0.3)).toEqual(plainHeadProducts.headLogits(features, rows, weights, classes, 0.3));
      }), { numRuns: 150 });
    });

    it('give the sums of the plain loops, of any size, on top of what is there', () => {
      const size = fc.record({ rows: fc.integer({ min: 1, max: 300 }), inputs: fc.integer({ min: 1, max: 21 }), classes: fc.integer({ min: 1, max: 14 }), seed: fc.nat() });
      fc.assert(fc.property(size, ({ rows, inputs, classes, seed }) => {
        const random = mulberry32(seed);
        // 300 rows at 2,600 times 2,600 stay below 2^31.
        const integer = () => Math.trunc(5200 * (random() - 0.5));
        const work = {
          values: Float32Array.from({ length: 2 * rows * inputs }, integer),
          inputs,
          rows: shuffle(Array.from({ length: 2 * rows }, (_, row) => row), random).slice(0, rows),
          residuals: Float64Array.from({ length: (rows + 1) * classes }, integer),
          classes,
        };
        const totals = [products, plainHeadProducts].map(({ addOuterProducts }) => {
          const total = Float64Array.from({ length: classes * inputs }, (_, i) => i * 1e9);
          addOuterProducts(total, work);
          return total;
        });
        expect(totals[0]).toEqual(totals[1]);
      }), { numRuns: 150 });
    });

    it('give the clipped sum of the plain loops: rows, persons, giants, what is not finite, any clip', () => {
      fc.assert(fc.property(fc.nat(), fc.constantFrom(0.01, 0.3, 2, 15), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20 }), (seed, clipNorm, classes, length) => {
        const random = mulberry32(seed);
        const units: OwnUnit[] = [];
        let rows = 0;
        while (rows < 400) {
          const count = random() < 0.05 ? 3 : 1;
          units.push({ unit: units.length, firstRow: rows, rows: count });
          rows += count;
        }
        const features = Float32Array.from({ length: rows * length }, () => random() - 0.5);
        for (const value of [NaN, Infinity, 1e30, 33, -32]) features[Math.floor(random() * features.length)] = value;
        const input = {
          features, quantized: quantizeWithBias(features, length, 0.3), units, classes, biasInput: 0.3, clipNorm,
          labels: Int32Array.from({ length: rows }, () => Math.floor(random() * classes)),
          weights: Float32Array.from({ length: classes * (length + 1) }, () => 10 * (random() - 0.5)),
        };
        const [found, expected] = [headGradientSum({ ...input, products }), headGradientSum(input)];
        expect(found).toEqual(expected);
        expect(headGradientSum({ ...input, units: shuffle([...units], random), products })).toEqual(expected);
        // Every one but the first: the sum without it differs by K at most.
        const without = headGradientSum({ ...input, units: units.slice(1), products });
        expect(Math.hypot(...found.sum.map((value, i) => value - without.sum[i]!))).toBeLessThanOrEqual(found.sensitivity);
      }), { numRuns: 40 });
    });

    it('keep none of the memory that they take, and take no more for the same again', () => {
      const size = memory.sizeBytes;
      for (let k = 0; k < 5; k++) expect(areRightProducts(products)).toBe(true);
      expect(memory.liveBlocks).toBe(0);
      expect(memory.sizeBytes).toBe(size);
    });
  });
}
