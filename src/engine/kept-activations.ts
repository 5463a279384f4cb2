import type { BertShape } from './model/weights.ts';
import { type AdapterConfig, firstTrainedLayer } from './parameters.ts';

/** Numbers that one layer keeps of a token for its backward pass: input, joined projections, context, both sums, and the feed-forward block's. */
export function keptColumns({ width: D, feedForwardWidth: F }: BertShape): readonly number[] {
  return [D, 3 * D, D, D, F, D];
}

/** Above this much a token in float32 the layers keep their activations in half of it: 128 MB at 512 tokens. */
const mostBytesOfToken = 256 * 1024;

/**
 * Whether the layers that train adapters keep what their backward pass reads in binary16, on a backend that can: where it is most of the memory.
 * It follows from the model and what trains in it alone, never from a batch: a unit's gradient must not depend on who else was drawn.
 */
export function keepsHalvesOf(shape: BertShape, adapter: AdapterConfig): boolean {
  const layers = shape.layers - firstTrainedLayer(shape, adapter);
  return 4 * layers * keptColumns(shape).reduce((sum, columns) => sum + columns, 0) > mostBytesOfToken;
}
