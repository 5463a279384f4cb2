import type { BertWeights, QuantizedMatrix } from '../../model/weights.ts';
import type { FloatArray } from '../../reference/float-array.ts';
import { layerNorm } from '../layer-norm/reference.ts';

function entry({ columns, values, scales }: QuantizedMatrix, row: number, column: number): number {
  return values[row * columns + column]! * scales[row]!;
}

/** LayerNorm(word[id] + position[index in row] + tokenType[0]) (Devlin et al., arXiv 1810.04805, figure 2). Shapes: ids [T], y [T, D]. */
export function embed(ids: Int32Array, offsets: Int32Array, weights: BertWeights, y: FloatArray): void {
  const { width, layerNormEpsilon } = weights.shape;
  const sum = new Float64Array(y.length);
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let t = offsets[b]!; t < offsets[b + 1]!; t++) {
      for (let d = 0; d < width; d++) {
        sum[t * width + d] = entry(weights.wordEmbeddings, ids[t]!, d) + entry(weights.positionEmbeddings, t - offsets[b]!, d) + entry(weights.tokenTypeEmbeddings, 0, d);
      }
    }
  }
  layerNorm(sum, weights.embeddingNorm, layerNormEpsilon, y);
}
