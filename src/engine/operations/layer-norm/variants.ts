import { rowThreads, rowWays, type RowWay } from '../../webgpu/row-way.ts';
import type { VariantQuestion } from '../../webgpu/variant-question.ts';
import { layerNorm, layerNormBackward } from './webgpu.ts';

/** The norms of MiniLM over one micro-batch of short notes. */
const [width, tokens] = [384, 256];

/** Who goes through a row of the norms: one thread fills a device with few tokens least, many have to meet. */
export const normRowsQuestion: VariantQuestion<RowWay> = {
  candidates: rowWays,
  needs: { subgroups: 'subgroups' },
  kernelsOf: (way) => [layerNorm(width, way), layerNormBackward(width, way)],
  trial(device) {
    const [gain, bias] = [device.upload(new Float32Array(width).fill(1)), device.upload(new Float32Array(width))];
    const x = device.upload(Float32Array.from({ length: tokens * width }, (_, i) => (i % 7) - 3));
    const output = device.allocate(tokens * width);
    return {
      buffers: [gain, bias, x, output],
      launch(way) {
        const threads = rowThreads(way, tokens);
        device.run(layerNorm(width, way), { inputs: { x, gain, bias }, uniforms: { epsilon: 1e-12 }, threads, output });
        device.run(layerNormBackward(width, way), { inputs: { dy: x, x, gain }, uniforms: { epsilon: 1e-12 }, threads, output });
      },
    };
  },
};
