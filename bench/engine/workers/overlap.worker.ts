/** Features as the app reads them, the graphics chip busy with the next micro-batch while the host reads one; or, as `apart`, the next only when that one has been read. */
import { GpuDevice } from '../../../src/engine/webgpu/device.ts';
import { openWebGpu } from '../../../src/shell/backend.ts';
import { tokenBatch } from '../../../src/training/row-batches.ts';
import { serve } from './serve.ts';

let reading: Promise<unknown> = Promise.resolve();
const { download } = GpuDevice.prototype;
Object.assign(GpuDevice.prototype, {
  download(this: GpuDevice, ...args: Parameters<GpuDevice['download']>) {
    const values = download.apply(this, args);
    reading = values.catch(() => undefined);
    return values;
  },
});

serve(async ({ variant, weights, step }) => {
  const backend = await openWebGpu();
  const engine = await backend.engine(weights, async () => {
    if (variant === 'apart') await reading;
  });
  return { device: engine.device, tasks: { encode: () => engine.encode(tokenBatch(step.rows), [weights.shape.layers]) } };
});
