import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { fileSystemError, systemErrorCode } from './system-errors.ts';

let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'bedside-errors-')); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('fileSystemError', () => {
  it('turns what this system really refuses into sentences that name the path', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const cases: readonly [string, RegExp, () => unknown][] = [
      ['ENOTDIR', /file\/x runs through a file/, () => readFileSync(join(file, 'x'))],
      ['EEXIST', /file runs through a file/, () => mkdirSync(file)],
      ['EISDIR', /is a folder, expected a file/, () => writeFileSync(folder, '')],
      ['ENOENT', /There is no .*nothing/, () => readFileSync(join(folder, 'nothing'))],
      ['ENAMETOOLONG', /is longer than this disk allows/, () => writeFileSync(join(folder, 'x'.repeat(300)), '')],
    ];
    for (const [code, message, work] of cases) {
      const thrown = thrownBy(work);
      expect(systemErrorCode(thrown)).toBe(code);
      expect(fileSystemError(thrown)).toMatchObject({ family: 'storage', message: expect.stringMatching(message) });
    }
  });

  it.runIf(process.platform === 'linux')('knows a full disk', () => {
    expect(fileSystemError(thrownBy(() => writeFileSync('/dev/full', 'x')), '/dev/full')).toMatchObject({ code: 'storage/enospc', message: expect.stringContaining('/dev/full is full') });
  });

  it('leaves faults of ours alone', () => {
    expect(fileSystemError(new TypeError('x is not a function'))).toBeNull();
    expect(fileSystemError(Object.assign(new Error('no such module'), { code: 'ENOENT' }))).toBeNull();
    expect(fileSystemError(new BedsideError('input/x', 'input', 'm', 'h'))).toBeNull();
    expect(fileSystemError('text')).toBeNull();
  });
});
