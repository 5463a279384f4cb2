import { sha256 } from '@noble/hashes/sha2.js';
import type { Engine } from '../engine/engine.ts';
import { utf8ToBytes } from '../ground/bytes.ts';
import { tokenBatch } from '../training/row-batches.ts';

export type EncodingEngine = Pick<Engine, 'device' | 'shape' | 'encode'>;

/** Two made-up rows, short and long, whose outputs tell one set of kernels and weights from another. */
function probeRows({ vocabularySize, maximumPositions }: Engine['shape']): Int32Array[] {
  return [3, Math.min(70, maximumPositions)].map((length) => Int32Array.from({ length }, (_, i) => (i * 37 + 11) % vocabularySize));
}

/**
 * What computes: encoder, device, and the bits that both give for made-up rows. Another backend, or kernels that round otherwise, must not find
 * the outputs of these: a run with a cache would then not be, bit for bit, the run without it. Taken anew where the device was lost.
 */
export class EncoderFingerprint {
  readonly #engine: EncodingEngine;
  #last: { readonly name: string; readonly bytes: Uint8Array } | null = null;

  constructor(engine: EncodingEngine) {
    this.#engine = engine;
  }

  async of(encoderSha256: string): Promise<Uint8Array> {
    const { device, shape } = this.#engine;
    const name = `${encoderSha256}/${device}/`;
    if (this.#last?.name === name) return this.#last.bytes;
    const pooled = await this.#engine.encode(tokenBatch(probeRows(shape)), Array.from({ length: shape.layers }, (_, layer) => layer + 1));
    // The device may have been replaced meanwhile.
    const computed = `${encoderSha256}/${this.#engine.device}/`;
    const bytes = sha256.create().update(utf8ToBytes(computed)).update(new Uint8Array(pooled.buffer, pooled.byteOffset, pooled.byteLength)).digest();
    this.#last = { name: computed, bytes };
    return bytes;
  }
}
