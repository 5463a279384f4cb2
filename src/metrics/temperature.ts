import { invariant } from '../ground/check.ts';
import { classCountOf } from './softmax.ts';

const smallest = 0.05;
const greatest = 20;

/**
 * First and second derivative of the mean log loss by the inverse temperature, where the target is the true class by `share` and the others by equal parts of the rest.
 */
function slopes(logits: ArrayLike<number>, trueIndex: ArrayLike<number>, classes: number, inverse: number, share: number): { readonly first: number; readonly second: number } {
  let first = 0;
  let second = 0;
  for (let row = 0; row < trueIndex.length; row++) {
    const start = row * classes;
    let top = -Infinity;
    for (let c = 0; c < classes; c++) top = Math.max(top, logits[start + c]!);
    let sum = 0;
    let mean = 0;
    let square = 0;
    let total = 0;
    for (let c = 0; c < classes; c++) {
      const logit = logits[start + c]! - top;
      const weight = Math.exp(logit * inverse);
      sum += weight;
      mean += weight * logit;
      square += weight * logit * logit;
      total += logit;
    }
    mean /= sum;
    const own = logits[start + trueIndex[row]!]! - top;
    first += mean - (share === 1 ? own : share * own + ((1 - share) * (total - own)) / (classes - 1));
    second += square / sum - mean * mean;
  }
  return { first: first / trueIndex.length, second: second / trueIndex.length };
}

/**
 * The temperature that minimises the log loss of softmax(logits / temperature) (Guo et al., arXiv 1706.04599, section 4.2).
 * The loss is convex in the inverse temperature: Newton's steps, kept inside a shrinking bracket. Within [0.05, 20]; 1 without rows.
 * Where every row is right the loss has no minimum: then each target is its class by (N + 1) / (N + C) alone, as Laplace's rule of succession has it (for two classes Platt 1999, section 2.2),
 * so that sixty right answers are no certainty. Fitted on private rows it is for the owner's eyes.
 * Shapes: logits [N, C] row-major.
 */
export function fitTemperature(logits: ArrayLike<number>, trueIndex: ArrayLike<number>, classes: number): number {
  if (trueIndex.length === 0) return 1;
  invariant(classCountOf(logits, trueIndex) === classes, 'one logit a row and class');
  let low = 1 / greatest;
  let high = 1 / smallest;
  const rows = trueIndex.length;
  const share = classes > 1 && slopes(logits, trueIndex, classes, high, 1).first <= 0 ? (rows + 1) / (rows + classes) : 1;
  if (slopes(logits, trueIndex, classes, low, share).first >= 0) return greatest;
  if (slopes(logits, trueIndex, classes, high, share).first <= 0) return smallest;
  let inverse = 1;
  for (let step = 0; step < 100; step++) {
    const { first, second } = slopes(logits, trueIndex, classes, inverse, share);
    if (first > 0) high = inverse;
    else low = inverse;
    const newton = inverse - first / second;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - inverse) <= 1e-12 * inverse) return 1 / next;
    inverse = next;
  }
  return 1 / inverse;
}
