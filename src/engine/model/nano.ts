import { utf8ToBytes } from '../../ground/bytes.ts';
import { bertConfig } from './config.ts';
import type { JsonObject } from './json.ts';
import { bertTensors, loadBert } from './load.ts';
import { nanoTokenizerConfigJson, nanoTokenizerJson, nanoVocabularySize } from './nano-tokenizer.ts';
import { randomBertTensors } from './random-bert.ts';
import { writeSafetensors } from './safetensors.ts';
import type { Tensors } from './tensor.ts';
import type { BertShape, BertWeights } from './weights.ts';

/** Two layers of width 32. */
export const nanoShape: BertShape = {
  layers: 2, width: 32, heads: 2, feedForwardWidth: 64, vocabularySize: nanoVocabularySize, maximumPositions: 128, tokenTypes: 2, layerNormEpsilon: 1e-12,
};

export interface NanoModel {
  readonly weights: BertWeights;
  readonly config: JsonObject;
  readonly tokenizerJson: JsonObject;
  readonly tokenizerConfigJson: JsonObject;
}

/** An untrained BERT for tests, made by code: small enough for a software GPU, with the interface of a real one. */
export function nanoModel(seed: number): NanoModel {
  const config = bertConfig(nanoShape);
  return {
    weights: loadBert({ config, tensors: randomBertTensors(nanoShape, seed) }),
    config,
    tokenizerJson: nanoTokenizerJson(),
    tokenizerConfigJson: nanoTokenizerConfigJson(nanoShape.maximumPositions),
  };
}

function folder(tensors: Tensors): Map<string, Uint8Array<ArrayBuffer>> {
  const json = (value: unknown) => utf8ToBytes(`${JSON.stringify(value, null, 2)}\n`);
  return new Map([
    ['config.json', json(bertConfig(nanoShape))],
    ['tokenizer.json', json(nanoTokenizerJson())],
    ['tokenizer_config.json', json(nanoTokenizerConfigJson(nanoShape.maximumPositions))],
    ['model.safetensors', writeSafetensors(tensors)],
  ]);
}

/** The nano model as the files of a quantized model folder, by name. */
export function nanoModelFiles(seed: number): Map<string, Uint8Array<ArrayBuffer>> {
  return folder(bertTensors(nanoModel(seed).weights));
}

/** The same model as a float32 folder in Hugging Face layout, from before it is quantized. */
export function nanoFloatFiles(seed: number): Map<string, Uint8Array<ArrayBuffer>> {
  return folder(randomBertTensors(nanoShape, seed));
}
