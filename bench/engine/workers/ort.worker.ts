/** ONNX Runtime Web: the forward pass of the file that `bert-onnx.ts` writes; variant is the file's name. */
import type { InferenceSession } from 'onnxruntime-web';
import wasmUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import asyncifyUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import { paddedRows, withoutPadding } from '../workload/padded.ts';
import { countGpuCalls } from '../../../src/shell/gpu-counts.ts';
import { fetchBytes, serve } from './serve.ts';

serve(async ({ backend, variant, step, weights }) => {
  const count = countGpuCalls();
  const ort = backend === 'wasm' ? await import('onnxruntime-web/wasm') : await import('onnxruntime-web/webgpu');
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { wasm: new URL(backend === 'wasm' ? wasmUrl : asyncifyUrl, self.location.href).href };
  const session: InferenceSession = await ort.InferenceSession.create(await fetchBytes(`onnx/${variant}.onnx`), { executionProviders: [backend], graphOptimizationLevel: 'all' });
  const { ids, mask, shape } = paddedRows(step.rows);
  return {
    device: `ONNX Runtime Web ${ort.env.versions.web ?? ''} ${backend}, 1 thread`,
    counts: () => ({ ...(count?.() ?? {}) }),
    tasks: {
      async forward() {
        const given = { input_ids: new ort.Tensor('int64', ids, shape), attention_mask: new ort.Tensor('int64', mask, shape) };
        const { last_hidden_state: hidden } = await session.run(given);
        if (!(hidden?.data instanceof Float32Array)) throw new Error('The file gave no last_hidden_state in float32.');
        return withoutPadding(hidden.data, step.rows, weights.shape.width);
      },
    },
  };
});
