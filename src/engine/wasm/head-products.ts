import { invariant } from '../../ground/check.ts';
import type { WasmModule } from './module.ts';

/** The two products of a head over many rows of cached features; their definitions are plain loops, whose bits these are on either build. */
export interface WasmHeadProducts {
  /** W [x, biasInput] of each row, each a float32 sum over the inputs in their order. Shapes: features [rows, D], weights [C, D + 1]; result [rows, C]. */
  headLogits(features: Float32Array, rows: number, weights: Float32Array, classes: number, biasInput: number): Float32Array;
  /**
   * Adds residual xᵀ of each named row to `total` [C, inputs]. Shapes: values [N, inputs], residuals [rows, C].
   * Values and residuals of the rows are integers of 16 bits, and the sum of magnitudes of the products of one place of `total` is below 2^31.
   */
  addOuterProducts(total: Float64Array, products: { readonly values: Float32Array; readonly inputs: number; readonly rows: readonly number[]; readonly residuals: Float64Array; readonly classes: number }): void;
}

/** Rows of features that lie in memory at a time: 150 KB of a width of 768. */
const logitRows = 48;
/** Rows that are woven at a time; their panel of eight inputs, 2 KB, is read once for every six classes. */
const sumRows = 128;

/** Takes scratch of `module`'s memory for the length of a call. */
export function createHeadProducts({ kernels, memory }: WasmModule): WasmHeadProducts {
  /** Blocks for one piece of work, given back after it. */
  function within<Result>(sizes: readonly number[], work: (pointers: readonly number[]) => Result): Result {
    const pointers = sizes.map((bytes) => memory.allocate(bytes));
    try {
      return work(pointers);
    } finally {
      for (const pointer of pointers) memory.release(pointer);
    }
  }

  return {
    headLogits(features, rows, weights, classes, biasInput) {
      const length = weights.length / classes - 1;
      invariant(Number.isInteger(length) && length > 0 && features.length === rows * length, 'head weights are [C, D + 1]');
      const panels = Math.ceil(classes / 8);
      const logits = new Float32Array(rows * classes);
      return within([logitRows * length * 4, panels * (length + 1) * 32, logitRows * panels * 32], ([x, w, y]) => {
        const panelled = memory.floats(w!, panels * (length + 1) * 8).fill(0);
        for (let c = 0; c < classes; c++) {
          const from = c * (length + 1);
          const to = (c >> 3) * (length + 1) * 8 + (c & 7);
          for (let k = 0; k <= length; k++) panelled[to + 8 * k] = weights[from + k]!;
        }
        const some = memory.floats(x!, logitRows * length);
        const results = memory.floats(y!, logitRows * panels * 8);
        for (let first = 0; first < rows; first += logitRows) {
          const count = Math.min(logitRows, rows - first);
          some.set(features.subarray(first * length, (first + count) * length));
          kernels.headLogits(count, length, panels, x!, w!, biasInput, y!);
          for (let row = 0; row < count; row++) {
            const from = row * panels * 8;
            const to = (first + row) * classes;
            for (let c = 0; c < classes; c++) logits[to + c] = results[from + c]!;
          }
        }
        return logits;
      });
    },

    addOuterProducts(total, { values, inputs, rows, residuals, classes }) {
      const panels = Math.ceil(inputs / 8);
      const tiles = Math.ceil(classes / 6);
      const [width, height] = [panels * 8, tiles * 6];
      within([sumRows * width * 4, sumRows * width * 2, sumRows * height * 2, height * width * 4], ([x, woven, r, sum]) => {
        const some = memory.floats(x!, sumRows * width);
        // Both of a pair's residuals in one integer. Columns and rows of the sum beyond the last gather what lies there, and are not read.
        const pairs = memory.integers(r!, (sumRows / 2) * height);
        const sums = memory.integers(sum!, height * width).fill(0);
        for (let first = 0; first < rows.length; first += sumRows) {
          const count = Math.min(sumRows, rows.length - first);
          for (let k = 0; k < count; k++) {
            const from = rows[first + k]! * inputs;
            some.set(values.subarray(from, from + inputs), k * width);
          }
          for (let k = 0; k < count; k += 2) {
            const even = (first + k) * classes;
            const to = (k / 2) * height;
            // Nothing comes after the last of an odd number.
            if (k + 1 < count) for (let c = 0; c < classes; c++) pairs[to + c] = (residuals[even + c]! & 0xffff) | (residuals[even + classes + c]! << 16);
            else for (let c = 0; c < classes; c++) pairs[to + c] = residuals[even + c]! & 0xffff;
          }
          const pairCount = Math.ceil(count / 2);
          kernels.weavePairs(pairCount, panels, x!, woven!);
          kernels.addPairs(pairCount, panels, tiles, woven!, r!, sum!);
        }
        for (let c = 0; c < classes; c++) for (let j = 0; j < inputs; j++) total[c * inputs + j]! += sums[c * width + j]!;
      });
    },
  };
}
