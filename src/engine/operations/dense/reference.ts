import type { FloatArray } from '../../reference/float-array.ts';
import { layerNorm, layerNormBackward, moments } from '../layer-norm/reference.ts';
import type { DenseMap, DenseNorm, DenseOperations, DenseTables } from './contract.ts';

/** y = x · Wᵀ + b (+ residual). */
function linear(x: FloatArray, theta: FloatArray, { inputWidth: K, outputWidth: N, offsetWeight, offsetBias }: DenseMap, rows: number, y: FloatArray, residual?: FloatArray): void {
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < N; n++) {
      let sum = theta[offsetBias + n]! + (residual ? residual[m * N + n]! : 0);
      for (let k = 0; k < K; k++) sum += x[m * K + k]! * theta[offsetWeight + n * K + k]!;
      y[m * N + n] = sum;
    }
  }
}

/** dx = dy · W (+ residual). */
function linearBackward(dy: FloatArray, theta: FloatArray, { inputWidth: K, outputWidth: N, offsetWeight }: DenseMap, rows: number, dx: FloatArray, residual?: FloatArray): void {
  for (let m = 0; m < rows; m++) {
    for (let k = 0; k < K; k++) {
      let sum = residual ? residual[m * K + k]! : 0;
      for (let n = 0; n < N; n++) sum += dy[m * N + n]! * theta[offsetWeight + n * K + k]!;
      dx[m * K + k] = sum;
    }
  }
}

/** dW += dyᵀ · x; db += column sums of dy. */
function linearGradient(x: FloatArray, dy: FloatArray, { inputWidth: K, outputWidth: N, offsetWeight, offsetBias }: DenseMap, gradient: FloatArray, rows: number): void {
  for (let n = 0; n < N; n++) {
    let bias = 0;
    for (let m = 0; m < rows; m++) bias += dy[m * N + n]!;
    gradient[offsetBias + n]! += bias;
    for (let k = 0; k < K; k++) {
      let sum = 0;
      for (let m = 0; m < rows; m++) sum += dy[m * N + n]! * x[m * K + k]!;
      gradient[offsetWeight + n * K + k]! += sum;
    }
  }
}

function normOf<A extends FloatArray>(theta: A, { width, offsetWeight, offsetBias }: DenseNorm) {
  return { weight: theta.subarray(offsetWeight, offsetWeight + width), bias: theta.subarray(offsetBias, offsetBias + width) };
}

/** With n = (x - mean) * inverse: dweight += sum of dy * n; dbias += sum of dy, over rows. */
function normGradient(dy: FloatArray, x: FloatArray, { width, epsilon, offsetWeight, offsetBias }: DenseNorm, gradient: FloatArray, rows: number): void {
  const sums = new Float64Array(2 * width);
  for (let m = 0; m < rows; m++) {
    const { mean, inverse } = moments(x, m * width, width, epsilon);
    for (let d = 0; d < width; d++) {
      sums[d]! += dy[m * width + d]! * (x[m * width + d]! - mean) * inverse;
      sums[width + d]! += dy[m * width + d]!;
    }
  }
  for (let d = 0; d < width; d++) {
    gradient[offsetWeight + d]! += sums[d]!;
    gradient[offsetBias + d]! += sums[width + d]!;
  }
}

/** The rows of the tables that each token is made of, as offsets in theta. */
export function tableRows(ids: Int32Array, offsets: Int32Array, { width, offsetWords, offsetPositions, offsetTokenTypes }: DenseTables): number[][] {
  const rows: number[][] = [];
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let t = offsets[b]!; t < offsets[b + 1]!; t++) {
      rows.push([offsetWords + ids[t]! * width, offsetPositions + (t - offsets[b]!) * width, ...(offsetTokenTypes === null ? [] : [offsetTokenTypes])]);
    }
  }
  return rows;
}

/** loss = logsumexp(logits) - logits[label]; dLogits = softmax(logits) - onehot(label). */
function crossEntropy(logits: FloatArray, labels: Int32Array, classes: number, losses: FloatArray, dLogits: FloatArray): void {
  for (let b = 0; b < losses.length; b++) {
    const row = Float64Array.from(logits.subarray(b * classes, (b + 1) * classes));
    const maximum = Math.max(...row);
    const sum = row.reduce((total, logit) => total + Math.exp(logit - maximum), 0);
    losses[b] = maximum + Math.log(sum) - row[labels[b]!]!;
    for (let c = 0; c < classes; c++) dLogits[b * classes + c] = Math.exp(row[c]! - maximum) / sum - (c === labels[b] ? 1 : 0);
  }
}

/** The definition of every operation on weights that train, in plain loops. */
export function referenceDense<A extends FloatArray>(allocate: (length: number) => A): DenseOperations<A> {
  const filled = (length: number, write: (out: A) => void): A => {
    const out = allocate(length);
    write(out);
    return out;
  };
  return {
    linear: (x, theta, map, rows, residual) => filled(rows * map.outputWidth, (y) => linear(x, theta, map, rows, y, residual)),
    linearBackward: (dy, theta, map, rows, residual) => filled(rows * map.inputWidth, (dx) => linearBackward(dy, theta, map, rows, dx, residual)),
    linearGradient,
    norm: (x, theta, norm, rows) => filled(rows * norm.width, (y) => layerNorm(x, normOf(theta, norm), norm.epsilon, y)),
    normBackward(dy, x, theta, norm, gradient, rows) {
      normGradient(dy, x, norm, gradient, rows);
      return filled(rows * norm.width, (dx) => layerNormBackward(dy, x, normOf(theta, norm), norm.epsilon, dx));
    },
    embed: (ids, { offsets }, theta, tables) =>
      filled(ids.length * tables.width, (y) => {
        for (const [t, starts] of tableRows(ids, offsets, tables).entries()) {
          for (let d = 0; d < tables.width; d++) y[t * tables.width + d] = starts.reduce((sum, start) => sum + theta[start + d]!, 0);
        }
      }),
    embedBackward(ids, { offsets }, dy, tables, gradient) {
      for (const [t, starts] of tableRows(ids, offsets, tables).entries()) {
        for (const start of starts) for (let d = 0; d < tables.width; d++) gradient[start + d]! += dy[t * tables.width + d]!;
      }
    },
    crossEntropy(logits, labels, classes, rows) {
      const [losses, dLogits] = [allocate(rows), allocate(rows * classes)];
      crossEntropy(logits, labels, classes, losses, dLogits);
      return { losses, dLogits };
    },
  };
}
