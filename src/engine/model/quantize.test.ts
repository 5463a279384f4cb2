import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quantizeMatrix } from './quantize.ts';

describe('int8 rule', () => {
  test('scale is the largest magnitude over 127; a row of 0 has scale 1', () => {
    const { values, scales } = quantizeMatrix(Float32Array.of(0.5, -1, 0.25, 0, 0, 0), 2, 3);
    expect([...scales]).toEqual([Math.fround(1 / 127), 1]);
    // 0.5 * 127 = 63.5 and 0.25 * 127 = 31.75.
    expect([...values]).toEqual([64, -127, 32, 0, 0, 0]);
  });

  test('halves go to the even neighbour', () => {
    // The largest is 127, so the scale is 1 and values are their own quotients.
    const { values } = quantizeMatrix(Float32Array.of(127, 0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5), 1, 8);
    expect([...values]).toEqual([127, 0, 2, 2, 4, 0, -2, -2]);
  });

  test('is off by half a scale at most, and never -128', () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 1, maxLength: 40, noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e6), max: Math.fround(1e6) }), (weights) => {
        const { values, scales } = quantizeMatrix(weights, 1, weights.length);
        const scale = scales[0]!;
        // Below this the scale itself is denormal and holds few digits.
        fc.pre(scale > 1e-35);
        for (const [i, weight] of weights.entries()) {
          expect(Math.abs(values[i]!)).toBeLessThanOrEqual(127);
          // Float32 division and scale add a unit in the last place of a quotient up to 127: 127 x 2 x 6e-8 of the scale.
          expect(Math.abs(values[i]! * scale - weight)).toBeLessThanOrEqual(scale * (0.5 + 127 * 2 ** -23));
        }
      }),
    );
  });
});
