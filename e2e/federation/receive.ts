import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readReleasedModel, type VerifySignature } from '../../src/federation/release.ts';
import type { SigningKey } from '../../src/federation/signing.ts';
import type { Release } from '../../src/federation/status.ts';
import { ownHeaders, type Command } from './command.ts';
import { sha256 } from './participant.ts';

export const verifyRelease: VerifySignature = async (spki, signature, message) =>
  webcrypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-384' }, await webcrypto.subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: 'P-384' }, false, ['verify']), signature, message);

/** The newest release as a client takes it: by the key of the task that was agreed to. */
export async function receive(command: Command, key: SigningKey, leastVersion: number): Promise<{ readonly release: Release; readonly model: Float32Array }> {
  const { task, taskHash } = command;
  const { model: release } = await command.status();
  const answer = await command.send(`${command.origin}/federation/model`, { method: 'GET', headers: await ownHeaders(command, key, 'GET', 'model') });
  if (release === null || answer.status !== 200) throw new Error(`no release (${answer.status})`);
  const file = new Uint8Array(await answer.arrayBuffer());
  return { release, model: await readReleasedModel({ task, taskHash, release, file, leastVersion, sha256, verify: verifyRelease }) };
}

/** A release as the ServerApp keeps it. */
export function releasedFile(folder: string, version: number): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, 'out', `release-${version}.npy`)));
}
