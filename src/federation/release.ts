import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import { fromNpy } from './arrays.ts';
import { badRelease, noReleaseKey } from './errors.ts';
import { base64ToBytes, type Sha256 } from './signing.ts';
import type { Release } from './status.ts';
import type { Task } from './task.ts';

/** Verifies r||s of ECDSA over P-384 with SHA-384 under a SubjectPublicKeyInfo. */
export type VerifySignature = (publicKeySpki: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>, message: Uint8Array<ArrayBuffer>) => Promise<boolean>;

/** The bytes that a release's signature is over: four fields in decimals and hexadecimals, a line each. */
export function releaseMessage(taskHash: string, { version, round, sha256 }: Pick<Release, 'version' | 'round' | 'sha256'>): Uint8Array<ArrayBuffer> {
  return utf8ToBytes(`bedside federation release 1\n${taskHash}\n${version}\n${round}\n${sha256}\n`);
}

export interface ReleaseParts {
  readonly task: Task;
  readonly taskHash: string;
  readonly release: Release;
  /** The .npy file as it came. */
  readonly file: Uint8Array<ArrayBuffer>;
  /** No lower version is taken: an old release is signed as well. */
  readonly leastVersion: number;
  readonly sha256: Sha256;
  readonly verify: VerifySignature;
}

/** Refuses a release that the task's key did not sign, or that is older than one had before. @throws `federation/bad-model`, `federation/no-release-key`. */
export async function checkSignature({ task, taskHash, release, leastVersion, verify }: Pick<ReleaseParts, 'task' | 'taskHash' | 'release' | 'leastVersion' | 'verify'>): Promise<void> {
  const key = task.releaseKey === undefined ? null : base64ToBytes(task.releaseKey);
  if (key === null) throw noReleaseKey();
  const signature = base64ToBytes(release.signature);
  if (signature === null || !(await verify(key, signature, releaseMessage(taskHash, release)))) throw badRelease('signature', "that of the task's key", 'another');
  if (release.version < leastVersion) throw badRelease('version', `at least ${leastVersion}`, String(release.version));
}

/**
 * The numbers of a release, [coordinates]: signed by the key of the task that was agreed to, of the signed hash and length, of the task's shape, all finite.
 * @throws as `checkSignature`.
 */
export async function readReleasedModel(parts: ReleaseParts): Promise<Float32Array> {
  const { task, release, file, sha256 } = parts;
  await checkSignature(parts);
  const hash = bytesToHex(await sha256(file));
  if (hash !== release.sha256) throw badRelease('hash', release.sha256.slice(0, 12), hash.slice(0, 12));
  if (file.length !== release.sizeBytes) throw badRelease('length', `${release.sizeBytes} bytes`, `${file.length}`);
  const model = numbersOf(file, task.coordinates);
  if (!model.every(Number.isFinite)) throw badRelease('numbers', 'finite', 'others');
  return model;
}

function numbersOf(file: Uint8Array, coordinates: number): Float32Array {
  try {
    return fromNpy(file, [coordinates]);
  } catch {
    throw badRelease('shape', `${coordinates} numbers`, 'another');
  }
}
