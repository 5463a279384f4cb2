import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BedsideError } from '../ground/errors.ts';
import { releasableBecause } from '../privacy/doors.ts';
import { checkOutFile, checkOutFolder, writeModelFolder, writeOutFile } from './out-files.ts';

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bedside-out-'));
  writeFileSync(at('file'), 'mine');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const model = releasableBecause('public', new Map([['head_config.json', new Uint8Array([1])], ['head.safetensors', new Uint8Array([2, 3])]]));

describe('checkOutFolder', () => {
  it('lets a folder pass that can be made, and leaves nothing behind', async () => {
    await checkOutFolder(at('deep', 'er', 'model'), 3 << 20);
    mkdirSync(at('empty'));
    await checkOutFolder(at('empty'), 10);
    await checkOutFolder(at('model'), 0);
    expect(readdirSync(folder).sort()).toEqual(['empty', 'file']);
  });

  it('says what is in the way', async () => {
    const cases: readonly [string, RegExp][] = [
      [at('file'), /is a file, expected a folder/],
      [at('file', 'x'), /file\/x runs through a file/],
      [at('file', 'x', 'y'), /file\/x\/y runs through a file/],
      [at('n'.repeat(300)), /longer than this disk allows/],
      [folder, /holds files that are no model/],
    ];
    for (const [path, message] of cases) await expect(checkOutFolder(path, 10)).rejects.toMatchObject({ name: 'BedsideError', message: expect.stringMatching(message) });
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it.runIf(process.platform === 'linux')('refuses the root of a disk, which a folder beside it cannot replace', async () => {
    // Every Linux has this one, and nothing can be written in it.
    await expect(checkOutFolder('/proc', 10)).rejects.toMatchObject({ code: expect.stringMatching(/out-not-empty|out-is-disk/) });
  });
});

describe('writeModelFolder', () => {
  it('replaces an earlier model whole', async () => {
    await writeModelFolder(at('model'), releasableBecause('public', new Map([['head_config.json', new Uint8Array([9])], ['old', new Uint8Array()]])));
    await writeModelFolder(at('model'), model);
    expect(readdirSync(at('model')).sort()).toEqual(['head.safetensors', 'head_config.json']);
    expect(readdirSync(folder).sort()).toEqual(['file', 'model']);
  });

  it('keeps the model in a folder for temporary files where its own cannot be written, and says where', async () => {
    const error: BedsideError = await writeModelFolder(at('file', 'x'), model).then(() => { throw new Error('was written'); }, (thrown: BedsideError) => thrown);
    expect(error).toMatchObject({ code: 'storage/model-elsewhere', family: 'storage' });
    const kept = String(error.values['kept']);
    expect(error.message).toContain(`The model is kept in ${kept}`);
    expect([...readFileSync(join(kept, 'head.safetensors'))]).toEqual([2, 3]);
    rmSync(kept, { recursive: true });
  });
});

describe('a file that is written', () => {
  it('is tried without a trace', async () => {
    await checkOutFile(at('new.csv'));
    await checkOutFile(at('file'));
    expect(readdirSync(folder)).toEqual(['file']);
    expect(readFileSync(at('file'), 'utf8')).toBe('mine');
    await expect(checkOutFile(folder)).rejects.toMatchObject({ message: expect.stringMatching(/is a folder, expected a file/) });
    await expect(checkOutFile(at('file', 'z.csv'))).rejects.toMatchObject({ message: expect.stringMatching(/runs through a file/) });
    await expect(checkOutFile(at('nowhere', 'z.csv'))).rejects.toMatchObject({ message: expect.stringMatching(/no folder for it/) });
  });

  it('is replaced whole, through a link too; what is no file is written to', async () => {
    symlinkSync(at('file'), at('link'));
    await writeOutFile(at('link'), releasableBecause('public', 'new'));
    expect(readFileSync(at('file'), 'utf8')).toBe('new');
    await writeOutFile('/dev/null', releasableBecause('public', 'gone'));
    expect(statSync('/dev/null').isFile()).toBe(false);
    expect(existsSync(at('file.unfinished'))).toBe(false);
  });
});
