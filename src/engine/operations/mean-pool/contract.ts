import type { Sequences } from '../buffers/contract.ts';

export interface MeanPoolOperations<Buffer> {
  /** Mean over a row's tokens: [B, D]. */
  meanPool(x: Buffer, sequences: Sequences): Buffer;
  /** Spreads dPooled / row length to each token: [T, D]. */
  meanPoolBackward(dPooled: Buffer, sequences: Sequences): Buffer;
}
