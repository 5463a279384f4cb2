import type { BertWeights, LayerNorm, Linear, QuantizedMatrix } from '../../../src/engine/model/weights.ts';

/** y = x W + b in float32, W [K, N]: the way round that the peers' fast paths want. */
export interface FloatLinear {
  readonly K: number;
  readonly N: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface FloatLayer {
  readonly query: FloatLinear;
  readonly key: FloatLinear;
  readonly value: FloatLinear;
  readonly attentionOutput: FloatLinear;
  readonly attentionNorm: LayerNorm;
  readonly intermediate: FloatLinear;
  readonly output: FloatLinear;
  readonly outputNorm: LayerNorm;
}

/** The encoder that our int8 weights stand for, in float32. */
export interface FloatModel {
  readonly embeddingNorm: LayerNorm;
  readonly layers: readonly FloatLayer[];
}

function floatLinear({ weight: { rows: N, columns: K, values, scales }, bias }: Linear): FloatLinear {
  const weight = new Float32Array(K * N);
  for (let n = 0; n < N; n++) for (let k = 0; k < K; k++) weight[k * N + n] = values[n * K + k]! * scales[n]!;
  return { K, N, weight, bias };
}

export function floatModel(weights: BertWeights): FloatModel {
  return {
    embeddingNorm: weights.embeddingNorm,
    layers: weights.layers.map((layer) => ({
      query: floatLinear(layer.query), key: floatLinear(layer.key), value: floatLinear(layer.value),
      attentionOutput: floatLinear(layer.attentionOutput), attentionNorm: layer.attentionNorm,
      intermediate: floatLinear(layer.intermediate), output: floatLinear(layer.output), outputNorm: layer.outputNorm,
    })),
  };
}

/** A whole table in float32, row-major. */
export function floatTable({ rows, columns, values, scales }: QuantizedMatrix): Float32Array {
  const table = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) table[r * columns + c] = values[r * columns + c]! * scales[r]!;
  return table;
}

/**
 * Word, position and token-type embeddings added up, before their norm: [B, S, D]. Peers are handed these: looking them up costs them nothing.
 * Rows must be of one length S, so that peers need no mask.
 */
export function embeddedRows({ wordEmbeddings, positionEmbeddings, tokenTypeEmbeddings }: BertWeights, rows: readonly Int32Array[]): Float32Array {
  const D = wordEmbeddings.columns;
  const S = rows[0]!.length;
  if (rows.some(({ length }) => length !== S)) throw new Error('Expected rows of one length: peers are measured without padding.');
  const x = new Float32Array(rows.length * S * D);
  const at = ({ values, scales }: QuantizedMatrix, row: number, column: number) => values[row * D + column]! * scales[row]!;
  rows.forEach((ids, b) => ids.forEach((id, s) => {
    for (let d = 0; d < D; d++) x[(b * S + s) * D + d] = at(wordEmbeddings, id, d) + at(positionEmbeddings, s, d) + at(tokenTypeEmbeddings, 0, d);
  }));
  return x;
}
