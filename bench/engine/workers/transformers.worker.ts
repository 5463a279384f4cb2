/** transformers.js over ONNX Runtime Web: its feature extraction, on the same file and the same ids. */
import { AutoModel, env, Tensor } from '@xenova/transformers';
import asyncifyUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import { paddedRows, withoutPadding } from '../workload/padded.ts';
import { countGpuCalls } from '../../../src/shell/gpu-counts.ts';
import { serve } from './serve.ts';

serve(async ({ backend, step, weights }) => {
  const count = countGpuCalls();
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = new URL('/transformers/', self.location.href).href;
  env.useBrowserCache = false;
  if (!env.backends.onnx.wasm) throw new Error('transformers.js brought no ONNX Runtime for WebAssembly.');
  env.backends.onnx.wasm.numThreads = 1;
  env.backends.onnx.wasm.wasmPaths = { wasm: new URL(asyncifyUrl, self.location.href).href };
  const model = await AutoModel.from_pretrained('bert', { device: backend, dtype: 'fp32' });
  const { ids, mask, shape } = paddedRows(step.rows);
  return {
    device: `transformers.js ${env.version} ${backend}, 1 thread`,
    counts: () => ({ ...(count?.() ?? {}) }),
    tasks: {
      async forward() {
        const { last_hidden_state: hidden } = await model({ input_ids: new Tensor('int64', ids, shape), attention_mask: new Tensor('int64', mask, shape) });
        return withoutPadding(Float32Array.from(hidden.data), step.rows, weights.shape.width);
      },
    },
  };
});
