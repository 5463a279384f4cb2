/** tfjs as it comes: the tape, or a backward pass written by hand over its stock operations. */
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import * as tf from '@tensorflow/tfjs-core';
import wasmUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threadedUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { layerParameters, oneHot, peerParameters } from '../workload/flat-gradient.ts';
import { embeddedRows, floatModel } from '../workload/float-model.ts';
import { classes, clipNorm } from '../workload/step-work.ts';
import { handLayer, HandModel } from '../peers/tfjs-hand.ts';
import { clippedSum, perExample, tensorLayer, tensorNorm } from '../peers/tfjs-model.ts';
import { tapeLoss, tapeNorm, type TapeShape } from '../peers/tfjs-tape.ts';
import { countGpuCalls } from '../../../src/shell/gpu-counts.ts';
import { serve } from './serve.ts';

async function openBackend(name: 'wasm' | 'webgpu'): Promise<void> {
  if (name === 'wasm') {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const at = (url: string) => new URL(url, self.location.href).href;
    setWasmPaths({ 'tfjs-backend-wasm.wasm': at(wasmUrl), 'tfjs-backend-wasm-simd.wasm': at(simdUrl), 'tfjs-backend-wasm-threaded-simd.wasm': at(threadedUrl) });
  } else await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend(name))) throw new Error(`tfjs has no backend ${name} here.`);
  await tf.ready();
}

serve(async ({ backend, weights, step, variant }) => {
  const count = countGpuCalls();
  await openBackend(backend);
  const { shape: bert } = weights;
  const model = floatModel(weights);
  const rows = step.rows.length;
  const shape: TapeShape = { B: rows, S: step.rows[0]!.length, D: bert.width, heads: bert.heads, epsilon: bert.layerNormEpsilon, scaling: step.adapter.lora!.alpha / step.adapter.lora!.rank };
  const layers = model.layers.map(tensorLayer);
  const embeddingNorm = tensorNorm(model.embeddingNorm);
  const embedded = tf.tensor2d(embeddedRows(weights, step.rows), [rows * shape.S, shape.D]);
  const labels = tf.tensor2d(oneHot(step.labels, classes), [rows, classes]);
  const flat = peerParameters(step);
  const owned = layerParameters(flat, model);
  const hand = variant === 'hand' ? layers.map(handLayer) : null;
  const read = async (tensor: tf.Tensor): Promise<Float32Array> => {
    const values = await tensor.data();
    tensor.dispose();
    return Float32Array.from(values);
  };
  const compute = {
    async step(): Promise<Float32Array> {
      const parameters = perExample(flat, rows);
      const x = tf.tidy(() => tapeNorm(embedded, embeddingNorm, shape.epsilon));
      const gradients = hand
        ? new HandModel(hand, owned, parameters, shape).gradients(x, labels)
        : tf.grads((...given: tf.Tensor[]) => tapeLoss(x, labels, layers, owned, given, shape))(parameters);
      const sum = clippedSum(gradients, rows, clipNorm);
      for (const tensor of [...parameters, ...gradients, x]) tensor.dispose();
      return read(sum);
    },
  };
  return {
    device: `tfjs ${tf.version_core} ${tf.getBackend()}, ${hand ? 'backward by hand' : 'tape'}`,
    counts: () => ({ ...(count?.() ?? {}), tensorBytes: tf.memory().numBytes, tensors: tf.memory().numTensors }),
    tasks: { step: compute.step },
  };
});
