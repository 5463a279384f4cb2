/** Cross-entropy of row `row` of logits [rows, C] under `label`, in nats and float64. */
export function lossOf(logits: Float32Array, row: number, classes: number, label: number): number {
  const at = row * classes;
  let largest = -Infinity;
  for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[at + c]!);
  let total = 0;
  for (let c = 0; c < classes; c++) total += Math.exp(logits[at + c]! - largest);
  return largest + Math.log(total) - logits[at + label]!;
}

/** By how much a label's logit stands above the mean of the others'. Unlike the loss it does not saturate, and is linear in the weights. */
export function marginOf(logits: Float32Array, row: number, classes: number, label: number): number {
  const at = row * classes;
  let others = 0;
  for (let c = 0; c < classes; c++) if (c !== label) others += logits[at + c]!;
  return logits[at + label]! - others / (classes - 1);
}
