import type { VariantQuestion } from '../../webgpu/variant-question.ts';
import { linear, linearThreads, linearTiles, type LinearTile } from './webgpu.ts';

/** The largest product of MiniLM's layers, over one micro-batch of short notes. */
const [K, N, tokens] = [384, 1536, 256];

/** How many tokens a thread of the int8 products takes: few fill a device with little work, many read each weight less often. */
export const linearTileQuestion: VariantQuestion<LinearTile> = {
  candidates: linearTiles,
  kernelsOf: (tile) => [linear(K, N, tile)],
  trial(device) {
    const inputs = { x: device.upload(new Float32Array(tokens * K).fill(0.5)), weight: device.upload(new Int32Array((K * N) / 4).fill(0x01010101)), scale: device.upload(new Float32Array(N).fill(1)), bias: device.upload(new Float32Array(N)) };
    const output = device.allocate(tokens * N);
    return {
      buffers: [...Object.values(inputs), output],
      launch: (tile) => device.run(linear(K, N, tile), { inputs, uniforms: { tokens }, threads: linearThreads(N, tokens, tile), output }),
    };
  },
};
