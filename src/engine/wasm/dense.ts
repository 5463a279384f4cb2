import type { DenseMap, DenseNorm, DenseOperations } from '../operations/dense/contract.ts';
import { tableRows } from '../operations/dense/reference.ts';
import { crossEntropy } from './cross-entropy.ts';
import type { Kernels } from './kernels.ts';
import type { LinearMemory } from './linear-memory.ts';

const floatBytes = 4;

interface Room {
  /** A new buffer of `length` floats, not cleared. */
  create(length: number): number;
  release(buffer: number): void;
  /** Scratch of a product of that depth. */
  panel(depth: number): number;
}

/**
 * Operations on float32 weights in theta, over the kernels that LoRA and head use. Products are the kernels'; what is of the order
 * of the activations (sums of columns, tables) is looped over here, a hundredth of a step's time.
 */
export function createWasmDense({ kernels, memory }: { readonly kernels: Kernels; readonly memory: Pick<LinearMemory, 'floats'> }, { create, release, panel }: Room): DenseOperations<number> {
  const widths = ({ inputWidth: K, outputWidth: N }: DenseMap) => ({ K, N, inputBytes: K * floatBytes, outputBytes: N * floatBytes });

  /** target[i] += source[i]. */
  function add(target: number, source: number, length: number): void {
    const [into, from] = [memory.floats(target, length), memory.floats(source, length)];
    for (let i = 0; i < length; i++) into[i]! += from[i]!;
  }

  function addColumns(x: number, rows: number, width: number, target: number): void {
    const [from, into] = [memory.floats(x, rows * width), memory.floats(target, width)];
    const sums = new Float64Array(width);
    for (let m = 0; m < rows; m++) for (let d = 0; d < width; d++) sums[d]! += from[m * width + d]!;
    for (let d = 0; d < width; d++) into[d]! += sums[d]!;
  }

  function addNormGradient(dy: number, x: number, { width, epsilon, offsetWeight, offsetBias }: DenseNorm, gradient: number, rows: number): void {
    const [dOut, input, into] = [memory.floats(dy, rows * width), memory.floats(x, rows * width), memory.floats(gradient + offsetWeight * floatBytes, width)];
    const sums = new Float64Array(width);
    for (let m = 0; m < rows; m++) {
      const at = m * width;
      let mean = 0;
      for (let d = 0; d < width; d++) mean += input[at + d]!;
      mean /= width;
      let squares = 0;
      for (let d = 0; d < width; d++) squares += (input[at + d]! - mean) ** 2;
      const inverse = 1 / Math.sqrt(squares / width + epsilon);
      for (let d = 0; d < width; d++) sums[d]! += dOut[at + d]! * (input[at + d]! - mean) * inverse;
    }
    for (let d = 0; d < width; d++) into[d]! += sums[d]!;
    addColumns(dy, rows, width, gradient + offsetBias * floatBytes);
  }

  return {
    linear(x, theta, map, rows, residual) {
      const { K, N, inputBytes, outputBytes } = widths(map);
      const room = panel(K);
      const y = create(rows * N);
      kernels.multiplyByTransposed(
        rows, N, K, x, inputBytes, theta + map.offsetWeight * floatBytes, inputBytes, 1,
        residual ?? 0, residual === undefined ? 0 : outputBytes, theta + map.offsetBias * floatBytes, y, outputBytes, room,
      );
      return y;
    },
    linearBackward(dy, theta, map, rows, residual) {
      const { K, N, inputBytes, outputBytes } = widths(map);
      const room = panel(N);
      const dx = create(rows * K);
      kernels.multiply(rows, K, N, dy, outputBytes, theta + map.offsetWeight * floatBytes, inputBytes, 1, residual ?? 0, residual === undefined ? 0 : inputBytes, dx, inputBytes, room);
      return dx;
    },
    linearGradient(x, dy, map, gradient, rows) {
      const { K, N, inputBytes, outputBytes } = widths(map);
      const room = panel(rows);
      const product = create(N * K);
      kernels.multiplyTransposed(N, K, rows, dy, outputBytes, x, inputBytes, 1, product, inputBytes, room);
      add(gradient + map.offsetWeight * floatBytes, product, N * K);
      release(product);
      addColumns(dy, rows, N, gradient + map.offsetBias * floatBytes);
    },

    norm(x, theta, { width, epsilon, offsetWeight, offsetBias }, rows) {
      const y = create(rows * width);
      kernels.layerNorm(rows, width, x, theta + offsetWeight * floatBytes, theta + offsetBias * floatBytes, epsilon, y);
      return y;
    },
    normBackward(dy, x, theta, norm, gradient, rows) {
      const dx = create(rows * norm.width);
      kernels.layerNormBackward(rows, norm.width, dy, x, theta + norm.offsetWeight * floatBytes, norm.epsilon, dx);
      addNormGradient(dy, x, norm, gradient, rows);
      return dx;
    },

    embed(ids, { offsets }, theta, tables) {
      const { width } = tables;
      const y = create(ids.length * width);
      const into = memory.floats(y, ids.length * width).fill(0);
      for (const [t, starts] of tableRows(ids, offsets, tables).entries()) {
        for (const start of starts) {
          const row = memory.floats(theta + start * floatBytes, width);
          for (let d = 0; d < width; d++) into[t * width + d]! += row[d]!;
        }
      }
      return y;
    },
    embedBackward(ids, { offsets }, dy, tables, gradient) {
      const { width } = tables;
      const from = memory.floats(dy, ids.length * width);
      for (const [t, starts] of tableRows(ids, offsets, tables).entries()) {
        for (const start of starts) {
          const row = memory.floats(gradient + start * floatBytes, width);
          for (let d = 0; d < width; d++) row[d]! += from[t * width + d]!;
        }
      }
    },

    crossEntropy(logits, labels, classes, rows) {
      const losses = create(rows);
      const dLogits = create(rows * classes);
      const row = (buffer: number, b: number) => memory.floats(buffer + b * classes * floatBytes, classes);
      for (let b = 0; b < rows; b++) memory.floats(losses, rows)[b] = crossEntropy(row(logits, b), labels[b]!, row(dLogits, b));
      return { losses, dLogits };
    },
  };
}
