import { engineFiles, goldenFile, manifestFile, readManifest, type ModelManifest } from '../engine/model/manifest.ts';
import { missingFileError } from '../engine/model/model-error.ts';
import type { Progress } from './bedside.service.ts';
import { modelCacheName } from './model-cache.ts';
import { modelHashMismatch, modelNotFound } from './model-errors.ts';
import { toStorageError } from './storage-errors.ts';

export type EngineFile = (typeof engineFiles)[number] | typeof goldenFile;

/** The model's golden batch among the files to load, where the folder has one. */
export function withGolden(manifest: ModelManifest, names: readonly EngineFile[]): readonly EngineFile[] {
  return goldenFile in manifest.files ? [...names, goldenFile] : names;
}

async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function keep(cache: Cache, url: string, response: Response): Promise<void> {
  try {
    await cache.put(url, response);
  } catch (error) {
    throw toStorageError(error);
  }
}

/** The server's manifest where it can be reached, else the one kept: a newer model on the server is noticed, and no network is needed. */
export async function loadManifest(folder: string): Promise<ModelManifest> {
  const cache = await caches.open(modelCacheName);
  const url = folder + manifestFile;
  const response = await fetch(url, { cache: 'no-store' }).catch(() => null);
  if (response?.ok) {
    const forCache = response.clone();
    const manifest = readManifest(await response.json());
    await keep(cache, url, forCache);
    return manifest;
  }
  const kept = await cache.match(url);
  if (!kept) throw modelNotFound(manifestFile, response?.status ?? 0);
  return readManifest(await kept.json());
}

async function download(url: string, file: string, onBytes: (count: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  // Not through the HTTP cache, which would keep a second copy.
  const response = await fetch(url, { cache: 'no-store' }).catch(() => null);
  if (!response?.ok || !response.body) throw modelNotFound(file, response?.status ?? 0);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    onBytes(value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/**
 * Files of a model folder, from Cache Storage where they are the manifest's, else from the app's own origin into it.
 * Every file is checked against its SHA-256 each time and before it is kept; the model is kept once.
 * Units: progress in bytes. Throws errors of family model; storage where there is no room to keep it.
 */
export async function loadModelFiles(folder: string, manifest: ModelManifest, names: readonly EngineFile[], onProgress: (progress: Progress) => void = () => undefined): Promise<Map<EngineFile, Uint8Array<ArrayBuffer>>> {
  const cache = await caches.open(modelCacheName);
  const wanted = names.map((name) => {
    const entry = manifest.files[name];
    if (!entry) throw missingFileError(name);
    return { name, ...entry };
  });
  const total = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let done = 0;
  let told = 0;
  /** A model comes in hundreds of pieces: told by the fiftieth, it keeps no page busy. */
  const tell = (count: number) => {
    if (count < total && count - told < total / 50) return;
    told = count;
    onProgress({ done: count, total });
  };
  const files = new Map<EngineFile, Uint8Array<ArrayBuffer>>();
  for (const { name, sizeBytes, sha256 } of wanted) {
    const url = folder + name;
    const kept = await cache.match(url);
    let bytes = kept ? new Uint8Array(await kept.arrayBuffer()) : null;
    if (bytes === null || (await sha256Hex(bytes)) !== sha256) {
      let received = 0;
      bytes = await download(url, name, (count) => tell(done + Math.min(sizeBytes, (received += count))));
      const found = await sha256Hex(bytes);
      if (found !== sha256) throw modelHashMismatch(name, sha256, found);
      await keep(cache, url, new Response(bytes, { headers: { 'Content-Length': String(bytes.length) } }));
    }
    files.set(name, bytes);
    tell((done += sizeBytes));
  }
  return files;
}
