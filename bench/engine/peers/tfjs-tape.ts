import * as tf from '@tensorflow/tfjs-core';
import type { LayerParameters } from '../workload/flat-gradient.ts';
import type { TensorLayer, TensorLinear, TensorNorm } from './tfjs-model.ts';

/** Sizes of a batch of equal rows. */
export interface TapeShape {
  readonly B: number;
  readonly S: number;
  readonly D: number;
  readonly heads: number;
  readonly epsilon: number;
  readonly scaling: number;
}

const affine = (x: tf.Tensor2D, { weight, bias }: TensorLinear): tf.Tensor2D => tf.add(tf.matMul(x, weight), bias);

export function tapeNorm(x: tf.Tensor, { weight, bias }: TensorNorm, epsilon: number): tf.Tensor2D {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), weight), bias);
}

/** x of norm and gelu in stock operations: the exact (erf) form. */
const gelu = (x: tf.Tensor2D): tf.Tensor2D => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));

/** One encoder layer in stock operations, as one would write it for `tf.grads`. Shapes: x [B S, D]; parameters [B, R, D] and [B, D, R]. */
function layer(x: tf.Tensor2D, weights: TensorLayer, own: LayerParameters | null, parameters: readonly tf.Tensor[], { B, S, D, heads, epsilon, scaling }: TapeShape): tf.Tensor2D {
  const split = (y: tf.Tensor): tf.Tensor => tf.transpose(tf.reshape(y, [B, S, heads, D / heads]), [0, 2, 1, 3]);
  const lora = (a: number, b: number): tf.Tensor2D => {
    const u = tf.matMul(tf.reshape(x, [B, S, D]), parameters[a]!, false, true);
    return tf.mul(tf.reshape<tf.Rank.R2>(tf.matMul(u, parameters[b]!, false, true), [B * S, D]), scaling);
  };
  let query = affine(x, weights.query);
  let value = affine(x, weights.value);
  if (own) {
    query = tf.add(query, lora(own.queryA, own.queryB));
    value = tf.add(value, lora(own.valueA, own.valueB));
  }
  const scores = tf.mul(tf.matMul(split(query), split(affine(x, weights.key)), false, true), 1 / Math.sqrt(D / heads));
  const context = tf.reshape<tf.Rank.R2>(tf.transpose(tf.matMul(tf.softmax(scores), split(value)), [0, 2, 1, 3]), [B * S, D]);
  const attended = tapeNorm(tf.add(x, affine(context, weights.attentionOutput)), weights.attentionNorm, epsilon);
  return tapeNorm(tf.add(attended, affine(gelu(affine(attended, weights.intermediate)), weights.output)), weights.outputNorm, epsilon);
}

/** Sum of the cross-entropy losses of B examples, head on the mean of the last layer. Shapes: x [B S, D] embeddings after their norm, labels one-hot [B, C]. */
export function tapeLoss(x: tf.Tensor2D, labels: tf.Tensor2D, layers: readonly TensorLayer[], owned: readonly (LayerParameters | null)[], parameters: readonly tf.Tensor[], shape: TapeShape): tf.Scalar {
  const { B, S, D } = shape;
  let hidden = x;
  layers.forEach((weights, index) => (hidden = layer(hidden, weights, owned[index] ?? null, parameters, shape)));
  const pooled = tf.mean(tf.reshape(hidden, [B, S, D]), 1);
  const weight = parameters.at(-2)!;
  const bias = parameters.at(-1)!;
  const logits = tf.add(tf.sum(tf.mul(tf.reshape(pooled, [B, 1, D]), weight), 2), bias);
  return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), labels)));
}
