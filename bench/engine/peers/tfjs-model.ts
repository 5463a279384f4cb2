import * as tf from '@tensorflow/tfjs-core';
import type { FloatLayer, FloatLinear, FloatModel } from '../workload/float-model.ts';
import type { PeerParameter } from '../workload/flat-gradient.ts';

/** Weights of one map as tensors; transposed copies where the hand-written backward pass wants them (tfjs-wasm is fast only at plain products). */
export interface TensorLinear {
  readonly weight: tf.Tensor2D;
  readonly bias: tf.Tensor1D;
}

export type TensorLayer = Readonly<Record<'query' | 'key' | 'value' | 'attentionOutput' | 'intermediate' | 'output', TensorLinear>> & {
  readonly attentionNorm: TensorNorm;
  readonly outputNorm: TensorNorm;
};

export interface TensorNorm {
  readonly weight: tf.Tensor1D;
  readonly bias: tf.Tensor1D;
}

const linear = ({ K, N, weight, bias }: FloatLinear): TensorLinear => ({ weight: tf.tensor2d(weight, [K, N]), bias: tf.tensor1d(bias) });
const norm = ({ weight, bias }: FloatModel['embeddingNorm']): TensorNorm => ({ weight: tf.tensor1d(weight), bias: tf.tensor1d(bias) });

export function tensorLayer(layer: FloatLayer): TensorLayer {
  return {
    query: linear(layer.query), key: linear(layer.key), value: linear(layer.value), attentionOutput: linear(layer.attentionOutput),
    attentionNorm: norm(layer.attentionNorm), intermediate: linear(layer.intermediate), output: linear(layer.output), outputNorm: norm(layer.outputNorm),
  };
}

export { norm as tensorNorm };

/** Every trainable tensor once for each of B examples, so that its gradient comes out per example: [B, ...shape]. */
export function perExample(parameters: readonly PeerParameter[], rows: number): tf.Tensor[] {
  return parameters.map(({ values, shape }) => tf.tidy(() => tf.tile(tf.tensor(values, [1, ...shape]), [rows, ...shape.map(() => 1)])));
}

/** Sum over examples of their gradients, each cut to norm `clipNorm`: [P]. Shapes: each gradient [B, ...]. */
export function clippedSum(gradients: readonly tf.Tensor[], rows: number, clipNorm: number): tf.Tensor1D {
  return tf.tidy(() => {
    const flat = tf.concat(gradients.map((gradient) => tf.reshape(gradient, [rows, -1])), 1);
    const norms = tf.sqrt(tf.sum(tf.square(flat), 1));
    const factors = tf.minimum(1, tf.div(clipNorm, norms));
    return tf.reshape(tf.matMul(tf.reshape(factors, [1, rows]), flat), [-1]);
  });
}
