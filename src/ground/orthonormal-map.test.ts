import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex } from './bytes.ts';
import { mapRows, orthonormalMap } from './orthonormal-map.ts';
import { mulberry32 } from './random.ts';

const none = new Int8Array(0);
const hashOf = (map: Float32Array<ArrayBuffer>) => bytesToHex(sha256(new Uint8Array(map.buffer)));
const row = (map: Float32Array, length: number, k: number) => Array.from(map.subarray(k * length, (k + 1) * length));
const product = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const directionsOf = (seed: number, rows: number, length: number) => {
  const random = mulberry32(seed);
  return Int8Array.from({ length: rows * length }, () => Math.floor(255 * random()) - 127);
};

describe('the map', () => {
  it('has orthonormal rows', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 0, max: 40 }), fc.nat({ max: 0xffffffff }), fc.integer({ min: 0, max: 30 }), (dimension, more, seed, given) => {
      const length = dimension + more;
      const map = orthonormalMap({ dimension, seed, directions: directionsOf(seed, given, length) }, length);
      for (let a = 0; a < dimension; a++) {
        for (let b = 0; b <= a; b++) {
          // Each entry is rounded to 2^-25 of itself: two unit rows' product moves by twice that at most, and float64 adds far less.
          expect(Math.abs(product(row(map, length, a), row(map, length, b)) - (a === b ? 1 : 0))).toBeLessThan(2 ** -23);
        }
      }
    }), { numRuns: 40 });
  });

  it('has the same bits on every machine, and others for another seed', () => {
    // Written down once, on x86-64 with V8. A machine that finds others would train something else than the rest.
    expect(hashOf(orthonormalMap({ dimension: 32, seed: 1, directions: none }, 384))).toBe('240ed4a2b2439843a7c7bde8fa2ce83a297ab9e841fc41a779d6690650c9adbe');
    expect(hashOf(orthonormalMap({ dimension: 32, seed: 1, directions: directionsOf(7, 20, 384) }, 384))).toBe('7f0ffa0d17c35a88d13402a7dbf9554146a570834013712a76e06d2e44cefd72');
    expect(hashOf(orthonormalMap({ dimension: 32, seed: 2, directions: none }, 384))).not.toBe(hashOf(orthonormalMap({ dimension: 32, seed: 1, directions: none }, 384)));
  });

  it('begins with the directions that are given, and leaves out those that say nothing new', () => {
    const length = 30;
    const directions = directionsOf(3, 4, length);
    // The last is minus the sum of the others, as sentences are that were centred by their mean; halves are rounded away.
    for (let i = 0; i < length; i++) directions[3 * length + i] = Math.trunc(-(directions[i]! + directions[length + i]! + directions[2 * length + i]!) / 4);
    const map = orthonormalMap({ dimension: 6, seed: 5, directions }, length);
    for (let given = 0; given < 4; given++) {
      const direction = row(Float32Array.from(directions), length, given);
      const size = Math.sqrt(product(direction, direction));
      const inside = [0, 1, 2].reduce((sum, k) => sum + (product(direction, row(map, length, k)) / size) ** 2, 0);
      // What truncation by up to one of some hundred in each number leaves outside.
      expect(inside).toBeGreaterThan(given < 3 ? 1 - 1e-6 : 0.99);
    }
    // The fourth row is one of signs: not along the fourth direction, which the three before it hold.
    expect(map).toHaveLength(6 * length);
    expect(row(orthonormalMap({ dimension: 4, seed: 6, directions }, length), length, 3)).not.toEqual(row(map, length, 3));
    expect(row(orthonormalMap({ dimension: 3, seed: 6, directions }, length), length, 2)).toEqual(row(map, length, 2));
  });

  it('refuses more directions than there are numbers, and rows that are not whole', () => {
    expect(() => orthonormalMap({ dimension: 5, seed: 1, directions: none }, 4)).toThrow(/map dimension/);
    expect(() => orthonormalMap({ dimension: 2, seed: 1, directions: new Int8Array(5) }, 4)).toThrow(/whole rows/);
  });
});

describe('the image of rows', () => {
  it('is the product, row by row, and no longer than the row', () => {
    const length = 20;
    const random = mulberry32(9);
    const inputs = Float32Array.from({ length: 3 * length }, () => random() - 0.5);
    const map = orthonormalMap({ dimension: 5, seed: 4, directions: none }, length);
    const mapped = mapRows(inputs, map, length);
    for (let at = 0; at < 3; at++) {
      const input = row(inputs, length, at);
      const image = row(mapped, 5, at);
      image.forEach((value, k) => expect(value).toBe(Math.fround(product(input, row(map, length, k)))));
      expect(product(image, image)).toBeLessThan(product(input, input));
    }
    expect(mapRows(inputs.subarray(length, 2 * length), map, length)).toEqual(mapped.subarray(5, 10));
  });
});
