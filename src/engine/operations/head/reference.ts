import type { FloatArray } from '../../reference/float-array.ts';

/** The linear head inside theta: W [C, D] at `offsetWeight`, b [C] at `offsetBias`. */
export interface HeadPlace {
  readonly offsetWeight: number;
  readonly offsetBias: number;
  readonly classes: number;
}

/** logits = pooled · Wᵀ + b. Shapes: pooled [B, D], logits [B, C]. */
export function headLogits(pooled: FloatArray, theta: FloatArray, { offsetWeight, offsetBias, classes }: HeadPlace, width: number, logits: FloatArray): void {
  for (let b = 0; b < logits.length / classes; b++) {
    for (let c = 0; c < classes; c++) {
      let dot = theta[offsetBias + c]!;
      for (let d = 0; d < width; d++) dot += pooled[b * width + d]! * theta[offsetWeight + c * width + d]!;
      logits[b * classes + c] = dot;
    }
  }
}

/**
 * loss = logsumexp(logits) - logits[label]; with e = softmax(logits) - onehot(label): dW = e pooledᵀ, db = e, dPooled = Wᵀ e.
 * Shapes: pooled, dPooled [B, D], logits [B, C], losses [B], gradients [B, P].
 */
export function headBackward(
  pooled: FloatArray, logits: FloatArray, labels: Int32Array, theta: FloatArray, { offsetWeight, offsetBias, classes }: HeadPlace,
  width: number, gradients: FloatArray, parameters: number, losses: FloatArray, dPooled: FloatArray,
): void {
  for (let b = 0; b < losses.length; b++) {
    const row = Float64Array.from(logits.subarray(b * classes, (b + 1) * classes));
    const maximum = Math.max(...row);
    const sum = row.reduce((total, logit) => total + Math.exp(logit - maximum), 0);
    const label = labels[b]!;
    losses[b] = maximum + Math.log(sum) - row[label]!;
    const error = row.map((logit, c) => Math.exp(logit - maximum) / sum - (c === label ? 1 : 0));
    for (let d = 0; d < width; d++) {
      let back = 0;
      for (let c = 0; c < classes; c++) {
        back += error[c]! * theta[offsetWeight + c * width + d]!;
        gradients[b * parameters + offsetWeight + c * width + d] = error[c]! * pooled[b * width + d]!;
      }
      dPooled[b * width + d] = back;
    }
    gradients.set(error, b * parameters + offsetBias);
  }
}
