import type { Proportion } from '../metrics/classification.ts';
import { wilsonInterval } from '../ground/statistics.ts';

/** Exact score on the held-out rows. */
export interface HeldOutScore {
  readonly accuracy: Proportion;
  /** Mean cross entropy; null where nothing is held out. */
  readonly lossNats: number | null;
}

/** Index of the largest entry of row `row`; the first of equals. */
export function largestIndex(logits: Float32Array, row: number, classes: number): number {
  let best = 0;
  for (let c = 1; c < classes; c++) if (logits[row * classes + c]! > logits[row * classes + best]!) best = c;
  return best;
}

/** Accuracy with its Wilson interval, and mean cross entropy. Shapes: logits [rows, C], labels [rows]. */
export function scoreLogits(logits: Float32Array, labels: readonly number[], classes: number): HeldOutScore {
  let hits = 0;
  let loss = 0;
  labels.forEach((label, row) => {
    if (largestIndex(logits, row, classes) === label) hits++;
    let largest = -Infinity;
    for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[row * classes + c]!);
    let total = 0;
    for (let c = 0; c < classes; c++) total += Math.exp(logits[row * classes + c]! - largest);
    loss += largest + Math.log(total) - logits[row * classes + label]!;
  });
  const { low, high } = wilsonInterval(hits, labels.length);
  return { accuracy: { count: hits, total: labels.length, value: labels.length ? hits / labels.length : null, low, high }, lossNats: labels.length ? loss / labels.length : null };
}
