/**
 * Cross entropy of one row in float64: returns the loss in nats and writes softmax(logits) - onehot(label).
 * Shapes: logits, dLogits [C]. The host's exp and log are as exact as the kernels', and a head is small.
 */
export function crossEntropy(logits: Float32Array, label: number, dLogits: Float32Array): number {
  const largest = logits.reduce((found, logit) => Math.max(found, logit), -Infinity);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  for (let c = 0; c < logits.length; c++) dLogits[c] = Math.exp(logits[c]! - largest) / sum - (c === label ? 1 : 0);
  return Math.log(sum) + largest - logits[label]!;
}
