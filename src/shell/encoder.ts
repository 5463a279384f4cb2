import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import { parseJsonObject } from '../engine/model/json.ts';
import { engineFiles } from '../engine/model/manifest.ts';
import { nanoModel, nanoShape } from '../engine/model/nano.ts';
import { bertTensors } from '../engine/model/load.ts';
import { openModel } from '../engine/model/open-model.ts';
import type { BertShape, BertWeights } from '../engine/model/weights.ts';
import { bertShape } from '../engine/model/config.ts';
import { createTokenizer, type Tokenizer } from '../engine/tokenizer.ts';
import type { ModelReport, Progress } from './bedside.service.ts';
import { nanoName, type EncoderSource } from './encoder-source.ts';
import { loadManifest, loadModelFiles } from './model-files.ts';

const nanoSeed = 1;

/** What the guard needs of an encoder: how to tokenize, and what it is. */
export interface EncoderFacts {
  readonly report: ModelReport;
  readonly shape: BertShape;
  readonly tokenizer: Tokenizer;
}

function nanoReport(): ModelReport {
  const parameters = [...bertTensors(nanoModel(nanoSeed).weights).values()].reduce((sum, { values }) => (values instanceof Int8Array ? sum + values.length : sum), 0);
  return { name: nanoName, sizeBytes: 0, sha256: bytesToHex(sha256(utf8ToBytes(`nano-${nanoSeed}`))), license: 'Apache-2.0', layers: nanoShape.layers, width: nanoShape.width, parameters };
}

/** Size, hash and licence, without loading the weights. */
export async function encoderReport(source: EncoderSource): Promise<ModelReport> {
  if (source.name === nanoName) return nanoReport();
  const { name, license, layers, width, parameters, files } = await loadManifest(source.folder);
  const weights = files['model.safetensors'];
  return { name, sizeBytes: Object.values(files).reduce((sum, file) => sum + file.sizeBytes, 0), sha256: weights?.sha256 ?? '', license, layers, width, parameters };
}

/** Loads the whole encoder into the cache and opens its tokenizer. */
export async function loadEncoder(source: EncoderSource, onProgress: (progress: Progress) => void): Promise<EncoderFacts> {
  if (source.name === nanoName) {
    const { tokenizerJson, tokenizerConfigJson } = nanoModel(nanoSeed);
    onProgress({ done: 1, total: 1 });
    return { report: nanoReport(), shape: nanoShape, tokenizer: createTokenizer(tokenizerJson, tokenizerConfigJson) };
  }
  const files = await loadModelFiles(source.folder, await loadManifest(source.folder), engineFiles, onProgress);
  const json = (name: 'config.json' | 'tokenizer.json' | 'tokenizer_config.json') => parseJsonObject(files.get(name) ?? new Uint8Array(), name);
  return { report: await encoderReport(source), shape: bertShape(json('config.json')), tokenizer: createTokenizer(json('tokenizer.json'), json('tokenizer_config.json')) };
}

/** The encoder's weights, for a trainer; from the cache once `loadEncoder` has filled it. */
export async function loadEncoderWeights(source: EncoderSource): Promise<BertWeights> {
  if (source.name === nanoName) return nanoModel(nanoSeed).weights;
  return openModel(await loadModelFiles(source.folder, await loadManifest(source.folder), engineFiles)).weights;
}
