import type { ModelFamily } from './family.ts';

/** Sizes of a BERT encoder, named as in the field: L layers, D width, H heads, F feed-forward width, V vocabulary. */
export interface BertShape {
  /** By whose names its files call things; BERT's where absent. */
  readonly family?: ModelFamily;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly feedForwardWidth: number;
  readonly vocabularySize: number;
  readonly maximumPositions: number;
  /** 0 where the model has none. */
  readonly tokenTypes: number;
  readonly layerNormEpsilon: number;
}

export function familyOf({ family = 'bert' }: BertShape): ModelFamily {
  return family;
}

/** Int8 matrix with one scale per row: w[n, k] = values[n * columns + k] * scales[n]; values within ±127. */
export interface QuantizedMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** y = x · weightᵀ + bias; weight [N, K] as PyTorch's `nn.Linear`, bias [N]. */
export interface Linear {
  readonly weight: QuantizedMatrix;
  readonly bias: Float32Array;
}

export interface LayerNorm {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface EncoderLayer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly attentionOutput: Linear;
  readonly attentionNorm: LayerNorm;
  readonly intermediate: Linear;
  readonly output: Linear;
  readonly outputNorm: LayerNorm;
}

/** A frozen quantized BERT encoder, ready for any backend. */
export interface BertWeights {
  readonly shape: BertShape;
  readonly wordEmbeddings: QuantizedMatrix;
  readonly positionEmbeddings: QuantizedMatrix;
  /** One row of zeros where the model has none. */
  readonly tokenTypeEmbeddings: QuantizedMatrix;
  readonly embeddingNorm: LayerNorm;
  readonly layers: readonly EncoderLayer[];
}
