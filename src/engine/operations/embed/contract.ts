import type { Sequences } from '../buffers/contract.ts';

export interface EmbedOperation<Buffer> {
  /** LayerNorm(word[id] + position[index in row] + tokenType[0]): [T, D]. */
  embed(ids: Int32Array, sequences: Sequences): Buffer;
}
