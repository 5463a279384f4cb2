import { sha256 } from '@noble/hashes/sha2.js';
import { gaussianIntegers } from '../noise.ts';
import { testStream } from './streams.ts';

/** SHA-256 of 40,000 noise values of the test stream at three scales, as hexadecimal text. The arithmetic is IEEE 754's alone, so every engine on a little-endian machine gives it. */
export async function noiseDigest(): Promise<string> {
  const hash = sha256.create();
  for (const [tensor, sigma] of [3, 12_345_678.9, 2 ** 39].entries()) {
    const values = await gaussianIntegers(testStream(2026), 1, tensor, 40_000, sigma);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export const expectedNoiseDigest = '8f20e383a5c6e836be7d34919003f80789249496da437febe071ad5fe08f5e56';
