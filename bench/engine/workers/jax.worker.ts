/** jax-js: the same step as `jit` of clipped `vmap(grad)`. */
import * as jax from '@jax-js/jax';
import { layerParameters, oneHot, peerParameters, type LayerParameters } from '../workload/flat-gradient.ts';
import { embeddedRows, floatModel, type FloatLinear } from '../workload/float-model.ts';
import { classes, clipNorm } from '../workload/step-work.ts';
import type { LayerNorm } from '../../../src/engine/model/weights.ts';
import { countGpuCalls } from '../../../src/shell/gpu-counts.ts';
import { serve } from './serve.ts';

const np = jax.numpy;
const array = (values: Float32Array, shape: readonly number[]) => np.array(values, { shape });

interface JaxLinear {
  readonly weight: jax.Array;
  readonly bias: jax.Array;
}

const linear = ({ K, N, weight, bias }: FloatLinear): JaxLinear => ({ weight: array(weight, [K, N]), bias: array(bias, [N]) });
const norm = ({ weight, bias }: LayerNorm): JaxLinear => ({ weight: array(weight, [weight.length]), bias: array(bias, [bias.length]) });

const affine = (x: jax.Array, { weight, bias }: JaxLinear): jax.Array => np.matmul(x, weight.ref).add(bias.ref);

function layerNorm(x: jax.Array, { weight, bias }: JaxLinear, epsilon: number): jax.Array {
  const centred = x.ref.sub(x.mean(-1, { keepdims: true }));
  const variance = np.square(centred.ref).mean(-1, { keepdims: true });
  return centred.mul(np.reciprocal(np.sqrt(variance.add(epsilon)))).mul(weight.ref).add(bias.ref);
}

serve(async ({ backend, weights, step }) => {
  const count = countGpuCalls();
  const available = await jax.init(backend);
  if (!available.includes(backend)) throw new Error(`jax-js has no ${backend} here.`);
  jax.defaultDevice(backend);
  const { width: D, heads, layerNormEpsilon: epsilon } = weights.shape;
  const model = floatModel(weights);
  const rows = step.rows.length;
  const S = step.rows[0]!.length;
  const { alpha, rank } = step.adapter.lora!;
  const scaling = alpha / rank;
  const embeddingNorm = norm(model.embeddingNorm);
  const layers = model.layers.map((layer) => ({
    query: linear(layer.query), key: linear(layer.key), value: linear(layer.value), attentionOutput: linear(layer.attentionOutput),
    attentionNorm: norm(layer.attentionNorm), intermediate: linear(layer.intermediate), output: linear(layer.output), outputNorm: norm(layer.outputNorm),
  }));
  const flat = peerParameters(step);
  const owned = layerParameters(flat, model);

  /** [S, D] to [heads, S, D / heads]. */
  const split = (y: jax.Array) => y.reshape([S, heads, D / heads]).transpose([1, 0, 2]);

  function encoderLayer(x: jax.Array, layer: (typeof layers)[number], own: LayerParameters | null, parameters: jax.Array[]): jax.Array {
    const lora = (a: number, b: number) => np.matmul(np.matmul(x.ref, parameters[a]!.transpose()), parameters[b]!.transpose()).mul(scaling);
    let query = affine(x.ref, layer.query);
    let value = affine(x.ref, layer.value);
    const key = affine(x.ref, layer.key);
    if (own) {
      query = query.add(lora(own.queryA, own.queryB));
      value = value.add(lora(own.valueA, own.valueB));
    }
    const scores = np.matmul(split(query), split(key).transpose([0, 2, 1])).mul(1 / Math.sqrt(D / heads));
    const context = np.matmul(jax.nn.softmax(scores, -1), split(value)).transpose([1, 0, 2]).reshape([S, D]);
    const attended = layerNorm(x.add(affine(context, layer.attentionOutput)), layer.attentionNorm, epsilon);
    const activated = jax.nn.gelu(affine(attended.ref, layer.intermediate), { approximate: false });
    return layerNorm(attended.add(affine(activated, layer.output)), layer.outputNorm, epsilon);
  }

  /** Loss of one example. Shapes: x [S, D], label one-hot [C]. Every parameter is used once and so given away. */
  function loss(parameters: jax.Array[], x: jax.Array, label: jax.Array): jax.Array {
    let hidden = layerNorm(x, embeddingNorm, epsilon);
    layers.forEach((layer, index) => (hidden = encoderLayer(hidden, layer, owned[index] ?? null, parameters)));
    const logits = np.matmul(parameters.at(-2)!, hidden.mean(0)).add(parameters.at(-1)!);
    return jax.nn.logSoftmax(logits).mul(label).sum().mul(-1);
  }

  const gradients = jax.vmap(jax.grad(loss), [null, 0, 0]);
  const clipped = jax.jit((parameters: jax.Array[], x: jax.Array, labels: jax.Array): jax.Array => {
    const matrix = np.concatenate(gradients(parameters, x, labels).map((gradient) => gradient.reshape([rows, -1])), 1);
    const norms = np.sqrt(np.square(matrix.ref).sum(1));
    const factors = np.minimum(1, np.reciprocal(norms).mul(clipNorm));
    return np.matmul(factors.reshape([1, rows]), matrix).reshape([-1]);
  });
  const x = array(embeddedRows(weights, step.rows), [rows, S, D]);
  const labels = array(oneHot(step.labels, classes), [rows, classes]);
  return {
    device: `jax-js ${backend}`,
    counts: () => ({ ...(count?.() ?? {}) }),
    tasks: {
      async step() {
        const parameters = flat.map(({ values, shape }) => array(values.slice(), shape));
        return clipped(parameters, x.ref, labels.ref).data();
      },
    },
  };
});
