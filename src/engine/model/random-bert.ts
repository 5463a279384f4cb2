import { mulberry32 } from '../../ground/random.ts';
import { bertConfig } from './config.ts';
import { loadBert } from './load.ts';
import type { Tensor } from './tensor.ts';
import type { BertShape, BertWeights } from './weights.ts';

/** Normal values with the given deviation by Box and Muller (1958); for tests and test models, not for privacy. */
export function randomNormal(length: number, random: () => number, deviation = 1): Float32Array {
  return Float32Array.from({ length }, () => deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
}

/**
 * Float tensors of an untrained BERT, in Hugging Face names. Deviations are 1 / sqrt(columns), so that
 * every layer's output depends visibly on its input, which a training initialisation (0.02) would hide from tests.
 */
export function randomBertTensors(shape: BertShape, seed: number): Map<string, Tensor> {
  const random = mulberry32(seed);
  const tensors = new Map<string, Tensor>();
  const add = (name: string, dimensions: readonly number[], deviation: number, centre = 0) => {
    const length = dimensions.reduce((product, size) => product * size, 1);
    tensors.set(name, { shape: dimensions, values: randomNormal(length, random, deviation).map((value) => value + centre) });
  };
  const { width: D, feedForwardWidth: F } = shape;
  const layerNorm = (name: string) => {
    add(`${name}.weight`, [D], 0.1, 1);
    add(`${name}.bias`, [D], 0.1);
  };
  const linear = (name: string, rows: number, columns: number) => {
    add(`${name}.weight`, [rows, columns], 1 / Math.sqrt(columns));
    add(`${name}.bias`, [rows], 0.1);
  };
  add('embeddings.word_embeddings.weight', [shape.vocabularySize, D], 1);
  add('embeddings.position_embeddings.weight', [shape.maximumPositions, D], 0.3);
  add('embeddings.token_type_embeddings.weight', [shape.tokenTypes, D], 0.3);
  layerNorm('embeddings.LayerNorm');
  for (let index = 0; index < shape.layers; index++) {
    const at = `encoder.layer.${index}`;
    for (const part of ['query', 'key', 'value']) linear(`${at}.attention.self.${part}`, D, D);
    linear(`${at}.attention.output.dense`, D, D);
    layerNorm(`${at}.attention.output.LayerNorm`);
    linear(`${at}.intermediate.dense`, F, D);
    linear(`${at}.output.dense`, D, F);
    layerNorm(`${at}.output.LayerNorm`);
  }
  return tensors;
}

/** An untrained BERT of the given shape, quantized; the same for the same seed. */
export function randomBert(shape: BertShape, seed: number): BertWeights {
  return loadBert({ config: bertConfig(shape), tensors: randomBertTensors(shape, seed) });
}
