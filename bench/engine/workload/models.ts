import { mulberry32 } from '../../../src/ground/random.ts';
import { openModel } from '../../../src/engine/model/open-model.ts';
import { engineFiles } from '../../../src/engine/model/manifest.ts';
import type { BertShape, BertWeights, LayerNorm, Linear, QuantizedMatrix } from '../../../src/engine/model/weights.ts';
import type { Tokenizer } from '../../../src/engine/tokenizer.ts';
import type { ModelName } from '../page/contract.ts';

export const miniLmFolder = 'models/all-MiniLM-L6-v2/';

/** bert-base-uncased (Devlin et al., arXiv 1810.04805): 110 M parameters. */
export const bertBase: BertShape = { layers: 12, width: 768, heads: 12, feedForwardWidth: 3072, vocabularySize: 30_522, maximumPositions: 512, tokenTypes: 2, layerNormEpsilon: 1e-12 };

/** Int8 weights drawn as such: a float copy of bert-base would be 440 MB. Uniform, of the deviation 1 / sqrt(columns). */
function randomWeights(shape: BertShape): BertWeights {
  const random = mulberry32(3);
  // Uniform on ±127 has the deviation 127 / sqrt 3.
  const matrix = (rows: number, columns: number): QuantizedMatrix => ({
    rows,
    columns,
    values: Int8Array.from({ length: rows * columns }, () => Math.floor(random() * 255) - 127),
    scales: new Float32Array(rows).fill(Math.sqrt(3 / columns) / 127),
  });
  const linear = (rows: number, columns: number): Linear => ({ weight: matrix(rows, columns), bias: new Float32Array(rows) });
  const norm = (): LayerNorm => ({ weight: new Float32Array(shape.width).fill(1), bias: new Float32Array(shape.width) });
  const { width: D, feedForwardWidth: F } = shape;
  return {
    shape,
    wordEmbeddings: matrix(shape.vocabularySize, D),
    positionEmbeddings: matrix(shape.maximumPositions, D),
    tokenTypeEmbeddings: matrix(shape.tokenTypes, D),
    embeddingNorm: norm(),
    layers: Array.from({ length: shape.layers }, () => ({
      query: linear(D, D), key: linear(D, D), value: linear(D, D), attentionOutput: linear(D, D), attentionNorm: norm(),
      intermediate: linear(F, D), output: linear(D, F), outputNorm: norm(),
    })),
  };
}

export interface LoadedModel {
  readonly weights: BertWeights;
  readonly tokenizer: Tokenizer | null;
}

export async function loadModel(name: ModelName, read: (file: string) => Promise<Uint8Array>): Promise<LoadedModel> {
  if (name === 'bert-base') return { weights: randomWeights(bertBase), tokenizer: null };
  const files = await Promise.all(engineFiles.map(async (file) => [file, await read(file)] as const));
  return openModel(new Map(files));
}
