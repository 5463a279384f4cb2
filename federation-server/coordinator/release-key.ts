import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BedsideError } from '../../src/ground/errors.ts';

export interface ReleaseKey {
  /** PEM, for the ServerApp. */
  readonly file: string;
  /** `releaseKey` of a task: SubjectPublicKeyInfo in base64. */
  readonly publicKey: string;
}

/** Who signs releases: one key for all federations of a folder, made at the first start, readable by its owner. */
export function releaseKey(stateFolder: string): ReleaseKey {
  const file = join(stateFolder, 'release-key.pem');
  if (!existsSync(file)) {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  }
  const key = readKey(file);
  return { file, publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64') };
}

function readKey(file: string): KeyObject {
  const damaged = () => new BedsideError('cli/release-key', 'input', `${file} is no ECDSA key over P-384.`, 'Restore it from a copy. Without it participants take no further release of the federations that it signed; a new one makes a new federation of every task.');
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(file));
  } catch {
    throw damaged();
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'secp384r1') throw damaged();
  return key;
}
