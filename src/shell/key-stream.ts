import { checkInteger } from '../ground/check.ts';
import type { KeyStream } from '../privacy/key-stream.ts';

const largestIndex = 2 ** 32 - 1;

/** `byteCount` bytes of AES-CTR key stream from `counterBlock` on (NIST SP 800-38A, 6.5): the cipher of zeros. Counter: the last 64 bits. */
export async function aesCtrBytes(key: CryptoKey, counterBlock: Uint8Array<ArrayBuffer>, byteCount: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CTR', counter: counterBlock, length: 64 }, key, new Uint8Array(byteCount)));
}

/** Counter block of a stream: step and tensor as big-endian 32-bit words, then a 64-bit block counter that starts at 0. */
export function counterBlock(step: number, tensor: number): Uint8Array<ArrayBuffer> {
  checkInteger('step', step, 0, largestIndex);
  checkInteger('tensor', tensor, 0, largestIndex);
  const block = new Uint8Array(16);
  const view = new DataView(block.buffer);
  view.setUint32(0, step);
  view.setUint32(4, tensor);
  return block;
}

/**
 * A secret stream per (step, tensor) under a fresh 256-bit key from the browser's generator.
 * Guarantee: the key never leaves WebCrypto (not extractable), is stored nowhere and dies with this object;
 * after a reload there is another key, and the step that was interrupted is charged again.
 */
export async function createKeyStream(): Promise<KeyStream> {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const key = await crypto.subtle.importKey('raw', secret, 'AES-CTR', false, ['encrypt']);
  secret.fill(0);
  return { bytes: (step, tensor, byteCount) => aesCtrBytes(key, counterBlock(step, tensor), byteCount) };
}
