import { createHash } from 'node:crypto';
import { bytesToUtf8, utf8ToBytes } from '../ground/bytes.ts';
import { parseJsonObject } from '../engine/model/json.ts';
import { bertTensors, loadBert } from '../engine/model/load.ts';
import { manifestFile, type ModelManifest } from '../engine/model/manifest.ts';
import { missingFileError, modelError } from '../engine/model/model-error.ts';
import { type ModelFiles, openModel } from '../engine/model/open-model.ts';
import { readSafetensors, writeSafetensors } from '../engine/model/safetensors.ts';
import type { Tensors } from '../engine/model/tensor.ts';
import type { BertWeights } from '../engine/model/weights.ts';

export interface ModelOrigin {
  readonly name: string;
  /** Where the float weights came from, in words. */
  readonly origin: string;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function required(source: ModelFiles, name: string): Uint8Array {
  const bytes = source.get(name);
  if (!bytes) throw missingFileError(name);
  return bytes;
}

/** The licence that the source's model card declares in its front matter. */
function declaredLicense(source: ModelFiles): string {
  const card = source.get('README.md');
  const frontMatter = card && /^---\r?\n([\s\S]*?)\r?\n---/.exec(bytesToUtf8(card))?.[1];
  return (frontMatter && /^license:\s*(\S+)\s*$/m.exec(frontMatter)?.[1]) ?? 'unknown';
}

/** Weights of the encoder, scales not counted. */
function parameterCount(weights: BertWeights): number {
  let count = 0;
  for (const [name, { values }] of bertTensors(weights)) if (!name.endsWith('.scale')) count += values.length;
  return count;
}

function checkFloat(tensors: Tensors): void {
  for (const { values } of tensors.values()) {
    if (values instanceof Int8Array) throw modelError('already-quantized', 'model.safetensors should hold float32 or float16 weights, found int8.', 'Give the folder of the original model.');
  }
}

function card(manifest: ModelManifest, quantized: ModelManifest['files'][string]): string {
  const { name, license, origin, sourceSha256, layers, width, parameters } = manifest;
  return `---
license: ${license}
library_name: bedside
pipeline_tag: feature-extraction
---

# ${name}, int8

A BERT encoder of ${layers} layers and width ${width} (${parameters.toLocaleString('en-US')} weights), quantized for Bedside.

- Origin: ${origin}
- Source \`model.safetensors\`: SHA-256 \`${sourceSha256}\`
- This \`model.safetensors\`: SHA-256 \`${quantized.sha256}\`, ${quantized.sizeBytes.toLocaleString('en-US')} bytes
- Licence: ${license}

## What was changed

Every matrix (linear maps and embeddings) is stored as int8 with one float32 scale per row, in \`<name>.scale\`:
scale = max|w| / 127 (1 where the row is 0), q = round-half-to-even(w / scale) clipped to ±127; the matrix stands for q x scale.
Vectors (biases, layer norms) stay float32. The pooler and any head are left out. \`config.json\`, \`tokenizer.json\` and
\`tokenizer_config.json\` are the source's own. Made by \`npm run model -- add\`; \`${manifestFile}\` lists the hash of every file.

## Limits

A general encoder: it knows what its own training texts taught it, with their gaps and biases. See the origin's model card.
`;
}

/**
 * The files of a quantized model folder, from those of a BERT folder in Hugging Face layout with float32 or float16 weights.
 * `apacheLicense` is the licence's text, for sources that declare Apache-2.0 and carry no LICENSE file.
 * Throws: errors of family `model`.
 */
export function quantizedFolder(source: ModelFiles, { name, origin }: ModelOrigin, apacheLicense: Uint8Array): Map<string, Uint8Array> {
  const sourceBytes = required(source, 'model.safetensors');
  const tensors = readSafetensors(sourceBytes);
  checkFloat(tensors);
  const weights = loadBert({ config: parseJsonObject(required(source, 'config.json'), 'config.json'), tensors });
  const license = declaredLicense(source);

  const files = new Map<string, Uint8Array>();
  for (const copied of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) files.set(copied, required(source, copied));
  files.set('model.safetensors', writeSafetensors(bertTensors(weights), { format: 'pt', quantization: 'int8, symmetric, one scale per row' }));
  const licenseText = source.get('LICENSE') ?? (license === 'apache-2.0' ? apacheLicense : undefined);
  if (licenseText) files.set('LICENSE', licenseText);
  openModel(files);

  const described = (bytes: Uint8Array) => ({ sizeBytes: bytes.length, sha256: sha256(bytes) });
  const manifest = (): ModelManifest => ({
    format: 1, name, license, origin, sourceSha256: sha256(sourceBytes),
    layers: weights.shape.layers, width: weights.shape.width, parameters: parameterCount(weights),
    files: Object.fromEntries([...files].map(([file, bytes]) => [file, described(bytes)])),
  });
  files.set('README.md', utf8ToBytes(card(manifest(), described(files.get('model.safetensors')!))));
  files.set(manifestFile, utf8ToBytes(`${JSON.stringify(manifest(), null, 2)}\n`));
  return files;
}
