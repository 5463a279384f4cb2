import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import { publicKeyPem, signedHeaders, type Sha256, type SigningKey } from './signing.ts';

/** One call of the coordinator's own addresses. */
export interface OwnCall {
  readonly method: 'GET' | 'POST';
  /** From the origin's root, e.g. `/federation/leave`. */
  readonly path: string;
  /** Of the task that the caller agreed to. */
  readonly taskHash: string;
  /** As it is sent; empty where there is none. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * What a call of the coordinator's own addresses is signed over: the address, the federation, the key itself (and so its node: a key registers one, once),
 * and the body, which names the seat or the invitation. Fleet calls are signed over a time alone, because Flower wants it so; a signature of one is none of the other.
 */
export async function callMessage(sha256: Sha256, publicKeySpki: Uint8Array, { method, path, taskHash, body }: OwnCall, timestamp: string): Promise<Uint8Array<ArrayBuffer>> {
  const [keyHash, bodyHash] = await Promise.all([sha256(publicKeyPem(publicKeySpki)), sha256(body)]);
  return utf8ToBytes(`bedside federation call 1\n${method} ${path}\n${taskHash}\n${bytesToHex(keyHash)}\n${bytesToHex(bodyHash)}\n${timestamp}\n`);
}

/** The headers of such a call. */
export async function signedCallHeaders(key: SigningKey, sha256: Sha256, call: OwnCall, timestamp: string): Promise<Readonly<Record<string, string>>> {
  return signedHeaders(key, timestamp, await callMessage(sha256, key.publicKeySpki, call, timestamp));
}
