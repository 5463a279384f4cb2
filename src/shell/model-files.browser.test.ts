import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { engineFiles } from '../engine/model/manifest.ts';
import { nanoModelFiles } from '../engine/model/nano.ts';
import { loadEncoder, loadTrainerModel } from './encoder.ts';
import { encoderReport } from './encoder-report.ts';
import { modelCacheName } from './model-cache.ts';

const files = nanoModelFiles(3);
const source = { name: 'little', folder: new URL('models/little/', location.href).href };

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A server of a model folder that counts what is asked of it. */
async function serve(changes: { readonly damaged?: string; readonly missing?: string } = {}) {
  const entries = await Promise.all(engineFiles.map(async (name) => [name, { sizeBytes: files.get(name)!.length, sha256: await sha256(files.get(name)!) }] as const));
  const manifest = { format: 1, name: 'little', license: 'Apache-2.0', origin: 'made by code', sourceSha256: '', layers: 2, width: 32, parameters: 1, files: Object.fromEntries(entries) };
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string) => {
    const name = url.slice(source.folder.length);
    asked.push(name);
    if (name === changes.missing) return new Response(null, { status: 404 });
    if (name === 'bedside.json') return Response.json(manifest);
    const bytes = files.get(name)!.slice();
    if (name === changes.damaged) bytes[bytes.length >> 1]! ^= 1;
    return new Response(bytes);
  });
  return asked;
}

describe('loading an encoder', () => {
  beforeEach(async () => {
    await caches.delete(modelCacheName);
  });
  afterEach(async () => {
    vi.unstubAllGlobals();
    await caches.delete(modelCacheName);
  });

  it('keeps every file once and asks the server no second time', async () => {
    const asked = await serve();
    const progress: number[] = [];
    const { report, tokenizer } = await loadEncoder(source, ({ done, total }) => progress.push(done / total));
    expect(report).toMatchObject({ name: 'little', license: 'Apache-2.0', sha256: await sha256(files.get('model.safetensors')!) });
    expect(tokenizer.encode('the patient', 16).ids.length).toBeGreaterThan(2);
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect((await loadTrainerModel(source)).weights.shape.layers).toBe(2);
    for (const name of engineFiles) expect(asked.filter((one) => one === name)).toHaveLength(1);
    expect(await (await caches.open(modelCacheName)).keys()).toHaveLength(engineFiles.length + 1);
  });

  it('needs no network once it is kept', async () => {
    await serve();
    await loadEncoder(source, () => undefined);
    vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('Failed to fetch')));
    expect((await loadEncoder(source, () => undefined)).report.name).toBe('little');
    expect((await encoderReport(source)).layers).toBe(2);
  });

  it('refuses a damaged file and does not keep it', async () => {
    await serve({ damaged: 'model.safetensors' });
    await expect(loadEncoder(source, () => undefined)).rejects.toMatchObject({ code: 'model/hash-mismatch', family: 'model', values: { file: 'model.safetensors' } });
    expect(await (await caches.open(modelCacheName)).match(`${source.folder}model.safetensors`)).toBeUndefined();
  });

  it('loads a kept file anew that is no longer what the manifest says', async () => {
    await serve();
    await loadEncoder(source, () => undefined);
    await (await caches.open(modelCacheName)).put(`${source.folder}model.safetensors`, new Response('damaged'));
    expect((await loadTrainerModel(source)).weights.shape.width).toBe(32);
  });

  it.each(['bedside.json', 'tokenizer.json'])('says that %s is missing', async (missing) => {
    await serve({ missing });
    await expect(loadEncoder(source, () => undefined)).rejects.toMatchObject({ code: 'model/not-found', family: 'model', values: { file: missing, status: 404 } });
  });

  it('knows the model made by code', async () => {
    const report = await encoderReport({ name: 'nano', folder: '' });
    expect(report).toMatchObject({ layers: 2, width: 32 });
    expect(report.parameters).toBeGreaterThan(10_000);
  });
});
