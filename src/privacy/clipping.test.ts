import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mulberry32, shuffle } from '../ground/random.ts';
import { createGradientAccumulator, createHeadAccumulator, gradientGrid, headGrid, quantizeFeatures, type IntegerSum } from './clipping.ts';
import { addOuterProducts, type AddOuterProducts } from './outer-products.ts';

function integerNorm(values: Float64Array): number {
  return Math.sqrt(Number(values.reduce((sum, value) => sum + BigInt(value) * BigInt(value), 0n)));
}
const difference = (a: IntegerSum, b: IntegerSum) => a.sum.map((value, index) => value - b.sum[index]!);

describe('grids', () => {
  it('hold C within 2^19 to 2^20 steps of a power of two', () => {
    fc.assert(fc.property(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (clipNorm) => {
      const { gridScale, sensitivity } = gradientGrid(clipNorm);
      expect(Number.isInteger(Math.log2(gridScale))).toBe(true);
      expect(sensitivity).toBe(Math.floor(clipNorm * gridScale));
      expect(sensitivity).toBeGreaterThanOrEqual(2 ** 19);
      expect(sensitivity).toBeLessThanOrEqual(2 ** 20);
    }));
  });

  it('of the head: floor(C 2^(a+b))', () => {
    expect(headGrid(0.3)).toEqual({ gridScale: 2 ** 22, sensitivity: 1258291 });
    expect(headGrid(0.3, 7, 8)).toEqual({ gridScale: 2 ** 15, sensitivity: 9830 });
  });

  it('refuse norms that are none or leave the exact range', () => {
    for (const clipNorm of [0, -1, NaN, Infinity]) {
      expect(() => gradientGrid(clipNorm)).toThrow();
      expect(() => headGrid(clipNorm)).toThrow();
      expect(() => createGradientAccumulator({ length: 1, clipNorm })).toThrow();
      expect(() => createHeadAccumulator({ classes: 1, inputs: 1, clipNorm })).toThrow();
    }
    expect(() => headGrid(1e-8)).toThrow();
    expect(() => headGrid(100)).toThrow();
    expect(() => createGradientAccumulator({ length: 0, clipNorm: 1 })).toThrow();
  });
});

const anyFloat = fc.oneof(fc.double({ min: -5, max: 5, noNaN: true }), fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, 0, -0, 1e-300, 1e300));

describe('createGradientAccumulator', () => {
  const unit = fc.array(anyFloat, { minLength: 6, maxLength: 6 });

  it('moves by an exact integer norm of at most K for every unit, whatever it holds', () => {
    fc.assert(fc.property(fc.array(unit, { minLength: 1, maxLength: 6 }), fc.double({ min: 1e-3, max: 100, noNaN: true }), fc.nat(), (units, clipNorm, choice) => {
      const left = choice % units.length;
      const all = createGradientAccumulator({ length: 6, clipNorm });
      const without = createGradientAccumulator({ length: 6, clipNorm });
      for (const [index, values] of units.entries()) {
        all.addUnit(Float64Array.from(values));
        if (index !== left) without.addUnit(Float64Array.from(values));
      }
      const moved = difference(all.result(), without.result());
      for (const value of moved) expect(Number.isInteger(value)).toBe(true);
      expect(integerNorm(moved)).toBeLessThanOrEqual(all.sensitivity);
      expect(all.result().unitCount).toBe(units.length);
    }), { numRuns: 500 });
  });

  it('keeps a short vector to the grid step and shortens a long one to C', () => {
    const accumulator = createGradientAccumulator({ length: 3, clipNorm: 2 });
    accumulator.addUnit(Float32Array.from([0.5, -0.25, 1]));
    expect(Array.from(accumulator.result().sum, (value) => value / accumulator.gridScale)).toEqual([0.5, -0.25, 1]);
    accumulator.addUnit(Float32Array.from([30, 0, 40]));
    const { sum, gridScale, unitCount } = accumulator.result();
    // 30/50 and 40/50 of C = 2, truncated to the grid: one step low at most.
    expect(Math.abs(sum[0]! / gridScale - (0.5 + 1.2))).toBeLessThan(1.01 / gridScale);
    expect(Math.abs(sum[2]! / gridScale - (1 + 1.6))).toBeLessThan(1.01 / gridScale);
    expect(unitCount).toBe(2);
  });

  it('clips the sum of a person\'s rows, not each row', () => {
    const rows = Float32Array.from([3, 0, 0, 3, -3, 0.5]);
    const person = createGradientAccumulator({ length: 2, clipNorm: 1 });
    person.addUnit(rows, 0, 3);
    const { sum, gridScale } = person.result();
    // (3, 0) + (0, 3) + (-3, .5) = (0, 3.5), clipped to (0, 1).
    expect(sum[0]).toBe(0);
    expect(Math.abs(sum[1]! / gridScale - 1)).toBeLessThan(2 / gridScale);
  });

  it('gives the same bits in any order', () => {
    const random = mulberry32(4);
    const units = Array.from({ length: 50 }, () => Float32Array.from({ length: 8 }, () => random() * 4 - 2));
    const sumOf = (order: readonly Float32Array[]) => {
      const accumulator = createGradientAccumulator({ length: 8, clipNorm: 1.3 });
      for (const vector of order) accumulator.addUnit(vector);
      return accumulator.result().sum;
    };
    const first = sumOf(units);
    for (let trial = 0; trial < 5; trial++) expect(sumOf(shuffle([...units], random))).toEqual(first);
  });

  it('zeroes a unit that is not finite and still counts it', () => {
    const accumulator = createGradientAccumulator({ length: 2, clipNorm: 1 });
    for (const bad of [[NaN, 0], [Infinity, 1], [-Infinity, Infinity]]) accumulator.addUnit(Float32Array.from(bad));
    expect(accumulator.result()).toEqual({ sum: new Float64Array(2), gridScale: accumulator.gridScale, sensitivity: accumulator.sensitivity, unitCount: 3 });
    expect(() => accumulator.addUnit(new Float32Array(3))).toThrow();
    expect(() => accumulator.addUnit(new Float32Array(2), 0, 2)).toThrow();
  });
});

describe('createHeadAccumulator', () => {
  const classes = 3;
  const inputs = 4;

  it('moves by an exact integer norm of at most K for every unit, of one row and of several', () => {
    const row = fc.tuple(fc.array(anyFloat, { minLength: inputs, maxLength: inputs }), fc.array(anyFloat, { minLength: classes, maxLength: classes }));
    fc.assert(fc.property(fc.array(fc.array(row, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }), fc.double({ min: 0.01, max: 10, noNaN: true }), fc.nat(), (units, clipNorm, choice) => {
      const left = choice % units.length;
      const features = quantizeFeatures(Float32Array.from(units.flat().flatMap(([x]) => x)), inputs);
      const all = createHeadAccumulator({ classes, inputs, clipNorm });
      const without = createHeadAccumulator({ classes, inputs, clipNorm });
      let next = 0;
      for (const [index, rows] of units.entries()) {
        const numbers = rows.map(() => next++);
        const residuals = Float64Array.from(rows.flatMap(([, residual]) => residual));
        all.addUnit(features, numbers, residuals);
        if (index !== left) without.addUnit(features, numbers, residuals);
      }
      const moved = difference(all.result(), without.result());
      for (const value of moved) expect(Number.isInteger(value)).toBe(true);
      expect(integerNorm(moved)).toBeLessThanOrEqual(all.sensitivity);
    }), { numRuns: 500 });
  });

  it('is (p - y) xT within the grid where nothing is clipped, and C long where it is', () => {
    const random = mulberry32(9);
    const x = Float32Array.from({ length: inputs }, () => random() - 0.5);
    const residual = Float32Array.from({ length: classes }, () => (random() - 0.5) * 0.1);
    const features = quantizeFeatures(x, inputs);
    for (const scale of [1, 100]) {
      const scaled = residual.map((value) => value * scale);
      const accumulator = createHeadAccumulator({ classes, inputs, clipNorm: 0.3 });
      accumulator.addUnit(features, [0], scaled);
      const { sum, gridScale } = accumulator.result();
      const norm = Math.hypot(...x) * Math.hypot(...scaled);
      const factor = Math.min(1, 0.3 / norm);
      for (let c = 0; c < classes; c++) {
        for (let j = 0; j < inputs; j++) {
          // Truncation: 2^-10 of a feature and 2^-12 of a residual, relative to values below 1 and below .3/|x|.
          expect(Math.abs(sum[c * inputs + j]! / gridScale - factor * scaled[c]! * x[j]!)).toBeLessThan(2 ** -10 * Math.abs(factor * scaled[c]!) + 2 ** -12 * Math.abs(x[j]!) + 2 ** -10 * 0.3);
        }
      }
      if (scale === 100) expect(integerNorm(sum) / gridScale).toBeGreaterThan(0.3 * 0.99);
    }
  });

  it('clips the matrix of a person: opposite rows cancel before the clip', () => {
    const features = quantizeFeatures(Float32Array.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]), inputs);
    const accumulator = createHeadAccumulator({ classes, inputs, clipNorm: 0.3 });
    accumulator.addUnit(features, [0, 1, 2], Float64Array.from([1, 0, 0, -1, 0, 0, 0, 0.25, 0]));
    const { sum, gridScale } = accumulator.result();
    expect(Array.from(sum, (value) => value / gridScale)).toEqual([0, 0, 0, 0, 0, 0.25, 0, 0, 0, 0, 0, 0]);
  });

  it('is the clipped sum of a person within what rounding each row costs, over the whole range of clips', () => {
    const random = mulberry32(12);
    const [rows, width, labels] = [7, 40, 6];
    for (const clipNorm of [0.01, 0.1, 0.3, 1, 8]) {
      const x = Float32Array.from({ length: rows * width }, () => (random() - 0.5) * 0.6);
      const residuals = Float64Array.from({ length: rows * labels }, () => random() - 0.5);
      const features = quantizeFeatures(x, width);
      const accumulator = createHeadAccumulator({ classes: labels, inputs: width, clipNorm });
      accumulator.addUnit(features, [...Array(rows).keys()], residuals);
      const { sum, gridScale, sensitivity } = accumulator.result();
      const ideal = new Float64Array(labels * width);
      for (let k = 0; k < rows; k++) for (let c = 0; c < labels; c++) for (let j = 0; j < width; j++) ideal[c * width + j]! += (residuals[k * labels + c]! * features.values[k * width + j]!) / 2 ** 10;
      const norm = Math.hypot(...ideal);
      const factor = Math.min(1, clipNorm / norm);
      // Half a step of 2^-12 in each residual of each row, times the row's length; then, where it is clipped, as much again for shortening, and 2^-12 of the whole.
      const rounding = features.squaredNorms.reduce((total, squares) => total + (0.5 * Math.sqrt(labels) * Math.sqrt(squares)) / gridScale, 0);
      expect(Math.hypot(...sum.map((value, i) => value / gridScale - factor * ideal[i]!))).toBeLessThan(2 * rounding + 2 ** -12 * clipNorm);
      expect(integerNorm(sum)).toBeLessThanOrEqual(sensitivity);
      if (norm > clipNorm) expect(integerNorm(sum)).toBeGreaterThan(0.99 * sensitivity - 2 * rounding * gridScale);
    }
  });

  it('a clip that is a thousandth too long is seen, of one row and of several', () => {
    const random = mulberry32(13);
    const features = quantizeFeatures(Float32Array.from({ length: 5 * 64 }, () => random() - 0.5), 64);
    // Rows that say they are shorter than they are.
    const faulty = { ...features, squaredNorms: features.squaredNorms.map((squares) => squares / 1.002) };
    const normOf = (by: typeof features, rows: number[]) => {
      const accumulator = createHeadAccumulator({ classes, inputs: 64, clipNorm: 5 });
      accumulator.addUnit(by, rows, Float64Array.from({ length: rows.length * classes }, (_, i) => 7 * Math.sin(i + 1)));
      return integerNorm(accumulator.result().sum) / accumulator.sensitivity;
    };
    for (const rows of [[0], [1, 2]]) {
      expect(normOf(features, rows)).toBeLessThanOrEqual(1);
      expect(normOf(faulty, rows)).toBeGreaterThan(1);
    }
  });

  it('takes the same row alone as one row or as a unit of one', () => {
    const features = quantizeFeatures(Float32Array.from([0.5, 0.25, 0, 0.125]), inputs);
    const one = createHeadAccumulator({ classes, inputs, clipNorm: 0.3 });
    one.addUnit(features, [0], Float64Array.from([0.125, 0, -0.125]));
    const doubled = createHeadAccumulator({ classes, inputs, clipNorm: 0.3 });
    doubled.addUnit(features, [0, 0], Float64Array.from([0.0625, 0, -0.0625, 0.0625, 0, -0.0625]));
    expect(doubled.result().sum).toEqual(one.result().sum);
  });

  it('gives the same bits in any order, and zeroes what is not finite', () => {
    const random = mulberry32(2);
    const count = 60;
    const features = quantizeFeatures(Float32Array.from({ length: count * inputs }, (_, index) => (index === 5 ? NaN : random() * 2 - 1)), inputs);
    const residuals = Array.from({ length: count }, () => Float32Array.from({ length: classes }, () => random() * 2 - 1));
    residuals[7]![0] = Infinity;
    const sumOf = (order: readonly number[]) => {
      const accumulator = createHeadAccumulator({ classes, inputs, clipNorm: 0.3 });
      for (const row of order) accumulator.addUnit(features, [row], residuals[row]!);
      return accumulator.result();
    };
    const all = Array.from({ length: count }, (_, index) => index);
    const first = sumOf(all);
    expect(first.sum.every(Number.isInteger)).toBe(true);
    expect(sumOf(shuffle([...all], random))).toEqual(first);
    expect(sumOf(all.filter((row) => row !== 1 && row !== 7)).sum).toEqual(first.sum);
  });

  it('hands over nothing beyond 16 bits and no sums that 32 bits could not hold, whatever the units hold', () => {
    let handedOver = 0;
    /** Adds in 32 bits as a kernel does, and holds every call to what it was promised. */
    const narrow: AddOuterProducts = (total, products) => {
      const { values, inputs, rows, residuals, classes: C } = products;
      expect(rows.length).toBeGreaterThan(0);
      handedOver += rows.length;
      const magnitudes = new Float64Array(total.length);
      const sums = new Int32Array(total.length);
      for (const [place, row] of rows.entries()) {
        for (let c = 0; c < C; c++) {
          for (let j = 0; j < inputs; j++) {
            const [x, r] = [values[row * inputs + j]!, residuals[place * C + c]!];
            expect(Number.isInteger(x) && Number.isInteger(r) && Math.abs(x) < 2 ** 15 && Math.abs(r) < 2 ** 15).toBe(true);
            magnitudes[c * inputs + j]! += Math.abs(x * r);
            sums[c * inputs + j]! += x * r;
          }
        }
      }
      expect(Math.max(...magnitudes)).toBeLessThan(2 ** 31);
      sums.forEach((value, i) => (total[i]! += value));
    };
    const row = fc.tuple(fc.array(fc.oneof(anyFloat, fc.constantFrom(31.9, -32, 40)), { minLength: 2, maxLength: 2 }), fc.array(fc.oneof(anyFloat, fc.constantFrom(7.9, -8.1)), { minLength: 2, maxLength: 2 }));
    // Repeated, so that one call's rows are many and their sums large: at C = 10, 51 rows of norm K reach 2^31.
    fc.assert(fc.property(fc.array(row, { minLength: 1, maxLength: 4 }), fc.constantFrom(0.01, 0.3, 10, 15.9), fc.integer({ min: 1, max: 300 }), (some, clipNorm, repeats) => {
      const features = quantizeFeatures(Float32Array.from(some.flatMap(([x]) => x)), 2);
      const results = [narrow, addOuterProducts].map((add) => {
        const accumulator = createHeadAccumulator({ classes: 2, inputs: 2, clipNorm, add });
        const everyone = some.map((_, i) => i);
        const residuals = Float64Array.from(some.flatMap(([, residual]) => residual));
        for (let k = 0; k < repeats; k++) {
          for (const i of everyone) accumulator.addUnit(features, [i], residuals.subarray(2 * i, 2 * i + 2));
          accumulator.addUnit(features, everyone, residuals);
        }
        return accumulator.result();
      });
      expect(results[0]).toEqual(results[1]);
    }), { numRuns: 60 });
    expect(handedOver).toBeGreaterThan(1000);
  });

  it('refuses rows and residuals that do not fit', () => {
    const features = quantizeFeatures(new Float32Array(inputs * 2), inputs);
    const accumulator = createHeadAccumulator({ classes, inputs, clipNorm: 0.3 });
    expect(() => accumulator.addUnit(features, [2], new Float32Array(classes))).toThrow();
    expect(() => accumulator.addUnit(features, [0, 1], new Float32Array(classes))).toThrow();
    expect(() => accumulator.addUnit(quantizeFeatures(new Float32Array(inputs), inputs, 7), [0], new Float32Array(classes))).toThrow();
    expect(() => quantizeFeatures(new Float32Array(5), inputs)).toThrow();
  });
});
