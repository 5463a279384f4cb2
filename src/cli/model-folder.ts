import { createHash } from 'node:crypto';
import { bytesToUtf8, utf8ToBytes } from '../ground/bytes.ts';
import { createEngine } from '../engine/bert.ts';
import { goldenTensors, goldenTexts, makeGoldenBatch } from '../engine/golden-batch.ts';
import { parseJsonObject } from '../engine/model/json.ts';
import { bertTensors, loadBert } from '../engine/model/load.ts';
import { goldenFile, manifestFile, readManifest, type ModelManifest } from '../engine/model/manifest.ts';
import { missingFileError, modelError } from '../engine/model/model-error.ts';
import { type ModelFiles, type OpenModel, openModel } from '../engine/model/open-model.ts';
import { openSafetensors, type SafetensorsFile, writeSafetensors } from '../engine/model/safetensors.ts';
import type { BertWeights } from '../engine/model/weights.ts';
import { createReferenceOperations } from '../engine/reference/reference-operations.ts';

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

function checkFloat({ hasInt8 }: SafetensorsFile): void {
  if (hasInt8) throw modelError('already-quantized', 'model.safetensors should hold float32 or float16 weights, found int8.', 'Give the folder of the original model.');
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

\`${goldenFile}\` has what this model makes of ${goldenTexts.length} short texts: outputs of every layer, losses and gradients of a small adapter, by plain
arithmetic without any kernel. Each device is held to it before it trains.

## Limits

A general encoder: it knows what its own training texts taught it, with their gaps and biases. See the origin's model card.
`;
}

/** What the model makes of a few texts, by the definitions of the operations. */
async function goldenFileOf({ weights, tokenizer }: OpenModel): Promise<Uint8Array> {
  const engine = createEngine(createReferenceOperations(), weights);
  const rows = goldenTexts.map((text) => tokenizer.encode(text, weights.shape.maximumPositions).ids);
  return writeSafetensors(goldenTensors(await makeGoldenBatch(engine, rows)));
}

const described = (bytes: Uint8Array) => ({ sizeBytes: bytes.length, sha256: sha256(bytes) });

/** The files with a card that describes them and a manifest that lists them. */
function withManifest(content: ReadonlyMap<string, Uint8Array>, about: Omit<ModelManifest, 'format' | 'files'>): Map<string, Uint8Array> {
  const files = new Map([...content].filter(([name]) => name !== 'README.md' && name !== manifestFile));
  const manifest = (): ModelManifest => ({ format: 1, ...about, files: Object.fromEntries([...files].map(([file, bytes]) => [file, described(bytes)])) });
  files.set('README.md', utf8ToBytes(card(manifest(), described(required(files, 'model.safetensors')))));
  files.set(manifestFile, utf8ToBytes(`${JSON.stringify(manifest(), null, 2)}\n`));
  return files;
}

/**
 * The files of a quantized model folder, from those of a BERT folder in Hugging Face layout with float32 or float16 weights.
 * `apacheLicense` is the licence's text, for sources that declare Apache-2.0 and carry no LICENSE file.
 * Throws: errors of family `model`.
 */
export async function quantizedFolder(source: ModelFiles, { name, origin }: ModelOrigin, apacheLicense: Uint8Array): Promise<Map<string, Uint8Array>> {
  const sourceBytes = required(source, 'model.safetensors');
  const tensors = openSafetensors(sourceBytes);
  checkFloat(tensors);
  const weights = loadBert({ config: parseJsonObject(required(source, 'config.json'), 'config.json'), tensors });
  const license = declaredLicense(source);

  const files = new Map<string, Uint8Array>();
  for (const copied of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) files.set(copied, required(source, copied));
  files.set('model.safetensors', writeSafetensors(bertTensors(weights), { format: 'pt', quantization: 'int8, symmetric, one scale per row' }));
  files.set(goldenFile, await goldenFileOf(openModel(files)));
  const licenseText = source.get('LICENSE') ?? (license === 'apache-2.0' ? apacheLicense : undefined);
  if (licenseText) files.set('LICENSE', licenseText);
  return withManifest(files, { name, license, origin, sourceSha256: sha256(sourceBytes), layers: weights.shape.layers, width: weights.shape.width, parameters: parameterCount(weights) });
}

/** A model folder of an older version with its golden batch, or with one that is made anew; card and manifest follow. */
export async function folderWithGolden(files: ModelFiles): Promise<Map<string, Uint8Array>> {
  const { format: _, files: __, ...about } = readManifest(parseJsonObject(required(files, manifestFile), manifestFile));
  const golden = await goldenFileOf(openModel(files));
  const content = [...files].filter(([name]) => name !== goldenFile).flatMap(([name, bytes]): [string, Uint8Array][] => (name === 'model.safetensors' ? [[name, bytes], [goldenFile, golden]] : [[name, bytes]]));
  return withManifest(new Map(content), about);
}
