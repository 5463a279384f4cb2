import { base64ToBytes, type Sha256 } from '../signing.ts';
import type { RecordedAuth, WireParts } from './wire.ts';

interface Curve {
  readonly name: string;
  readonly namedCurve: string;
}
interface Signing {
  readonly name: string;
  readonly hash: string;
}

/** What is used of WebCrypto's SubtleCrypto. */
export interface Subtle<Key> {
  importKey(format: 'pkcs8' | 'spki', bytes: Uint8Array<ArrayBuffer>, algorithm: Curve, isExtractable: boolean, usages: ('sign' | 'verify')[]): Promise<Key>;
  sign(algorithm: Signing, key: Key, bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
  verify(algorithm: Signing, key: Key, signature: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>): Promise<boolean>;
  digest(algorithm: string, bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
}

const curve: Curve = { name: 'ECDSA', namedCurve: 'P-384' };
const signing: Signing = { name: 'ECDSA', hash: 'SHA-256' };

/** DER of a PEM block; empty where it is none. */
export function pemToDer(pem: string): Uint8Array<ArrayBuffer> {
  return base64ToBytes(pem.replaceAll(/-----[^-]+-----|\n/g, '')) ?? new Uint8Array(0);
}

/** The parts of the recorded key pair. `timeMs` reads an ISO 8601 time, as Date.parse does. */
export async function wireParts<Key>(auth: RecordedAuth, subtle: Subtle<Key>, timeMs: (timestamp: string) => number): Promise<WireParts> {
  const publicKeySpki = pemToDer(auth.public_key_pem);
  const privateKey = await subtle.importKey('pkcs8', pemToDer(auth.private_key_pkcs8_pem), curve, false, ['sign']);
  const publicKey = await subtle.importKey('spki', publicKeySpki, curve, true, ['verify']);
  const sha256: Sha256 = async (bytes) => new Uint8Array(await subtle.digest('SHA-256', bytes));
  return {
    sha256, timeMs,
    key: { publicKeySpki, sign: async (message) => new Uint8Array(await subtle.sign(signing, privateKey, message)) },
    verify: (signature, message) => subtle.verify(signing, publicKey, signature, message),
  };
}
