/** Which project's note features lie where in the origin's private file system, who may use them, and what goes when. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import { firstTrainedLayer } from '../engine/parameters.ts';
import { defaultPrefixBytes, prefixNumberBytes } from '../training/frozen-prefix.ts';
import { adapterOf, isPrivate, type Plan } from '../training/plan.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import type { FeatureGrant } from './feature-cache.ts';
import { featureRootName, openFeatureRoot, outputsFolder, removeFile, removeFolder, sizeOfFolder } from './feature-files.ts';
import { segmentBytes } from './feature-segment.ts';
import { outputFileBytes } from './prefix-files.ts';
import { textColumnsOf } from './projects.ts';
import type { FeaturesRecord, ProjectRecord } from './records.ts';
import { inTransaction } from './transaction.ts';

/** Most that is kept of all projects: some 300,000 notes at one layer of 384. */
export const mostFeatureBytes = 512_000_000;

/** The limit on this device: never more than half of what the browser has room for, so that notes, models and ledger find theirs. */
export function featureLimitBytes({ quota, usage }: { readonly quota: number; readonly usage: number }, cachedBytes: number): number {
  return Math.max(0, Math.min(mostFeatureBytes, (quota - usage + cachedBytes) / 2));
}

/** Bytes of all projects' features, and how many projects have any. */
export async function storedFeatures(database: BedsideDatabase): Promise<{ readonly bytes: number; readonly count: number }> {
  const sizes = [...(await folderSizes(database)).values()].filter((bytes) => bytes > 0);
  return { bytes: sum(sizes), count: sizes.length };
}

/**
 * Removes folders that belong to no project any more: of deleted ones, and of earlier columns. Never rejects: the record went with the secret, so that
 * what cannot be removed now can no longer be read, and goes the next time.
 */
export async function sweepFeatures(database: BedsideDatabase): Promise<void> {
  try {
    const root = await openFeatureRoot(featureRootName(database.name));
    if (!root) return;
    // Folders first: one that is made meanwhile has had its record before.
    const folders = await namesIn(root);
    const records = await inTransaction(database, ['features'], 'readonly', (transaction) => transaction.objectStore('features').getAll());
    const known = new Set(records.map(({ folder }) => folder));
    for (const folder of folders) if (!known.has(folder)) await removeFolder(root, folder);
  } catch {
    // See above.
  }
}

/** Removes the features of every project. A run that goes on goes on without. */
export async function clearFeatures(database: BedsideDatabase): Promise<void> {
  await inTransaction(database, ['features'], 'readwrite', (transaction) => transaction.objectStore('features').clear());
  await sweepFeatures(database);
}

/** What a run is going to compute: enough to tell files that it can use from earlier ones, and how much room it would like. */
export interface FeatureUse {
  readonly encoderSha256: string;
  readonly device: string;
  readonly maximumLength: number;
  readonly bytes: number;
}

/** What a plan reads of so many notes; null for plans that read no pooled features. */
export function featureUseOf(plan: Plan, noteCount: number, encoder: EncoderFacts, device: string): FeatureUse | null {
  if (plan.kind === 'dp-sgd' || plan.kind === 'plain-lora' || plan.kind === 'plain-layers') return null;
  const layers = plan.kind === 'full-batch-head' ? plan.featureLayers.length : 1;
  return { encoderSha256: encoder.report.sha256, device, maximumLength: plan.maximumLength, bytes: segmentBytes(noteCount * layers, encoder.shape.width) };
}

/** What a plan's frozen layers give for so many tokens, beyond what the trainers' memory holds; null where it holds all, and for plans whose draws are secret. */
export function outputUseOf(plan: Plan, load: { readonly rows: number; readonly tokens: number; readonly classes: number; readonly trainers: number }, encoder: EncoderFacts, device: string): FeatureUse | null {
  const adapter = isPrivate(plan) ? null : adapterOf(plan, load.classes);
  if (!adapter || firstTrainedLayer(encoder.shape, adapter) === 0) return null;
  const bytes = load.tokens * encoder.shape.width * prefixNumberBytes + load.rows * outputFileBytes - load.trainers * defaultPrefixBytes;
  return bytes > 0 ? { encoderSha256: encoder.report.sha256, device, maximumLength: plan.maximumLength, bytes } : null;
}

function prefixOf(secret: Uint8Array, { encoderSha256, device, maximumLength }: FeatureUse): string {
  return bytesToHex(hmac(sha256, secret, utf8ToBytes(`bedside/features/use/${encoderSha256}/${device}/${maximumLength}`)).subarray(0, 4));
}

/** Whether a run would find nearly all its notes read: for forecasts, by the length of the files alone. */
export async function areFeaturesCached(database: BedsideDatabase, projectId: string, use: FeatureUse): Promise<boolean> {
  const [root, record] = await Promise.all([openFeatureRoot(featureRootName(database.name)), inTransaction(database, ['features'], 'readonly', (transaction) => transaction.objectStore('features').get(projectId))]);
  const folder = record && (await root?.getDirectoryHandle(record.folder).catch(() => null));
  if (!folder) return false;
  const prefix = prefixOf(record.secret, use);
  const { files } = await sizeOfFolder(folder);
  return sum([...files].map(([name, bytes]) => (name.startsWith(prefix) ? bytes : 0))) >= 0.9 * use.bytes;
}

/**
 * Opens a project's cache for a run. Where there is not room for all of it, projects used longest ago give way, then files of the project's other devices and lengths.
 * Call it under the training lock, before any trainer of the run writes. Resolves to null where the browser has no place for it or anything fails.
 */
export async function grantFeatures(database: BedsideDatabase, project: ProjectRecord, use: FeatureUse): Promise<FeatureGrant | null> {
  try {
    const rootName = featureRootName(database.name);
    const root = await openFeatureRoot(rootName);
    const record = root && (await recordOf(database, project));
    if (!record) return null;
    const { folder, secret } = record;
    await sweepFeatures(database);
    const directory = await root.getDirectoryHandle(folder, { create: true });
    const prefix = prefixOf(secret, use);
    const allowanceBytes = await makeRoom(database, root, directory, record, prefix, use.bytes);
    const { files } = await sizeOfFolder(directory);
    return { rootName, folder, secret, encoderSha256: use.encoderSha256, prefix, files: [...files.keys()].filter((name) => !isOutput(name)), hasOutputs: [...files.keys()].some((name) => isOutput(name)), allowanceBytes };
  } catch {
    return null;
  }
}

/** The project's record, marked as used now; a new one where there is none, or one of other texts. Null where the project or its texts are no longer those of the run. */
async function recordOf(database: BedsideDatabase, { id, columnRoles }: ProjectRecord): Promise<FeaturesRecord | null> {
  const textColumns = textColumnsOf(columnRoles);
  return inTransaction(database, ['projects', 'features'], 'readwrite', async (transaction) => {
    const records = transaction.objectStore('features');
    const [project, kept] = await Promise.all([transaction.objectStore('projects').get(id), records.get(id)]);
    if (!project || textColumnsOf(project.columnRoles) !== textColumns) return null;
    const isSame = kept?.textColumns === textColumns;
    const record: FeaturesRecord = {
      ...(isSame ? kept : { projectId: id, folder: crypto.randomUUID(), secret: crypto.getRandomValues(new Uint8Array(32)), textColumns }),
      usedAtMs: Date.now(),
    };
    await records.put(record);
    return record;
  });
}

/** Makes room for `wantedBytes` of files named by `prefix`, those that are there included, as far as it goes; returns the bytes that may be written. */
async function makeRoom(database: BedsideDatabase, root: FileSystemDirectoryHandle, own: FileSystemDirectoryHandle, { projectId }: FeaturesRecord, prefix: string, wantedBytes: number): Promise<number> {
  const [sizes, { files }, { quota = 0, usage = 0 }, records] = await Promise.all([
    folderSizes(database),
    sizeOfFolder(own),
    navigator.storage.estimate(),
    inTransaction(database, ['features'], 'readonly', (transaction) => transaction.objectStore('features').getAll()),
  ]);
  let cached = sum(sizes.values());
  const limit = featureLimitBytes({ quota, usage }, cached);
  const isUseful = (name: string) => (isOutput(name) ? name.slice(outputsFolder.length + 1) : name).startsWith(prefix);
  const neededBytes = wantedBytes - sum([...files].map(([name, bytes]) => (isUseful(name) ? bytes : 0)));
  const others = records.filter((record) => record.projectId !== projectId).sort((a, b) => a.usedAtMs - b.usedAtMs);
  for (const record of others) {
    if (cached + neededBytes <= limit) break;
    await inTransaction(database, ['features'], 'readwrite', (transaction) => transaction.objectStore('features').delete(record.projectId));
    await removeFolder(root, record.folder);
    cached -= sizes.get(record.folder) ?? 0;
  }
  for (const [name, bytes] of files) {
    if (cached + neededBytes <= limit) break;
    if (isUseful(name)) continue;
    await removeFile(own, name);
    cached -= bytes;
  }
  return Math.max(0, limit - cached);
}

const isOutput = (name: string) => name.startsWith(`${outputsFolder}/`);

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

async function namesIn(root: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of root.keys()) names.push(name);
  return names;
}

async function folderSizes(database: BedsideDatabase): Promise<Map<string, number>> {
  const root = await openFeatureRoot(featureRootName(database.name));
  const sizes = new Map<string, number>();
  if (!root) return sizes;
  for (const name of await namesIn(root)) {
    const folder = await root.getDirectoryHandle(name).catch(() => null);
    if (folder) sizes.set(name, (await sizeOfFolder(folder)).bytes);
  }
  return sizes;
}
