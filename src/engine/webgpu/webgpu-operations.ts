import { invariant } from '../../ground/check.ts';
import type { BertShape } from '../model/weights.ts';
import type { Rehearsal } from '../operations/buffers/planned-steps.ts';
import type { LoraPairs } from '../operations/lora/contract.ts';
import type { Operations } from '../operations/operations.ts';
import { StepRecorder, type StepTrace } from '../step-trace.ts';
import { createGpuClippedSums } from './clipped-sums.ts';
import { createWebGpuDense } from './dense.ts';
import type { DeviceBuffer, LaunchDevice } from './device.ts';
import { DryDevice } from './dry-device.ts';
import { frozenBuffers, frozenPlaces, loadFrozenWeights, type FrozenLinear, type FrozenWeights } from './frozen-weights.ts';
import type { Kernel, Stored } from './kernel.ts';
import { plainVariants, type KernelVariants } from './kernel-variants.ts';
import { launchCost } from './launch-cost.ts';
import { attention, attentionBackwardKeyValue, attentionBackwardQuery, attentionStatistics } from '../operations/attention/webgpu.ts';
import { attentionThreads } from '../operations/attention/webgpu-way.ts';
import { embed } from '../operations/embed/webgpu.ts';
import { fill } from './fill.ts';
import { gelu, geluBackward } from '../operations/gelu/webgpu.ts';
import { crossEntropy, crossEntropyBackward, headBackward, headGradients, headLogits } from '../operations/head/webgpu.ts';
import { packHalves } from '../operations/kept/webgpu.ts';
import { layerNorm, layerNormBackward } from '../operations/layer-norm/webgpu.ts';
import { linear, linearBackward, linearBackwardThreads, linearBackwardWithResidual, linearThreads, linearWithResidual } from '../operations/linear/webgpu.ts';
import { loraDown, loraDownBackward, loraGradients, loraUp, loraUpBackward } from '../operations/lora/webgpu.ts';
import { meanPool, meanPoolBackward } from '../operations/mean-pool/webgpu.ts';
import { rowThreads } from './row-way.ts';
import { SteppedDevice } from './stepped-device.ts';
import { SequenceBuffer, sequenceBufferOf, sequenceNumbers } from './sequence-buffer.ts';

/** The buffers of a step on an encoder of that shape, and what it holds beside; sizes in numbers of four bytes. */
export async function rehearseOnWebGpu(shape: BertShape, rehearsal: Rehearsal): Promise<StepTrace> {
  const recorder = new StepRecorder();
  const device = new DryDevice(recorder);
  await rehearsal(createWebGpuOperations(device, plainVariants, frozenPlaces(device, shape)), recorder);
  return recorder.trace();
}

/** How a buffer that a layer may have kept in half its bytes is read. */
function storedIn({ halvesFrom }: DeviceBuffer): Stored {
  return halvesFrom === undefined ? 'vec4f' : 'vec4h';
}

/** The fused operations as WGSL kernels on a device, in the variants that are fastest on it. `dispose` releases their buffers; the device stays with whoever acquired it. */
export function createWebGpuOperations(launchDevice: LaunchDevice, variants: KernelVariants = plainVariants, places: FrozenWeights | null = null): Operations<DeviceBuffer> {
  const { linearTile: tile, normRows, attentionKeys } = variants;
  const device = new SteppedDevice(launchDevice);
  let loaded = places;

  function frozen(): FrozenWeights {
    invariant(loaded !== null, 'the weights are loaded before an operation runs');
    return loaded;
  }

  /** Launches a kernel into a new buffer of `length` float32; it costs as much as going over those where it does not say. */
  function launched<Input extends string, Uniform extends string>(
    kernel: Kernel<Input, Uniform>, length: number, threads: number,
    inputs: Readonly<Record<Input, DeviceBuffer>>, uniforms: Readonly<Record<Uniform, number>>, multiplyAdds = launchCost.numbers(length),
  ): DeviceBuffer {
    const output = device.allocate(length);
    device.run(kernel, { inputs, uniforms, threads, output, multiplyAdds });
    return output;
  }

  function release(...buffers: readonly DeviceBuffer[]): void {
    for (const buffer of buffers) device.release(buffer);
  }

  const width = () => frozen().shape.width;
  const epsilon = () => frozen().shape.layerNormEpsilon;

  /** What the kernels of adapters are told of the pairs beside one map. */
  function uniformsOf(pairs: LoraPairs, tokens: number) {
    const [{ rank, offsetA, offsetB, outputColumn, scaling }, second] = pairs;
    const [offsetStep, columnStep] = second ? [second.offsetA - offsetA, second.outputColumn - outputColumn] : [0, 0];
    for (const [p, pair] of pairs.entries()) {
      invariant(pair.offsetA === offsetA + p * offsetStep && pair.offsetB === offsetB + p * offsetStep && pair.outputColumn === outputColumn + p * columnStep, 'the pairs beside a map lie one step apart');
    }
    return { pairs: pairs.length, tokens, rank, offsetA, offsetB, offsetStep, column4: outputColumn / 4, columnStep4: columnStep / 4, scaling };
  }

  function applyLinear({ N, K, weight, scale, bias }: FrozenLinear, x: DeviceBuffer, tokens: number, residual?: DeviceBuffer): DeviceBuffer {
    const inputs = { x, weight, scale, bias };
    const threads = linearThreads(N, tokens, tile);
    const cost = launchCost.linear(tokens, K, N);
    return residual
      ? launched(linearWithResidual(K, N, tile), tokens * N, threads, { ...inputs, residual }, { tokens }, cost)
      : launched(linear(K, N, tile), tokens * N, threads, inputs, { tokens }, cost);
  }

  function applyLinearBackward({ N, K, weight, scale }: FrozenLinear, dy: DeviceBuffer, tokens: number, residual?: DeviceBuffer): DeviceBuffer {
    const inputs = { dy, weight, scale };
    const threads = linearBackwardThreads(K, tokens, tile);
    const cost = launchCost.linearBackward(tokens, K, N);
    return residual
      ? launched(linearBackwardWithResidual(K, N, tile), tokens * K, threads, { ...inputs, residual }, { tokens }, cost)
      : launched(linearBackward(K, N, tile), tokens * K, threads, inputs, { tokens }, cost);
  }

  return {
    backend: 'webgpu',
    device: device.name,

    load(weights) {
      loaded = loadFrozenWeights(device, weights);
    },

    upload: (values) => device.upload(values),
    write: (buffer, values) => device.write(buffer, values),
    steps: {
      rehearse: (rehearsal) => rehearseOnWebGpu(frozen().shape, rehearsal),
      layout: (traces) => device.layout(traces),
      get heldBytes() {
        return device.bytesInUse;
      },
      // No device says how much it has.
      limitBytes: Infinity,
      get largestBufferBytes() {
        return device.largestBufferBytes;
      },
      get unplannedBuffers() {
        return device.unplannedBuffers;
      },
    },
    download: (buffer, length) => device.download(buffer, length),
    release,

    sequences(offsets) {
      return { offsets, handle: new SequenceBuffer(device.upload(sequenceNumbers(offsets)), offsets) };
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
      launched(layerNorm(width(), normRows, storedIn(x)), tokens * width(), rowThreads(normRows, tokens), { x, ...frozen().layers[layer]![name] }, { epsilon: epsilon() }),
    layerNormBackward: (layer, name, dy, x, tokens) =>
      launched(layerNormBackward(width(), normRows, storedIn(x)), tokens * width(), rowThreads(normRows, tokens), { dy, x, gain: frozen().layers[layer]![name].gain }, { epsilon: epsilon() }),

    gelu: (x, length) => launched(gelu(storedIn(x)), length, Math.ceil(length / 4), { x }, {}),
    geluBackward: (dy, x, length) => launched(geluBackward(storedIn(x)), length, Math.ceil(length / 4), { dy, x }, {}),

    attention(qkv, made) {
      const { shape } = frozen();
      const { buffer: sequences, rows, tokens, tokenPairs } = sequenceBufferOf(made);
      return launched(attention(shape, attentionKeys), tokens * shape.width, attentionThreads(attentionKeys, tokens * shape.heads), { qkv, sequences }, { tokens, rows }, launchCost.attention(tokenPairs, shape.width, 2));
    },

    attentionBackward(qkv, context, dContext, made) {
      const { shape } = frozen();
      const { buffer: sequences, rows, tokens, tokenPairs } = sequenceBufferOf(made);
      const items = tokens * shape.heads;
      const threads = attentionThreads(attentionKeys, items);
      const stored = storedIn(qkv);
      const uniforms = { tokens, rows };
      const cost = (passes: number) => launchCost.attentionBackward(tokenPairs, shape.width, passes);
      const statistics = launched(attentionStatistics(shape, attentionKeys, stored), 2 * items, threads, { qkv, context, dContext, sequences }, uniforms, cost(1));
      const inputs = { qkv, dContext, statistics, sequences };
      const dQkv = launched(attentionBackwardQuery(shape, attentionKeys, stored), tokens * 3 * shape.width, threads, inputs, uniforms, cost(3));
      device.run(attentionBackwardKeyValue(shape, attentionKeys, stored), { inputs, uniforms, threads, output: dQkv, multiplyAdds: cost(4) });
      release(statistics);
      return dQkv;
    },

    addLora(x, theta, pairs, y, tokens) {
      const { inputWidth: K, outputWidth: N, outputStride, rank } = pairs[0];
      const uniforms = uniformsOf(pairs, tokens);
      const uLength = pairs.length * tokens * rank;
      const cost = (columns: number) => launchCost.lora(pairs.length * tokens, rank, columns);
      const u = launched(loraDown(K), uLength, uLength, { x, theta }, uniforms, cost(K));
      device.run(loraUp(N, outputStride), { inputs: { u, theta }, uniforms, threads: (pairs.length * tokens * N) / 4, output: y, multiplyAdds: cost(N) });
      return u;
    },

    loraBackward(x, u, dy, theta, pairs, gradients, parameters, made, dx) {
      const { inputWidth: K, outputWidth: N, outputStride, rank } = pairs[0];
      const { buffer: sequences, rows, tokens } = sequenceBufferOf(made);
      const uniforms = { ...uniformsOf(pairs, tokens), rows, parameters };
      const vLength = pairs.length * tokens * rank;
      const cost = (columns: number) => launchCost.lora(pairs.length * tokens, rank, columns);
      const v = launched(loraUpBackward(N, outputStride), vLength, vLength, { dy, theta }, uniforms, cost(N));
      device.run(loraGradients(K, N, outputStride, storedIn(x)), { inputs: { v, x, u, dy, sequences }, uniforms, threads: (pairs.length * rows * rank * (K + N)) / 4, output: gradients, multiplyAdds: cost(K + N) });
      if (dx) device.run(loraDownBackward(K), { inputs: { v, theta }, uniforms, threads: (tokens * K) / 4, output: dx, multiplyAdds: cost(K) });
      release(v);
    },

    meanPool(x, made) {
      const { buffer: sequences, rows, tokens } = sequenceBufferOf(made);
      return launched(meanPool(width()), rows * width(), (rows * width()) / 4, { x, sequences }, {}, launchCost.numbers(tokens * width()));
    },
    meanPoolBackward(dPooled, made) {
      const { buffer: sequences, rows, tokens } = sequenceBufferOf(made);
      return launched(meanPoolBackward(width()), tokens * width(), (tokens * width()) / 4, { dPooled, sequences }, { rows });
    },

    headLogits: (pooled, theta, offsetWeight, offsetBias, classes, rows) =>
      launched(headLogits(width()), rows * classes, rows * classes, { pooled, theta }, { classes, offsetWeight, offsetBias }, launchCost.numbers(rows * classes * width())),

    headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, classes, gradients, parameters, rows) {
      const D = width();
      const uniforms = { classes, offsetWeight, offsetBias, parameters };
      const labelBuffer = device.upload(labels);
      const losses = launched(crossEntropy, rows, rows, { logits, labels: labelBuffer }, { classes }, launchCost.numbers(rows * classes));
      const error = launched(crossEntropyBackward, rows * classes, rows * classes, { logits, labels: labelBuffer }, { classes }, launchCost.numbers(rows * classes * classes));
      const multiplyAdds = launchCost.numbers(rows * classes * D);
      const dPooled = launched(headBackward(D), rows * D, rows * D, { error, theta }, uniforms, multiplyAdds);
      device.run(headGradients(D), { inputs: { error, pooled }, uniforms, threads: rows * classes * D, output: gradients, multiplyAdds });
      release(labelBuffer, error);
      return { losses, dPooled };
    },

    dense: createWebGpuDense(device),
    clippedSums: (parameters, grid, maximumRows) => createGpuClippedSums(device, parameters, grid, maximumRows),

    keepHalves(buffers, lengths) {
      const ends: number[] = [];
      for (const length of lengths) ends.push((ends.at(-1) ?? 0) + length / 4);
      const fours = ends.at(-1)!;
      const whole = device.allocate(2 * fours, 'int32');
      const named = <Value>(name: string, values: readonly Value[]) => Object.fromEntries(values.map((value, i) => [`${name}${i}`, value]));
      device.run(packHalves(buffers.length), { inputs: named('part', buffers), uniforms: named('end', ends), threads: fours, output: whole, multiplyAdds: launchCost.numbers(4 * fours) });
      return { whole, parts: lengths.map((length, i) => ({ dataId: whole.dataId, type: whole.type, capacity: length, halvesFrom: ends[i]! - length / 4 })) };
    },

    zeros(length) {
      const buffer = device.allocate(length);
      device.run(fill, { inputs: {}, uniforms: { value: 0 }, threads: buffer.capacity / 4, output: buffer });
      return buffer;
    },

    dispose() {
      device.releaseArena();
      if (loaded) release(...frozenBuffers(loaded));
      loaded = null;
      device.purge();
    },
  };
}
