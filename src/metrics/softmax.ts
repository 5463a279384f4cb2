import { invariant } from '../ground/check.ts';

/** Rows of a row-major [N, C] array; both counts follow from the labels. */
export function classCountOf(values: ArrayLike<number>, trueIndex: ArrayLike<number>): number {
  const classes = trueIndex.length === 0 ? 0 : values.length / trueIndex.length;
  invariant(Number.isInteger(classes), 'one value a row and class');
  return classes;
}

/** Softmax of each row of logits / temperature. Shapes: [N, C] row-major in and out. */
export function softmaxRows(logits: ArrayLike<number>, classes: number, temperature = 1): Float64Array {
  const probabilities = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    let greatest = -Infinity;
    for (let c = 0; c < classes; c++) greatest = Math.max(greatest, logits[start + c]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += probabilities[start + c] = Math.exp((logits[start + c]! - greatest) / temperature);
    for (let c = 0; c < classes; c++) probabilities[start + c]! /= sum;
  }
  return probabilities;
}

/**
 * Mean negative log-likelihood of the true class, from logits / temperature: finite where probabilities would round to 0.
 * Shapes: logits [N, C] row-major. Units: nats. NaN without rows.
 */
export function logLossNats(logits: ArrayLike<number>, trueIndex: ArrayLike<number>, temperature = 1): number {
  const classes = classCountOf(logits, trueIndex);
  let total = 0;
  for (let row = 0; row < trueIndex.length; row++) {
    const start = row * classes;
    let greatest = -Infinity;
    for (let c = 0; c < classes; c++) greatest = Math.max(greatest, logits[start + c]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp((logits[start + c]! - greatest) / temperature);
    total += Math.log(sum) - (logits[start + trueIndex[row]!]! - greatest) / temperature;
  }
  return total / trueIndex.length;
}
