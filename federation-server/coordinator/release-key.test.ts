import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { completeTask } from './task-draft.ts';
import { releaseKey } from './release-key.ts';
import { taskFile } from './testing/scene.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bedside-release-key-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the key of releases', () => {
  it('is made once, for its owner alone, and fits a task', async () => {
    const state = join(folder, 'state');
    const { file, publicKey } = releaseKey(state);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(releaseKey(state)).toEqual({ file, publicKey });
    expect(createPublicKey(readFileSync(file)).export({ type: 'spki', format: 'der' }).toString('base64')).toBe(publicKey);
    expect((await completeTask(taskFile, { rounds: null, epsilon: null, skew: null, centralNoise: null, releaseKey: publicKey })).task.releaseKey).toBe(publicKey);
  });

  it('that is damaged or of another curve is not replaced', () => {
    for (const content of ['no key', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })]) {
      writeFileSync(join(folder, 'release-key.pem'), content);
      expect(() => releaseKey(folder)).toThrow(expect.objectContaining({ code: 'cli/release-key' }));
      expect(readFileSync(join(folder, 'release-key.pem'), 'utf8')).toBe(content);
    }
  });
});
