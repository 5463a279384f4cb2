import { isJsonObject, type JsonObject } from './json.ts';
import { jsonError } from './model-error.ts';

/** Files of a model folder that the engine reads. */
export const engineFiles = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'] as const;
/** What the model makes of a few rows: folders of older versions lack it. */
export const goldenFile = 'golden.safetensors';
/** The file that lists the others. */
export const manifestFile = 'bedside.json';

export interface ModelFile {
  readonly sizeBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** `bedside.json` of a model folder: what the model is, where it came from, and the size and hash of each file. */
export interface ModelManifest {
  readonly format: 1;
  readonly name: string;
  readonly license: string;
  /** Where the float weights came from, in words. */
  readonly origin: string;
  /** SHA-256 of the float model.safetensors that was quantized. */
  readonly sourceSha256: string;
  readonly layers: number;
  readonly width: number;
  /** Weights of the encoder, scales not counted. */
  readonly parameters: number;
  readonly files: Readonly<Record<string, ModelFile>>;
}

function readFiles(value: unknown): Record<string, ModelFile> {
  if (!isJsonObject(value)) throw jsonError(manifestFile);
  const files: Record<string, ModelFile> = {};
  for (const [name, entry] of Object.entries(value)) {
    if (!isJsonObject(entry)) throw jsonError(manifestFile);
    files[name] = { sizeBytes: numberOf(entry, 'sizeBytes'), sha256: textOf(entry, 'sha256') };
  }
  return files;
}

function textOf(object: JsonObject, key: string): string {
  const value = object[key];
  if (typeof value !== 'string') throw jsonError(manifestFile);
  return value;
}

function numberOf(object: JsonObject, key: string): number {
  const value = object[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw jsonError(manifestFile);
  return value;
}

/** Reads a parsed `bedside.json`. Throws: `model/json`. */
export function readManifest(value: unknown): ModelManifest {
  if (!isJsonObject(value) || value['format'] !== 1) throw jsonError(manifestFile);
  return {
    format: 1,
    name: textOf(value, 'name'),
    license: textOf(value, 'license'),
    origin: textOf(value, 'origin'),
    sourceSha256: textOf(value, 'sourceSha256'),
    layers: numberOf(value, 'layers'),
    width: numberOf(value, 'width'),
    parameters: numberOf(value, 'parameters'),
    files: readFiles(value['files']),
  };
}
