import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { mulberry32 } from '../../../ground/random.ts';
import type { Linear } from '../../model/weights.ts';
import { integerLimit, integerLinear } from '../../operations/linear/integer-reference.ts';
import { linear } from '../../operations/linear/reference.ts';
import { instantiateKernels, type KernelBinaries, type WasmBuild, type WasmModule } from '../module.ts';

interface Work {
  readonly M: number;
  readonly x: Float32Array;
  readonly map: Linear;
  readonly residual: Float32Array | undefined;
}

function madeUp(M: number, N: number, K: number, seed: number, hasResidual: boolean, value: (random: () => number) => number = (random) => random() - 0.5): Work {
  const random = mulberry32(seed);
  const floats = (length: number) => Float32Array.from({ length }, () => random() - 0.5);
  return {
    M, x: Float32Array.from({ length: M * K }, () => value(random)), residual: hasResidual ? floats(M * N) : undefined,
    map: { weight: { rows: N, columns: K, values: Int8Array.from({ length: N * K }, () => Math.trunc(255 * random() - 127.5)), scales: floats(N) }, bias: floats(N) },
  };
}

function relativeError(found: Float32Array, wanted: Float64Array | Float32Array): number {
  let [error, total] = [0, 0];
  wanted.forEach((value, i) => {
    error += (found[i]! - value) ** 2;
    total += value ** 2;
  });
  return Math.sqrt(error / total);
}

/** Linear maps with inputs rounded to integers, on one build, in Node and in a browser. */
export function describeIntegerLinear(build: WasmBuild, binaries: KernelBinaries): void {
  describe(`linear maps with rounded inputs, ${build} build`, () => {
    let module: WasmModule;
    beforeAll(async () => {
      module = await instantiateKernels(binaries, build);
    });

    function computed({ M, x, map: { weight, bias }, residual }: Work): Float32Array {
      const { kernels, memory } = module;
      const { rows: N, columns: K } = weight;
      const blocks: number[] = [];
      const place = (bytes: number) => {
        blocks.push(memory.allocate(bytes));
        return blocks.at(-1)!;
      };
      const placed = (values: Float32Array) => {
        const pointer = place(values.byteLength);
        memory.floats(pointer, values.length).set(values);
        return pointer;
      };
      const source = place(N * K);
      memory.bytes(source, N * K).set(weight.values);
      const packed = place(N * K);
      kernels.packWeights(N, K, source, packed);
      const y = place(M * N * 4);
      kernels.linearForwardIntegers(M, N, K, placed(x), packed, placed(weight.scales), placed(bias), residual ? placed(residual) : 0, y, place(kernels.integerScratchBytes(K)));
      const result = memory.floats(y, M * N).slice();
      for (const pointer of blocks) memory.release(pointer);
      return result;
    }

    it('give the bits of the twin, of any size and any numbers', () => {
      const size = fc.record({ M: fc.integer({ min: 1, max: 20 }), n: fc.integer({ min: 1, max: 4 }), k: fc.integer({ min: 1, max: 5 }), seed: fc.nat(), hasResidual: fc.boolean() });
      fc.assert(fc.property(size, fc.constantFrom(1, 0, 1e-30, 1e30, NaN, Infinity), ({ M, n, k, seed, hasResidual }, extreme) => {
        const work = madeUp(M, 8 * n, 8 * k, seed, hasResidual, (random) => (random() - 0.5) * (random() < 0.1 ? extreme : 1));
        const wanted = new Float32Array(M * 8 * n);
        integerLinear(work.x, work.map, wanted, work.residual);
        // What a row with something not finite comes to is not finite; which kind does not matter.
        const kinds = (values: Float32Array) => Array.from(values, (value) => (Number.isFinite(value) ? value : 'not finite'));
        expect(kinds(computed(work))).toEqual(kinds(wanted));
      }), { numRuns: 100 });
    });

    it('hold the largest sums that there can be', () => {
      for (const K of [8, 384, 512, 1536, 3072]) {
        const work = madeUp(7, 8, K, 1, false, () => 1);
        for (const weight of [-128, 127]) {
          work.map.weight.values.fill(weight);
          work.map.weight.scales.fill(1);
          work.map.bias.fill(0);
          // All at the limit: the sum is K · limit · 128, just below 2^31 where K is large; what comes out is K times the weight.
          for (const value of computed(work)) expect(Math.abs(value / (weight * K) - 1)).toBeLessThan(1e-6);
        }
        expect(K * integerLimit(K) * 128).toBeLessThan(2 ** 31);
      }
    });

    it('lose little: rows of a normal law, and rows with one value of a hundred times the others', () => {
      for (const K of [384, 1536]) {
        for (const outlier of [1, 100]) {
          const work = madeUp(9, 64, K, 3, false);
          for (let t = 0; t < 9; t++) work.x[t * K + 5]! *= outlier;
          const wanted = new Float64Array(9 * 64);
          linear(work.x, work.map, wanted);
          // Half a step of outlier · largest / limit, uniform, in each input of size 0.29: 6e-5 at K = 1536 without an outlier, a hundred times as much with one.
          expect(relativeError(computed(work), wanted)).toBeLessThan((outlier * 1.5) / integerLimit(K));
        }
      }
    });

    it('are of a row what they are of the row alone, and not a number where it has one', () => {
      const work = madeUp(200, 16, 40, 5, true);
      work.x[3 * 40 + 7] = NaN;
      work.x[4 * 40 + 7] = Infinity;
      const all = computed(work);
      for (const row of [0, 1, 3, 4, 5, 150, 199]) {
        const alone = computed({ ...work, M: 1, x: work.x.slice(row * 40, (row + 1) * 40), residual: work.residual!.slice(row * 16, (row + 1) * 16) });
        expect(all.subarray(row * 16, (row + 1) * 16)).toEqual(alone);
        expect(alone.every(Number.isFinite)).toBe(row !== 3 && row !== 4);
      }
    });
  });
}
