import { parseJsonObject } from '../engine/model/json.ts';
import { readGoldenBatch, type GoldenBatch } from '../engine/golden-batch.ts';
import { engineFiles, goldenFile } from '../engine/model/manifest.ts';
import { loadBert } from '../engine/model/load.ts';
import { openSafetensors } from '../engine/model/safetensors.ts';
import type { BertShape, BertWeights } from '../engine/model/weights.ts';
import { bertShape } from '../engine/model/config.ts';
import { createTokenizer, type Tokenizer } from '../engine/tokenizer.ts';
import type { ModelReport, Progress } from './bedside.service.ts';
import { encoderReport } from './encoder-report.ts';
import { nanoName, type EncoderSource } from './encoder-source.ts';
import { loadManifest, loadModelFiles, withGolden } from './model-files.ts';

/** What the guard needs of an encoder: how to tokenize, and what it is. */
export interface EncoderFacts {
  readonly report: ModelReport;
  readonly shape: BertShape;
  readonly tokenizer: Tokenizer;
}

/** Loads the whole encoder into the cache and opens its tokenizer. */
export async function loadEncoder(source: EncoderSource, onProgress: (progress: Progress) => void): Promise<EncoderFacts> {
  if (source.name === nanoName) {
    const { nanoFacts } = await import('./nano-encoder.ts');
    onProgress({ done: 1, total: 1 });
    return nanoFacts();
  }
  const manifest = await loadManifest(source.folder);
  const files = await loadModelFiles(source.folder, manifest, withGolden(manifest, engineFiles), onProgress);
  const json = (name: 'config.json' | 'tokenizer.json' | 'tokenizer_config.json') => parseJsonObject(files.get(name) ?? new Uint8Array(), name);
  return { report: await encoderReport(source), shape: bertShape(json('config.json')), tokenizer: createTokenizer(json('tokenizer.json'), json('tokenizer_config.json')) };
}

/** What a trainer needs of an encoder, for it reads no text. */
export interface TrainerModel {
  readonly weights: BertWeights;
  /** Null where the model's folder has none, as those of older versions. */
  readonly golden: GoldenBatch | null;
}

/** The encoder without its tokenizer. From the cache once `loadEncoder` has filled it. */
export async function loadTrainerModel(source: EncoderSource): Promise<TrainerModel> {
  if (source.name === nanoName) return (await import('./nano-encoder.ts')).nanoTrainerModel();
  const manifest = await loadManifest(source.folder);
  const files = await loadModelFiles(source.folder, manifest, withGolden(manifest, ['config.json', 'model.safetensors']));
  const golden = files.get(goldenFile);
  return {
    weights: loadBert({ config: parseJsonObject(files.get('config.json') ?? new Uint8Array(), 'config.json'), tensors: openSafetensors(files.get('model.safetensors') ?? new Uint8Array()) }),
    golden: golden ? readGoldenBatch(openSafetensors(golden)) : null,
  };
}
