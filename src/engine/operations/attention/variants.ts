import { sequenceNumbers } from '../../webgpu/sequence-buffer.ts';
import type { VariantQuestion } from '../../webgpu/variant-question.ts';
import { attentionThreads, attentionWays, type AttentionWay } from './webgpu-way.ts';
import { attention, attentionBackwardKeyValue, attentionBackwardQuery, attentionStatistics } from './webgpu.ts';

/** The heads of MiniLM over one micro-batch of four notes. */
const shape = { width: 384, heads: 12 };
const offsets = Int32Array.of(0, 64, 128, 192, 256);
const [rows, tokens] = [offsets.length - 1, offsets.at(-1)!];

/** Who goes through the keys of a token and head: one thread, or a quad that then adds up. */
export const attentionKeysQuestion: VariantQuestion<AttentionWay> = {
  candidates: attentionWays,
  needs: { quad: 'subgroups' },
  kernelsOf: (way) => [attention(shape, way), attentionStatistics(shape, way), attentionBackwardQuery(shape, way), attentionBackwardKeyValue(shape, way)],
  trial(device) {
    const items = tokens * shape.heads;
    const sequences = device.upload(sequenceNumbers(offsets));
    const qkv = device.upload(Float32Array.from({ length: 3 * tokens * shape.width }, (_, i) => ((i % 7) - 3) / 4));
    const [context, statistics, dQkv] = [device.allocate(tokens * shape.width), device.allocate(2 * items), device.allocate(3 * tokens * shape.width)];
    return {
      buffers: [sequences, qkv, context, statistics, dQkv],
      launch(way) {
        const launch = { uniforms: { tokens, rows }, threads: attentionThreads(way, items) };
        device.run(attention(shape, way), { ...launch, inputs: { qkv, sequences }, output: context });
        device.run(attentionStatistics(shape, way), { ...launch, inputs: { qkv, context, dContext: context, sequences }, output: statistics });
        const inputs = { qkv, dContext: context, statistics, sequences };
        device.run(attentionBackwardQuery(shape, way), { ...launch, inputs, output: dQkv });
        device.run(attentionBackwardKeyValue(shape, way), { ...launch, inputs, output: dQkv });
      },
    };
  },
};
