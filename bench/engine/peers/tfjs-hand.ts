import * as tf from '@tensorflow/tfjs-core';
import type { LayerParameters } from '../workload/flat-gradient.ts';
import type { TapeShape } from './tfjs-tape.ts';
import type { TensorLayer, TensorNorm } from './tfjs-model.ts';

/** A layer's weights with the copies that make every product of the backward pass a plain one. */
export interface HandLayer {
  readonly forward: TensorLayer;
  readonly queryKeyValue: tf.Tensor2D;
  readonly queryKeyValueBias: tf.Tensor1D;
  readonly queryKeyValueT: tf.Tensor2D;
  readonly attentionOutputT: tf.Tensor2D;
  readonly intermediateT: tf.Tensor2D;
  readonly outputT: tf.Tensor2D;
}

export function handLayer(forward: TensorLayer): HandLayer {
  const { query, key, value } = forward;
  const queryKeyValue = tf.concat([query.weight, key.weight, value.weight], 1);
  return {
    forward,
    queryKeyValue,
    queryKeyValueBias: tf.concat([query.bias, key.bias, value.bias]),
    queryKeyValueT: tf.transpose(queryKeyValue),
    attentionOutputT: tf.transpose(forward.attentionOutput.weight),
    intermediateT: tf.transpose(forward.intermediate.weight),
    outputT: tf.transpose(forward.output.weight),
  };
}

interface NormTape {
  readonly normal: tf.Tensor2D;
  readonly inverse: tf.Tensor;
}

/** What a layer keeps for its backward pass; all kept tensors, so that they can be given back. */
interface Tape {
  readonly x: tf.Tensor2D;
  readonly q: tf.Tensor;
  readonly k: tf.Tensor;
  readonly v: tf.Tensor;
  readonly probabilities: tf.Tensor;
  readonly attention: NormTape;
  readonly before: tf.Tensor;
  readonly cdf: tf.Tensor;
  readonly output: NormTape;
  readonly uq: tf.Tensor | null;
  readonly uv: tf.Tensor | null;
}

function norm(x: tf.Tensor2D, { weight, bias }: TensorNorm, epsilon: number): { y: tf.Tensor2D; tape: NormTape } {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
  const normal: tf.Tensor2D = tf.mul(centred, inverse);
  return { y: tf.add(tf.mul(normal, weight), bias), tape: { normal, inverse } };
}

function normBackward(dy: tf.Tensor2D, { normal, inverse }: NormTape, { weight }: TensorNorm): tf.Tensor2D {
  const d = tf.mul(dy, weight);
  const along = tf.mul(normal, tf.mean(tf.mul(d, normal), -1, true));
  return tf.mul(tf.sub(tf.sub(d, tf.mean(d, -1, true)), along), inverse);
}

/**
 * LoRA's forward and backward pass with every derivative written by hand over stock tfjs operations: no tape, no transposed product where a copy of the weights avoids it.
 * The fastest that tfjs-wasm can be made without kernels of one's own; all parameters per example, [B, ...].
 */
export class HandModel {
  constructor(
    private readonly layers: readonly HandLayer[],
    private readonly owned: readonly (LayerParameters | null)[],
    private readonly parameters: readonly tf.Tensor[],
    private readonly shape: TapeShape,
  ) {}

  /** Gradients of every trainable tensor, per example: [B, ...]. Shapes: x [B S, D] after the embedding's norm, labels one-hot [B, C]. */
  gradients(x: tf.Tensor2D, labels: tf.Tensor2D): tf.Tensor[] {
    const tapes: Tape[] = [];
    let hidden = x;
    for (let index = 0; index < this.layers.length; index++) {
      const { y, tape } = this.#forward(index, hidden);
      tapes.push(tape);
      hidden = y;
    }
    const found: tf.Tensor[] = new Array(this.parameters.length);
    let dy = this.#head(hidden, labels, found);
    if (hidden !== x) hidden.dispose();
    const lowest = this.owned.findIndex((own) => own !== null);
    for (let index = this.layers.length - 1; index >= lowest; index--) {
      const dx = this.#backward(index, dy, tapes[index]!, found, index > lowest);
      dy.dispose();
      this.#forget(tapes[index]!, x);
      if (dx) dy = dx;
    }
    for (let index = 0; index < lowest; index++) this.#forget(tapes[index]!, x);
    return found;
  }

  #lora(x: tf.Tensor2D, a: number, b: number): { u: tf.Tensor; added: tf.Tensor2D } {
    const { B, S, D, scaling } = this.shape;
    const u = tf.matMul(tf.reshape(x, [B, S, D]), this.parameters[a]!, false, true);
    return { u, added: tf.mul(tf.reshape<tf.Rank.R2>(tf.matMul(u, this.parameters[b]!, false, true), [B * S, D]), scaling) };
  }

  #forward(index: number, x: tf.Tensor2D): { y: tf.Tensor2D; tape: Tape } {
    const { B, S, D, heads, epsilon } = this.shape;
    const { forward, queryKeyValue, queryKeyValueBias } = this.layers[index]!;
    const own = this.owned[index];
    const kept: Tape[] = [];
    const y = tf.tidy(() => {
      const joined = tf.fused.matMul({ a: x, b: queryKeyValue, bias: queryKeyValueBias });
      const parts = tf.split(joined, 3, 1);
      let [query, value] = [parts[0]!, parts[2]!];
      const key = parts[1]!;
      let [uq, uv]: [tf.Tensor | null, tf.Tensor | null] = [null, null];
      if (own) {
        const q = this.#lora(x, own.queryA, own.queryB);
        const v = this.#lora(x, own.valueA, own.valueB);
        [uq, uv] = [q.u, v.u];
        query = tf.add(query, q.added);
        value = tf.add(value, v.added);
      }
      const split = (part: tf.Tensor) => tf.transpose(tf.reshape(part, [B, S, heads, D / heads]), [0, 2, 1, 3]);
      const [q, k, v] = [tf.mul(split(query), 1 / Math.sqrt(D / heads)), split(key), split(value)];
      const probabilities = tf.softmax(tf.matMul(q, k, false, true));
      const context = tf.reshape<tf.Rank.R2>(tf.transpose(tf.matMul(probabilities, v), [0, 2, 1, 3]), [B * S, D]);
      const attention = norm(tf.add<tf.Tensor2D>(x, tf.fused.matMul({ a: context, b: forward.attentionOutput.weight, bias: forward.attentionOutput.bias })), forward.attentionNorm, epsilon);
      const before = tf.fused.matMul({ a: attention.y, b: forward.intermediate.weight, bias: forward.intermediate.bias });
      const cdf = tf.mul(tf.add(tf.erf(tf.mul(before, Math.SQRT1_2)), 1), 0.5);
      const output = norm(tf.add<tf.Tensor2D>(attention.y, tf.fused.matMul({ a: tf.mul(before, cdf), b: forward.output.weight, bias: forward.output.bias })), forward.outputNorm, epsilon);
      const tape: Tape = { x, q, k, v, probabilities, attention: attention.tape, before, cdf, output: output.tape, uq, uv };
      for (const tensor of tensorsOf(tape)) tf.keep(tensor);
      kept.push(tape);
      return output.y;
    });
    return { y, tape: kept[0]! };
  }

  /** Logits, losses and the head's gradients; returns dx [B S, D]. */
  #head(hidden: tf.Tensor2D, labels: tf.Tensor2D, found: tf.Tensor[]): tf.Tensor2D {
    const { B, S, D } = this.shape;
    const weight = this.parameters.at(-2)!;
    const bias = this.parameters.at(-1)!;
    const classes = labels.shape[1];
    const [dWeight, dBias, dx] = tf.tidy((): [tf.Tensor, tf.Tensor, tf.Tensor2D] => {
      const pooled = tf.mean(tf.reshape(hidden, [B, S, D]), 1);
      const logits = tf.add(tf.sum(tf.mul(tf.reshape(pooled, [B, 1, D]), weight), 2), bias);
      const error: tf.Tensor2D = tf.sub(tf.softmax(logits), labels);
      const column = tf.reshape(error, [B, classes, 1]);
      const dPooled = tf.sum(tf.mul(column, weight), 1);
      const spread = tf.tile(tf.reshape(tf.div(dPooled, S), [B, 1, D]), [1, S, 1]);
      return [tf.mul(column, tf.reshape(pooled, [B, 1, D])), error, tf.reshape<tf.Rank.R2>(spread, [B * S, D])];
    });
    found[found.length - 2] = dWeight;
    found[found.length - 1] = dBias;
    return dx;
  }

  #backward(index: number, dy: tf.Tensor2D, tape: Tape, found: tf.Tensor[], wantsInput: boolean): tf.Tensor2D | null {
    const { B, S, D, heads, scaling } = this.shape;
    const { forward, queryKeyValueT, attentionOutputT, intermediateT, outputT } = this.layers[index]!;
    const own = this.owned[index];
    const made = tf.tidy((): tf.Tensor2D[] => {
      const dOutputSum = normBackward(dy, tape.output, forward.outputNorm);
      const density = tf.mul(tf.exp(tf.mul(tf.square(tape.before), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      const dBefore: tf.Tensor2D = tf.mul(tf.matMul(dOutputSum, outputT), tf.add(tape.cdf, tf.mul(tape.before, density)));
      const dAttended: tf.Tensor2D = tf.add(dOutputSum, tf.matMul(dBefore, intermediateT));
      const dAttentionSum = normBackward(dAttended, tape.attention, forward.attentionNorm);
      const dContext = tf.transpose(tf.reshape(tf.matMul(dAttentionSum, attentionOutputT), [B, S, heads, D / heads]), [0, 2, 1, 3]);
      const dV = tf.matMul(tape.probabilities, dContext, true, false);
      const weighted = tf.mul(tf.matMul(dContext, tape.v, false, true), tape.probabilities);
      const dScores = tf.sub(weighted, tf.mul(tape.probabilities, tf.sum(weighted, -1, true)));
      const merge = (part: tf.Tensor): tf.Tensor2D => tf.reshape<tf.Rank.R2>(tf.transpose(part, [0, 2, 1, 3]), [B * S, D]);
      const dQuery: tf.Tensor2D = tf.mul(merge(tf.matMul(dScores, tape.k)), 1 / Math.sqrt(D / heads));
      const dValue = merge(dV);
      const adapters: tf.Tensor2D[] = [];
      if (own) {
        for (const [d, u, a, b] of [[dQuery, tape.uq!, own.queryA, own.queryB], [dValue, tape.uv!, own.valueA, own.valueB]] as const) {
          const rows = tf.reshape(d, [B, S, D]);
          const du = tf.mul(tf.matMul(rows, this.parameters[b]!), scaling);
          found[a] = tf.keep(tf.matMul(du, tf.reshape(tape.x, [B, S, D]), true, false));
          found[b] = tf.keep(tf.mul(tf.matMul(rows, u, true, false), scaling));
          if (wantsInput) adapters.push(tf.reshape<tf.Rank.R2>(tf.matMul(du, this.parameters[a]!), [B * S, D]));
        }
      }
      if (!wantsInput) return [];
      const dKey = merge(tf.matMul(dScores, tape.q, true, false));
      const dx: tf.Tensor2D = tf.add(dAttentionSum, tf.matMul(tf.concat([dQuery, dKey, dValue], 1), queryKeyValueT));
      return [adapters.reduce((sum, part) => tf.add(sum, part), dx)];
    });
    return made[0] ?? null;
  }

  #forget(tape: Tape, input: tf.Tensor2D): void {
    for (const tensor of tensorsOf(tape)) if (tensor !== input) tensor.dispose();
  }
}

function tensorsOf({ x, q, k, v, probabilities, attention, before, cdf, output, uq, uv }: Tape): tf.Tensor[] {
  const tensors: (tf.Tensor | null)[] = [x, q, k, v, probabilities, attention.normal, attention.inverse, before, cdf, output.normal, output.inverse, uq, uv];
  return tensors.filter((tensor) => tensor !== null);
}
