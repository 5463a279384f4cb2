import { createTokenizer, type Tokenizer } from '../tokenizer.ts';
import { parseJsonObject } from './json.ts';
import { loadBert } from './load.ts';
import { engineFiles } from './manifest.ts';
import { missingFileError } from './model-error.ts';
import { openSafetensors } from './safetensors.ts';
import type { BertWeights } from './weights.ts';

/** Contents of a model folder by file name. */
export type ModelFiles = ReadonlyMap<string, Uint8Array>;

export interface OpenModel {
  readonly weights: BertWeights;
  readonly tokenizer: Tokenizer;
}

/**
 * Opens a model folder in Hugging Face layout whose files are in memory; float weights are quantized on the way.
 * Throws: errors of family `model`, which name the file.
 */
export function openModel(files: ModelFiles): OpenModel {
  const file = (name: (typeof engineFiles)[number]) => {
    const bytes = files.get(name);
    if (!bytes) throw missingFileError(name);
    return bytes;
  };
  const config = parseJsonObject(file('config.json'), 'config.json');
  const tokenizerJson = parseJsonObject(file('tokenizer.json'), 'tokenizer.json');
  const tokenizerConfigJson = parseJsonObject(file('tokenizer_config.json'), 'tokenizer_config.json');
  return {
    weights: loadBert({ config, tensors: openSafetensors(file('model.safetensors')) }),
    tokenizer: createTokenizer(tokenizerJson, tokenizerConfigJson),
  };
}
