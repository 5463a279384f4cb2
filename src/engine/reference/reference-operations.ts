import { invariant } from '../../ground/check.ts';
import type { BertWeights, Linear } from '../model/weights.ts';
import { frozenLinear } from '../operations/linear/frozen-linear.ts';
import type { LinearName } from '../operations/linear/contract.ts';
import type { Operations } from '../operations/operations.ts';
import { attention, attentionBackward } from '../operations/attention/reference.ts';
import { hostClippedSums } from '../operations/clipped-sum/reference.ts';
import { referenceDense } from '../operations/dense/reference.ts';
import { embed } from '../operations/embed/reference.ts';
import type { FloatArray } from './float-array.ts';
import { gelu, geluBackward } from '../operations/gelu/reference.ts';
import { headBackward, headLogits } from '../operations/head/reference.ts';
import { roundedToHalves } from '../operations/kept/reference.ts';
import { layerNorm, layerNormBackward } from '../operations/layer-norm/reference.ts';
import { linear, linearBackward } from '../operations/linear/reference.ts';
import { addLora, loraBackward } from '../operations/lora/reference.ts';
import { meanPool, meanPoolBackward } from '../operations/mean-pool/reference.ts';

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
    write: (buffer, values) => buffer.set(values),
    steps: null,
    download: (buffer, length) => Promise.resolve(Float32Array.from(buffer.subarray(0, length))),
    release: () => undefined,
    sequences: (offsets) => ({ offsets, handle: null }),
    releaseSequences: () => undefined,
    zeros: allocate,
    dispose: () => undefined,
    dense: referenceDense(allocate),

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
    addLora(x, theta, pairs, y, tokens) {
      const size = tokens * pairs[0].rank;
      return filled(pairs.length * size, (u) => pairs.forEach((pair, p) => addLora(x, theta, pair, y, u.subarray(p * size, (p + 1) * size))));
    },
    loraBackward(x, u, dy, theta, pairs, gradients, parameters, { offsets }, dx) {
      const size = offsets.at(-1)! * pairs[0].rank;
      pairs.forEach((pair, p) => loraBackward(x, u.subarray(p * size, (p + 1) * size), dy, theta, pair, gradients, parameters, offsets, dx));
    },
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
    keepHalves: (buffers, lengths) => ({
      whole: allocate(0),
      parts: buffers.map((buffer, i) => filled(lengths[i]!, (kept) => kept.set(roundedToHalves(buffer.subarray(0, lengths[i]!))))),
    }),
    clippedSums: (parameters, grid) => hostClippedSums(parameters, grid, (buffer, length) => buffer.subarray(0, length)),
  };
}

/** The reference backend in float32, as the other backends store their values. */
export function createReferenceOperations(): Operations<Float32Array> {
  return createReferenceOperationsIn((length) => new Float32Array(length));
}
