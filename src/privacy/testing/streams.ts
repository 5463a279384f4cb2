/** Key streams for tests. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { KeyStream } from '../key-stream.ts';

/** SHA-256 of (seed, step, tensor, block), block after block: sound bits that a test can repeat. */
export function testStream(seed: number): KeyStream {
  return {
    bytes(step, tensor, byteCount) {
      const bytes = new Uint8Array(Math.ceil(byteCount / 32) * 32);
      const input = new Uint8Array(16);
      const view = new DataView(input.buffer);
      view.setUint32(0, seed);
      view.setUint32(4, step);
      view.setUint32(8, tensor);
      for (let block = 0; block * 32 < byteCount; block++) {
        view.setUint32(12, block);
        bytes.set(sha256(input), block * 32);
      }
      return Promise.resolve(bytes.slice(0, byteCount));
    },
  };
}

/** Records what is asked of a stream. */
export function watchedStream(stream: KeyStream): KeyStream & { readonly calls: (readonly [step: number, tensor: number, byteCount: number])[] } {
  const calls: (readonly [number, number, number])[] = [];
  return {
    calls,
    bytes(step, tensor, byteCount) {
      calls.push([step, tensor, byteCount]);
      return stream.bytes(step, tensor, byteCount);
    },
  };
}
