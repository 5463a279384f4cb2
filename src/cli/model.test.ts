import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifestFile, readManifest } from '../engine/model/manifest.ts';
import { nanoFloatFiles, nanoModel, nanoModelFiles } from '../engine/model/nano.ts';
import { openModel } from '../engine/model/open-model.ts';
import { readSafetensors } from '../engine/model/safetensors.ts';

const run = promisify(execFile);
const script = join(import.meta.dirname, 'model.ts');
const models = join(import.meta.dirname, '..', '..', 'models');
let folder: string;

beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'bedside-model-')); });
afterAll(() => rm(folder, { recursive: true }));

/** Runs the command line; exit code and what it printed. */
async function model(...words: string[]): Promise<{ code: number; output: string; errors: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, ['--import', 'tsx', script, ...words, '--into', join(folder, 'models')]);
    return { code: 0, output: stdout, errors: stderr };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'stderr' in error)) throw error;
    return { code: Number(error.code), output: '', errors: String(error.stderr) };
  }
}

async function writeSource(name: string, files: ReadonlyMap<string, Uint8Array | string>): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  for (const [file, bytes] of files) await writeFile(join(path, file), bytes);
  return path;
}

async function readFiles(path: string): Promise<Map<string, Uint8Array>> {
  return new Map(await Promise.all((await readdir(path)).map(async (name) => [name, await readFile(join(path, name))] as const)));
}

async function expectManifest(path: string): Promise<void> {
  const files = await readFiles(path);
  const manifest = readManifest(JSON.parse(Buffer.from(files.get(manifestFile)!).toString('utf8')));
  files.delete(manifestFile);
  expect(Object.keys(manifest.files).sort()).toEqual([...files.keys()].sort());
  for (const [name, bytes] of files) {
    expect(manifest.files[name], name).toEqual({ sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  }
}

describe('npm run model -- add', () => {
  test('quantizes a float32 folder into one that opens', async () => {
    const source = await writeSource('tiny', new Map<string, Uint8Array | string>([...nanoFloatFiles(4), ['README.md', '---\nlanguage: en\nlicense: apache-2.0\n---\n# Tiny\n']]));
    const { code, output, errors } = await model('add', source, '--name', 'tiny-bert', '--origin', 'a test');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toMatch(/tiny-bert: 8 files, 0\.\d MB/);

    const made = join(folder, 'models', 'tiny-bert');
    const files = await readFiles(made);
    expect([...files.keys()].sort()).toEqual(['LICENSE', 'README.md', 'bedside.json', 'config.json', 'golden.safetensors', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']);
    expect(openModel(files).weights).toEqual(nanoModel(4).weights);
    await expectManifest(made);
    const cardText = Buffer.from(files.get('README.md')!).toString('utf8');
    const sourceHash = createHash('sha256').update(nanoFloatFiles(4).get('model.safetensors')!).digest('hex');
    expect(cardText).toContain(sourceHash);
    expect(cardText).toContain('Origin: a test');
    expect(cardText).toContain('Licence: apache-2.0');
    expect(Buffer.from(files.get('LICENSE')!).toString('utf8')).toContain('Apache License');

    // Lost, or made by an older version: made anew, it is the same.
    await rm(join(made, 'golden.safetensors'));
    expect(await model('golden', made)).toMatchObject({ code: 0 });
    expect(await readFiles(made)).toEqual(files);

    const again = await model('add', source, '--name', 'tiny-bert');
    expect(again).toMatchObject({ code: 2 });
    expect(again.errors).toMatch(/tiny-bert exists already\. Remove it/);
  });

  test.each<[string, Map<string, Uint8Array | string>, RegExp]>([
    ['no weights', new Map([...nanoFloatFiles(4)].filter(([name]) => name !== 'model.safetensors')), /^The model has no model\.safetensors\. Add model\.safetensors.*\n$/],
    ['weights that are int8 already', nanoModelFiles(4), /^model\.safetensors should hold float32 or float16 weights, found int8\..*\n$/],
    ['weights that are no safetensors', new Map<string, Uint8Array | string>([...nanoFloatFiles(4), ['model.safetensors', 'version https://git-lfs.github.com/spec/v1']]), /^model\.safetensors should have a header of \d+ bytes.*\n$/],
    ['another kind of model', new Map<string, Uint8Array | string>([...nanoFloatFiles(4), ['config.json', '{"model_type":"gpt2"}']]), /^config\.json should have model_type "bert" or "distilbert", found "gpt2"\..*\n$/],
    ['a config that is no JSON', new Map<string, Uint8Array | string>([...nanoFloatFiles(4), ['config.json', 'model_type: bert']]), /^config\.json should be a JSON object.*\n$/],
    ['a tokenizer that is none', new Map<string, Uint8Array | string>([...nanoFloatFiles(4), ['tokenizer.json', '{}']]), /^tokenizer\.json should describe a tokenizer.*\n$/],
  ])('answers a folder with %s in one sentence and exit code 2, and leaves nothing behind', async (name, files, message) => {
    const source = await writeSource(name.replaceAll(' ', '-'), files);
    const { code, errors } = await model('add', source);
    expect(errors).toMatch(message);
    expect(code).toBe(2);
    expect(await readdir(join(folder, 'models')).catch(() => [])).not.toContain(name.replaceAll(' ', '-'));
  });

  test.each<[string, string[], RegExp]>([
    ['a folder that is not there', ['add', '/no/such/folder'], /^There is no folder \/no\/such\/folder\. Check the path\.\n$/],
    ['no verb', [], /^Expected the verb "add" or "golden" and one folder\. Usage: .*\n$/],
    ['an unknown option', ['add', 'x', '--size', '3'], /^Unknown option '--size'\. Usage: .*\n$/],
    ['a name that leaves the folder', ['add', 'x', '--name', '../x'], /^A model name has letters.*\n$/],
  ])('answers %s in one sentence and exit code 2', async (_name, words, message) => {
    const { code, errors } = await model(...words);
    expect(errors).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('models/all-MiniLM-L6-v2', () => {
  const made = join(models, 'all-MiniLM-L6-v2');

  test('is whole, 24 MB at most, and says where it came from', async () => {
    await expectManifest(made);
    const names = await readdir(made);
    expect(names.sort()).toEqual(['LICENSE', 'README.md', 'bedside.json', 'config.json', 'golden.safetensors', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']);
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(made, name))).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(24e6);
    const golden: { meta: { sha256: Record<string, string> } } = JSON.parse(await readFile(join(import.meta.dirname, '../fixtures/goldens/minilm.json'), 'utf8'));
    const manifest = readManifest(JSON.parse(await readFile(join(made, manifestFile), 'utf8')));
    expect(manifest.sourceSha256).toBe(golden.meta.sha256['model.safetensors']);
    expect(manifest.files['tokenizer.json']!.sha256).toBe(golden.meta.sha256['tokenizer.json']);
    expect(manifest.files['config.json']!.sha256).toBe(golden.meta.sha256['config.json']);
  });

  test('holds every matrix as int8 with scales, and nothing of the pooler', async () => {
    const tensors = readSafetensors(await readFile(join(made, 'model.safetensors')));
    // 6 layers of 6 linear maps and 3 embeddings; a scale beside each.
    const matrices = [...tensors].filter(([, { values }]) => values instanceof Int8Array);
    expect(matrices).toHaveLength(39);
    for (const [name, { shape }] of matrices) expect(tensors.get(`${name}.scale`)?.shape).toEqual([shape[0]]);
    expect([...tensors.keys()].filter((name) => name.includes('pooler'))).toEqual([]);
  });
});
