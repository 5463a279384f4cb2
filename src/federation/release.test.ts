import { beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../ground/bytes.ts';
import { toNpy } from './arrays.ts';
import { readReleasedModel, releaseMessage, type ReleaseParts } from './release.ts';
import { base64ToBytes, bytesToBase64 } from './signing.ts';
import { sha256 } from './testing/golden.ts';
import { task, taskHash } from './testing/node-scene.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-384' } as const;
const scheme = { name: 'ECDSA', hash: 'SHA-384' } as const;
const verify: ReleaseParts['verify'] = async (spki, signature, message) => crypto.subtle.verify(scheme, await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify']), signature, message);
let pair: CryptoKeyPair;
let releaseKey = '';
beforeAll(async () => {
  pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  releaseKey = bytesToBase64(new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)));
});

/** A release of these numbers, signed; what is changed afterwards is not. */
async function released(values = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), change: Partial<ReleaseParts['release']> = {}): Promise<ReleaseParts> {
  const file = toNpy(values, [values.length]);
  const unsigned = { version: 2, round: 3, sha256: bytesToHex(await sha256(file)), sizeBytes: file.length };
  const signature = bytesToBase64(new Uint8Array(await crypto.subtle.sign(scheme, pair.privateKey, releaseMessage(taskHash, unsigned))));
  return { task: { ...task, releaseKey }, taskHash, release: { ...unsigned, signature, ...change }, file, leastVersion: 0, sha256, verify };
}

describe('a released model', () => {
  it('is read where key, hash, shape and numbers are right', async () => {
    const parts = await released();
    expect([...(await readReleasedModel(parts))]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...(await readReleasedModel({ ...parts, leastVersion: 2 }))]).toHaveLength(8);
  });

  it.each<readonly [string, string, (parts: ReleaseParts) => ReleaseParts | Promise<ReleaseParts>]>([
    ['another version', 'signature', (parts) => ({ ...parts, release: { ...parts.release, version: 3 } })],
    ['another round', 'signature', (parts) => ({ ...parts, release: { ...parts.release, round: 2 } })],
    ['another hash', 'signature', (parts) => ({ ...parts, release: { ...parts.release, sha256: 'ab'.repeat(32) } })],
    ['a signature of another federation', 'signature', (parts) => ({ ...parts, taskHash: 'ef'.repeat(32) })],
    ['a signature that is none', 'signature', (parts) => ({ ...parts, release: { ...parts.release, signature: '!' } })],
    ["another's key", 'signature', async (parts) => ({ ...parts, task: { ...parts.task, releaseKey: bytesToBase64(new Uint8Array(await crypto.subtle.exportKey('spki', (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])).publicKey))) } })],
    ['an older release', 'version', (parts) => ({ ...parts, leastVersion: 3 })],
    ['other bytes', 'hash', (parts) => ({ ...parts, file: parts.file.map((byte, i) => (i === 130 ? byte ^ 1 : byte)) })],
    ['another length', 'length', (parts) => ({ ...parts, release: { ...parts.release, sizeBytes: 5 } })],
    ['another shape', 'shape', () => released(Float32Array.of(1, 2))],
    ['a number that is none', 'numbers', () => released(Float32Array.of(1, 2, 3, 4, 5, 6, 7, NaN))],
    ['one without end', 'numbers', () => released(Float32Array.of(1, 2, 3, 4, 5, 6, Infinity, 0))],
  ])('is refused for %s', async (_, what, change) => {
    await expect(readReleasedModel(await change(await released()))).rejects.toMatchObject({ code: 'federation/bad-model', values: { what } });
  });

  it('is not fetched where the task names no key', async () => {
    await expect(readReleasedModel({ ...(await released()), task })).rejects.toMatchObject({ code: 'federation/no-release-key' });
  });
});

describe('base64', () => {
  it('comes back as it was, for every length', () => {
    for (let length = 0; length < 10; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 97 + 200) & 255);
      expect([...base64ToBytes(bytesToBase64(bytes))!]).toEqual([...bytes]);
    }
  });
  it('is nothing else', () => {
    for (const text of ['a', 'ab', 'abc', 'ab=c', '====', 'ab c', 'äbcd']) expect(base64ToBytes(text)).toBeNull();
  });
});
