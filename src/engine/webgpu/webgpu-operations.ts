import { invariant } from '../../ground/check.ts';
import type { LoraPair, Operations } from '../operations/operations.ts';
import type { DeviceBuffer, GpuDevice } from './device.ts';
import { frozenBuffers, loadFrozenWeights, type FrozenLinear, type FrozenWeights } from './frozen-weights.ts';
import type { Kernel } from './kernel.ts';
import { attention, attentionBackwardKeyValue, attentionBackwardQuery, attentionStatistics } from './kernels/attention.ts';
import { embed } from './kernels/embed.ts';
import { fill } from './kernels/fill.ts';
import { gelu, geluBackward } from './kernels/gelu.ts';
import { crossEntropy, crossEntropyBackward, headBackward, headGradients, headLogits } from './kernels/head.ts';
import { layerNorm, layerNormBackward } from './kernels/layer-norm.ts';
import { linear, linearBackward, linearBackwardThreads, linearBackwardWithResidual, linearThreads, linearWithResidual } from './kernels/linear.ts';
import { loraDown, loraDownBackward, loraGradientA, loraGradientB, loraUp, loraUpBackward } from './kernels/lora.ts';
import { meanPool, meanPoolBackward } from './kernels/mean-pool.ts';
import { SequenceBuffer, sequenceBufferOf, sequenceNumbers } from './sequence-buffer.ts';

/** The fused operations as WGSL kernels on a device. `dispose` releases their buffers; the device stays with whoever acquired it. */
export function createWebGpuOperations(device: GpuDevice): Operations<DeviceBuffer> {
  let loaded: FrozenWeights | null = null;

  function frozen(): FrozenWeights {
    invariant(loaded !== null, 'the weights are loaded before an operation runs');
    return loaded;
  }

  /** Launches a kernel into a new buffer of `length` float32. */
  function launched<Input extends string, Uniform extends string>(
    kernel: Kernel<Input, Uniform>, length: number, threads: number,
    inputs: Readonly<Record<Input, DeviceBuffer>>, uniforms: Readonly<Record<Uniform, number>>,
  ): DeviceBuffer {
    const output = device.allocate(length);
    device.run(kernel, { inputs, uniforms, threads, output });
    return output;
  }

  function release(...buffers: readonly DeviceBuffer[]): void {
    for (const buffer of buffers) device.release(buffer);
  }

  const width = () => frozen().shape.width;
  const epsilon = () => frozen().shape.layerNormEpsilon;
  const uniformsOf = ({ rank, offsetA, offsetB, outputColumn, scaling }: LoraPair) => ({ rank, offsetA, offsetB, column4: outputColumn / 4, scaling });

  function applyLinear({ N, K, weight, scale, bias }: FrozenLinear, x: DeviceBuffer, tokens: number, residual?: DeviceBuffer): DeviceBuffer {
    const inputs = { x, weight, scale, bias };
    const threads = linearThreads(N, tokens);
    return residual
      ? launched(linearWithResidual(K, N), tokens * N, threads, { ...inputs, residual }, { tokens })
      : launched(linear(K, N), tokens * N, threads, inputs, { tokens });
  }

  function applyLinearBackward({ N, K, weight, scale }: FrozenLinear, dy: DeviceBuffer, tokens: number, residual?: DeviceBuffer): DeviceBuffer {
    const inputs = { dy, weight, scale };
    const threads = linearBackwardThreads(K, tokens);
    return residual
      ? launched(linearBackwardWithResidual(K, N), tokens * K, threads, { ...inputs, residual }, { tokens })
      : launched(linearBackward(K, N), tokens * K, threads, inputs, { tokens });
  }

  return {
    backend: 'webgpu',
    device: device.name,

    load(weights) {
      loaded = loadFrozenWeights(device, weights);
    },

    upload: (values) => device.upload(values),
    download: (buffer, length) => device.download(buffer, length),
    release,

    sequences(offsets) {
      const rows = offsets.length - 1;
      return { offsets, handle: new SequenceBuffer(device.upload(sequenceNumbers(offsets)), rows, offsets[rows]!) };
    },
    releaseSequences: (sequences) => release(sequenceBufferOf(sequences).buffer),

    embed(ids, made) {
      const { buffer: sequences, rows, tokens } = sequenceBufferOf(made);
      const { word, wordScale, position, embeddingNorm } = frozen();
      const uploaded = device.upload(ids);
      const y = launched(embed(width()), tokens * width(), tokens, { ids: uploaded, sequences, word, wordScale, position, ...embeddingNorm }, { rows, epsilon: epsilon() });
      release(uploaded);
      return y;
    },

    linear: (layer, name, x, tokens, residual) => applyLinear(frozen().layers[layer]![name], x, tokens, residual),
    linearBackward: (layer, name, dy, tokens, residual) => applyLinearBackward(frozen().layers[layer]![name], dy, tokens, residual),

    layerNorm: (layer, name, x, tokens) =>
      launched(layerNorm(width()), tokens * width(), tokens, { x, ...frozen().layers[layer]![name] }, { epsilon: epsilon() }),
    layerNormBackward: (layer, name, dy, x, tokens) =>
      launched(layerNormBackward(width()), tokens * width(), tokens, { dy, x, gain: frozen().layers[layer]![name].gain }, { epsilon: epsilon() }),

    gelu: (x, length) => launched(gelu, length, Math.ceil(length / 4), { x }, {}),
    geluBackward: (dy, x, length) => launched(geluBackward, length, Math.ceil(length / 4), { dy, x }, {}),

    attention(qkv, made) {
      const { shape } = frozen();
      const { buffer: sequences, rows, tokens } = sequenceBufferOf(made);
      return launched(attention(shape), tokens * shape.width, tokens * shape.heads, { qkv, sequences }, { tokens, rows });
    },

    attentionBackward(qkv, context, dContext, made) {
      const { shape } = frozen();
      const { buffer: sequences, rows, tokens } = sequenceBufferOf(made);
      const threads = tokens * shape.heads;
      const uniforms = { tokens, rows };
      const statistics = launched(attentionStatistics(shape), 2 * threads, threads, { qkv, context, dContext, sequences }, uniforms);
      const inputs = { qkv, dContext, statistics, sequences };
      const dQkv = launched(attentionBackwardQuery(shape), tokens * 3 * shape.width, threads, inputs, uniforms);
      device.run(attentionBackwardKeyValue(shape), { inputs, uniforms, threads, output: dQkv });
      release(statistics);
      return dQkv;
    },

    addLora(x, theta, pair, y, tokens) {
      const { inputWidth: K, outputWidth: N, outputStride, rank } = pair;
      const uniforms = uniformsOf(pair);
      const u = launched(loraDown(K), tokens * rank, tokens * rank, { x, theta }, uniforms);
      device.run(loraUp(N, outputStride), { inputs: { u, theta }, uniforms, threads: (tokens * N) / 4, output: y });
      return u;
    },

    loraBackward(x, u, dy, theta, pair, gradients, parameters, made, dx) {
      const { inputWidth: K, outputWidth: N, outputStride, rank } = pair;
      const { buffer: sequences, rows, tokens } = sequenceBufferOf(made);
      const uniforms = { ...uniformsOf(pair), parameters };
      const v = launched(loraUpBackward(N, outputStride), tokens * rank, tokens * rank, { dy, theta }, uniforms);
      device.run(loraGradientA(K), { inputs: { v, x, sequences }, uniforms, threads: (rows * rank * K) / 4, output: gradients });
      device.run(loraGradientB(N, outputStride), { inputs: { u, dy, sequences }, uniforms, threads: (rows * rank * N) / 4, output: gradients });
      if (dx) device.run(loraDownBackward(K), { inputs: { v, theta }, uniforms, threads: (tokens * K) / 4, output: dx });
      release(v);
    },

    meanPool(x, made) {
      const { buffer: sequences, rows } = sequenceBufferOf(made);
      return launched(meanPool(width()), rows * width(), (rows * width()) / 4, { x, sequences }, {});
    },
    meanPoolBackward(dPooled, made) {
      const { buffer: sequences, rows, tokens } = sequenceBufferOf(made);
      return launched(meanPoolBackward(width()), tokens * width(), (tokens * width()) / 4, { dPooled, sequences }, { rows });
    },

    headLogits: (pooled, theta, offsetWeight, offsetBias, classes, rows) =>
      launched(headLogits(width()), rows * classes, rows * classes, { pooled, theta }, { classes, offsetWeight, offsetBias }),

    headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, classes, gradients, parameters, rows) {
      const D = width();
      const uniforms = { classes, offsetWeight, offsetBias, parameters };
      const labelBuffer = device.upload(labels);
      const losses = launched(crossEntropy, rows, rows, { logits, labels: labelBuffer }, { classes });
      const error = launched(crossEntropyBackward, rows * classes, rows * classes, { logits, labels: labelBuffer }, { classes });
      const dPooled = launched(headBackward(D), rows * D, rows * D, { error, theta }, uniforms);
      device.run(headGradients(D), { inputs: { error, pooled }, uniforms, threads: rows * classes * D, output: gradients });
      release(labelBuffer, error);
      return { losses, dPooled };
    },

    zeros(length) {
      const buffer = device.allocate(length);
      device.run(fill, { inputs: {}, uniforms: { value: 0 }, threads: buffer.capacity / 4, output: buffer });
      return buffer;
    },

    dispose() {
      if (loaded) release(...frozenBuffers(loaded));
      loaded = null;
      device.purge();
    },
  };
}
