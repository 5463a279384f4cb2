import { bertShape } from './config.ts';
import { familyName, familyPrefix, type ModelFamily } from './family.ts';
import { missingTensorError, safetensorsError, tensorShapeError } from './model-error.ts';
import { quantizeMatrix } from './quantize.ts';
import type { Tensor, TensorSource } from './tensor.ts';
import { familyOf, type BertWeights, type EncoderLayer, type LayerNorm, type Linear, type QuantizedMatrix } from './weights.ts';

/** Takes tensors by BERT's names from a file that uses those of its own family. Keeps nothing: a float matrix is gone once it is quantized. */
class TensorReader {
  constructor(private readonly tensors: TensorSource, private readonly family: ModelFamily) {}

  private find(...names: readonly string[]): Tensor | undefined {
    for (const name of names) {
      // Models saved with a head keep the same encoder under the family's prefix.
      for (const prefix of ['', familyPrefix(this.family)]) {
        const tensor = this.tensors.get(prefix + name);
        if (tensor) return tensor;
      }
    }
    return undefined;
  }

  private tensor(shape: readonly number[], ...bertNames: readonly string[]): Tensor {
    const names = bertNames.map((name) => familyName(this.family, name));
    const tensor = this.find(...names);
    if (!tensor) throw missingTensorError(names[0]!);
    if (tensor.shape.join() !== shape.join()) throw tensorShapeError(names[0]!, shape, tensor.shape);
    return tensor;
  }

  vector(length: number, ...names: readonly string[]): Float32Array {
    const { values } = this.tensor([length], ...names);
    if (values instanceof Int8Array) throw missingTensorError(familyName(this.family, names[0]!));
    return values;
  }

  /** Int8 with its scales where the file has them; a float matrix is quantized. */
  matrix(rows: number, columns: number, name: string): QuantizedMatrix {
    const { values } = this.tensor([rows, columns], name);
    if (values instanceof Int8Array) {
      // What has no opposite in int8 the kernels take for -127 or -128, each as suits it.
      if (values.includes(-128)) throw safetensorsError(`int8 values from -127 to 127 in ${familyName(this.family, name)}`, '-128');
      return { rows, columns, values, scales: this.vector(rows, `${name}.scale`) };
    }
    return quantizeMatrix(values, rows, columns);
  }

  linear(rows: number, columns: number, name: string): Linear {
    return { weight: this.matrix(rows, columns, `${name}.weight`), bias: this.vector(rows, `${name}.bias`) };
  }

  /** Checkpoints converted from TensorFlow call weight and bias gamma and beta. */
  layerNorm(width: number, name: string): LayerNorm {
    return { weight: this.vector(width, `${name}.weight`, `${name}.gamma`), bias: this.vector(width, `${name}.bias`, `${name}.beta`) };
  }
}

/**
 * BERT weights from a parsed Hugging Face `config.json` and its tensors, named as the family of the model does, with or without `bert.` in front.
 * Tensors it does not need (the pooler, heads) are ignored. Float matrices are quantized by `quantizeMatrix`.
 * Throws: `model/unsupported-config`, `model/missing-tensor`, `model/tensor-shape`, `model/safetensors` of int8 values that are not within ±127.
 */
export function loadBert({ config, tensors }: { readonly config: unknown; readonly tensors: TensorSource }): BertWeights {
  const shape = bertShape(config);
  const { width: D, feedForwardWidth: F } = shape;
  const read = new TensorReader(tensors, familyOf(shape));
  const layer = (index: number): EncoderLayer => {
    const at = `encoder.layer.${index}`;
    return {
      query: read.linear(D, D, `${at}.attention.self.query`),
      key: read.linear(D, D, `${at}.attention.self.key`),
      value: read.linear(D, D, `${at}.attention.self.value`),
      attentionOutput: read.linear(D, D, `${at}.attention.output.dense`),
      attentionNorm: read.layerNorm(D, `${at}.attention.output.LayerNorm`),
      intermediate: read.linear(F, D, `${at}.intermediate.dense`),
      output: read.linear(D, F, `${at}.output.dense`),
      outputNorm: read.layerNorm(D, `${at}.output.LayerNorm`),
    };
  };
  return {
    shape,
    wordEmbeddings: read.matrix(shape.vocabularySize, D, 'embeddings.word_embeddings.weight'),
    positionEmbeddings: read.matrix(shape.maximumPositions, D, 'embeddings.position_embeddings.weight'),
    tokenTypeEmbeddings: shape.tokenTypes > 0 ? read.matrix(shape.tokenTypes, D, 'embeddings.token_type_embeddings.weight') : { rows: 1, columns: D, values: new Int8Array(D), scales: Float32Array.of(1) },
    embeddingNorm: read.layerNorm(D, 'embeddings.LayerNorm'),
    layers: Array.from({ length: shape.layers }, (_, index) => layer(index)),
  };
}

/** The same weights as named tensors: each matrix as int8 with `<name>.scale` in float32 beside it; `loadBert` undoes it. */
export function bertTensors(weights: BertWeights): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const family = familyOf(weights.shape);
  const vector = (name: string, values: Float32Array) => tensors.set(familyName(family, name), { shape: [values.length], values });
  const matrix = (name: string, { rows, columns, values, scales }: QuantizedMatrix) => {
    tensors.set(familyName(family, name), { shape: [rows, columns], values });
    vector(`${name}.scale`, scales);
  };
  const linear = (name: string, { weight, bias }: Linear) => {
    matrix(`${name}.weight`, weight);
    vector(`${name}.bias`, bias);
  };
  const layerNorm = (name: string, { weight, bias }: LayerNorm) => {
    vector(`${name}.weight`, weight);
    vector(`${name}.bias`, bias);
  };
  matrix('embeddings.word_embeddings.weight', weights.wordEmbeddings);
  matrix('embeddings.position_embeddings.weight', weights.positionEmbeddings);
  if (weights.shape.tokenTypes > 0) matrix('embeddings.token_type_embeddings.weight', weights.tokenTypeEmbeddings);
  layerNorm('embeddings.LayerNorm', weights.embeddingNorm);
  for (const [index, layer] of weights.layers.entries()) {
    const at = `encoder.layer.${index}`;
    linear(`${at}.attention.self.query`, layer.query);
    linear(`${at}.attention.self.key`, layer.key);
    linear(`${at}.attention.self.value`, layer.value);
    linear(`${at}.attention.output.dense`, layer.attentionOutput);
    layerNorm(`${at}.attention.output.LayerNorm`, layer.attentionNorm);
    linear(`${at}.intermediate.dense`, layer.intermediate);
    linear(`${at}.output.dense`, layer.output);
    layerNorm(`${at}.output.LayerNorm`, layer.outputNorm);
  }
  return tensors;
}
