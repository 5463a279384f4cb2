import { invariant } from '../../ground/check.ts';
import type { BertWeights, Linear } from '../model/weights.ts';
import { frozenLinear } from '../operations/frozen-linear.ts';
import type { LinearName, Operations } from '../operations/operations.ts';
import { attention, attentionBackward } from './attention.ts';
import { embed } from './embed.ts';
import type { FloatArray } from './float-array.ts';
import { gelu, geluBackward } from './gelu.ts';
import { headBackward, headLogits } from './head.ts';
import { layerNorm, layerNormBackward } from './layer-norm.ts';
import { linear, linearBackward } from './linear.ts';
import { addLora, loraBackward } from './lora.ts';
import { meanPool, meanPoolBackward } from './mean-pool.ts';

type FrozenLayer = Readonly<Record<LinearName, Linear>>;

function freeze(weights: BertWeights): FrozenLayer[] {
  return weights.layers.map((layer) => ({
    queryKeyValue: frozenLinear(layer, 'queryKeyValue'),
    attentionOutput: layer.attentionOutput,
    intermediate: layer.intermediate,
    output: layer.output,
  }));
}

/** The definition of every operation, in plain loops: float64 inside, rounded to `A` when stored. */
export function createReferenceOperationsIn<A extends FloatArray>(allocate: (length: number) => A): Operations<A> {
  let loaded: { readonly weights: BertWeights; readonly linears: readonly FrozenLayer[] } | null = null;
  const state = () => {
    invariant(loaded !== null, 'weights are loaded before any operation');
    return loaded;
  };
  const norm = (layer: number, name: 'attentionNorm' | 'outputNorm') => state().weights.layers[layer]![name];
  const shape = () => state().weights.shape;
  /** Allocates [length], lets `write` fill it, and returns it. */
  const filled = (length: number, write: (out: A) => void): A => {
    const out = allocate(length);
    write(out);
    return out;
  };

  return {
    backend: 'reference',
    device: 'TypeScript',
    load(weights) {
      loaded = { weights, linears: freeze(weights) };
    },
    upload: (values) => filled(values.length, (out) => out.set(values)),
    download: (buffer, length) => Promise.resolve(Float32Array.from(buffer.subarray(0, length))),
    release: () => undefined,
    sequences: (offsets) => ({ offsets, handle: null }),
    releaseSequences: () => undefined,
    zeros: allocate,
    dispose: () => undefined,

    embed: (ids, { offsets }) => filled(ids.length * shape().width, (y) => embed(ids, offsets, state().weights, y)),
    linear(layer, name, x, tokens, residual) {
      const map = state().linears[layer]![name];
      return filled(tokens * map.weight.rows, (y) => linear(x, map, y, residual));
    },
    linearBackward(layer, name, dy, tokens, residual) {
      const { weight } = state().linears[layer]![name];
      return filled(tokens * weight.columns, (dx) => linearBackward(dy, weight, dx, residual));
    },
    layerNorm: (layer, name, x, tokens) => filled(tokens * shape().width, (y) => layerNorm(x, norm(layer, name), shape().layerNormEpsilon, y)),
    layerNormBackward: (layer, name, dy, x, tokens) =>
      filled(tokens * shape().width, (dx) => layerNormBackward(dy, x, norm(layer, name), shape().layerNormEpsilon, dx)),
    gelu: (x, length) => filled(length, (y) => gelu(x, y)),
    geluBackward: (dy, x, length) => filled(length, (dx) => geluBackward(dy, x, dx)),
    attention(qkv, { offsets }) {
      const { width, heads } = shape();
      return filled(offsets.at(-1)! * width, (context) => attention(qkv, offsets, width, heads, context));
    },
    attentionBackward(qkv, context, dContext, { offsets }) {
      const { width, heads } = shape();
      return filled(offsets.at(-1)! * 3 * width, (dQkv) => attentionBackward(qkv, context, dContext, offsets, width, heads, dQkv));
    },
    addLora: (x, theta, pair, y, tokens) => filled(tokens * pair.rank, (u) => addLora(x, theta, pair, y, u)),
    loraBackward: (x, u, dy, theta, pair, gradients, parameters, { offsets }, dx) => loraBackward(x, u, dy, theta, pair, gradients, parameters, offsets, dx),
    meanPool: (x, { offsets }) => filled((offsets.length - 1) * shape().width, (pooled) => meanPool(x, offsets, shape().width, pooled)),
    meanPoolBackward: (dPooled, { offsets }) => filled(offsets.at(-1)! * shape().width, (dx) => meanPoolBackward(dPooled, offsets, shape().width, dx)),
    headLogits: (pooled, theta, offsetWeight, offsetBias, classes, rows) =>
      filled(rows * classes, (logits) => headLogits(pooled, theta, { offsetWeight, offsetBias, classes }, shape().width, logits)),
    headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, classes, gradients, parameters, rows) {
      const losses = allocate(rows);
      const dPooled = allocate(rows * shape().width);
      headBackward(pooled, logits, labels, theta, { offsetWeight, offsetBias, classes }, shape().width, gradients, parameters, losses, dPooled);
      return { losses, dPooled };
    },
  };
}

/** The reference backend in float32, as the other backends store their values. */
export function createReferenceOperations(): Operations<Float32Array> {
  return createReferenceOperationsIn((length) => new Float32Array(length));
}
