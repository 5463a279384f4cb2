import { createCipheriv, randomBytes } from 'node:crypto';
import { checkInteger } from '../ground/check.ts';
import { oncePerTensor, type KeyStream } from '../privacy/key-stream.ts';

/**
 * A secret stream per (step, tensor): AES-256 in counter mode under a fresh key of the system's generator, as the page has it from WebCrypto.
 * Guarantee: the key is stored nowhere and dies with the process.
 */
export function createNodeKeyStream(): KeyStream {
  const key = randomBytes(32);
  return oncePerTensor({
    bytes(step, tensor, byteCount) {
      checkInteger('step', step, 0, 2 ** 32 - 1);
      checkInteger('tensor', tensor, 0, 2 ** 32 - 1);
      const counter = Buffer.alloc(16);
      counter.writeUInt32BE(step, 0);
      counter.writeUInt32BE(tensor, 4);
      return Promise.resolve(new Uint8Array(createCipheriv('aes-256-ctr', key, counter).update(new Uint8Array(byteCount))));
    },
  });
}
