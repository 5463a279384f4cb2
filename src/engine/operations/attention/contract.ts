import type { Sequences } from '../buffers/contract.ts';

export interface AttentionOperations<Buffer> {
  /** softmax(Q Kᵀ / sqrt(D / H)) V for each row and head on its own tokens: [T, D]. Shapes: qkv [T, 3D]. */
  attention(qkv: Buffer, sequences: Sequences): Buffer;
  /** Gradient of attention with respect to qkv: [T, 3D]. Shapes: context (forward output) and dContext [T, D]. */
  attentionBackward(qkv: Buffer, context: Buffer, dContext: Buffer, sequences: Sequences): Buffer;
}
