/** The encoder that is made here, for tests: in a file of its own, so that nobody loads it who uses another. */
import { sha256 } from '@noble/hashes/sha2.js';
import { createEngine } from '../engine/bert.ts';
import { goldenTexts, makeGoldenBatch } from '../engine/golden-batch.ts';
import { bertTensors } from '../engine/model/load.ts';
import { nanoModel, nanoShape } from '../engine/model/nano.ts';
import { createReferenceOperations } from '../engine/reference/reference-operations.ts';
import { createTokenizer } from '../engine/tokenizer.ts';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import type { ModelReport } from './bedside.service.ts';
import type { EncoderFacts, TrainerModel } from './encoder.ts';
import { nanoName } from './encoder-source.ts';

const nanoSeed = 1;

export function nanoReport(): ModelReport {
  const parameters = [...bertTensors(nanoModel(nanoSeed).weights).values()].reduce((sum, { values }) => (values instanceof Int8Array ? sum + values.length : sum), 0);
  return { name: nanoName, sizeBytes: 0, sha256: bytesToHex(sha256(utf8ToBytes(`nano-${nanoSeed}`))), license: 'Apache-2.0', layers: nanoShape.layers, width: nanoShape.width, parameters };
}

export function nanoFacts(): EncoderFacts {
  const { tokenizerJson, tokenizerConfigJson } = nanoModel(nanoSeed);
  return { report: nanoReport(), shape: nanoShape, tokenizer: createTokenizer(tokenizerJson, tokenizerConfigJson) };
}

export async function nanoTrainerModel(): Promise<TrainerModel> {
  const { weights, tokenizerJson, tokenizerConfigJson } = nanoModel(nanoSeed);
  const tokenizer = createTokenizer(tokenizerJson, tokenizerConfigJson);
  const rows = goldenTexts.map((text) => tokenizer.encode(text, weights.shape.maximumPositions).ids);
  return { weights, golden: await makeGoldenBatch(createEngine(createReferenceOperations(), weights), rows) };
}
