import type { Engine, EngineInput } from '../engine/engine.ts';
import { float16ToFloat32, float32ToFloat16 } from '../engine/model/float16.ts';
import { hiddenBatch, tokenBatch } from './row-batches.ts';

/** Memory for cached frozen outputs: 400 MB a trainer, which a browser tab grants and 4,000 notes of 128 tokens at width 384 fill. */
export const defaultPrefixBytes = 400_000_000;
/** Of one number: binary16. */
export const prefixNumberBytes = 2;

/**
 * Outputs of the encoder layers below the first that trains, kept in binary16 in memory so that later epochs cost what the trained part costs.
 * Rows beyond `byteLimit` are computed from their tokens each time and rounded alike: a row's values do not depend on what is cached.
 */
export class FrozenPrefix {
  readonly #engine: Engine;
  readonly #byteLimit: number;
  readonly #kept = new Map<Int32Array, Uint16Array>();
  #layer = 0;
  #bytes = 0;

  constructor(engine: Engine, byteLimit: number) {
    this.#engine = engine;
    this.#byteLimit = byteLimit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Forgets everything; from now on the prefix is the first `layer` layers. */
  reset(layer: number): void {
    this.#layer = layer;
    this.#kept.clear();
    this.#bytes = 0;
  }

  /** The rows, in their order, as what the trained part reads: their tokens where it begins with the first layer. */
  async input(rows: readonly Int32Array[]): Promise<EngineInput> {
    if (this.#layer === 0) return tokenBatch(rows);
    const { width } = this.#engine.shape;
    const computed = await this.#compute([...new Set(rows)].filter((ids) => !this.#kept.has(ids)));
    return hiddenBatch(rows.map((ids) => float16ToFloat32(this.#kept.get(ids) ?? computed.get(ids)!)), this.#layer, width);
  }

  /** Outputs of rows that are not kept; keeps those that fit. */
  async #compute(missing: readonly Int32Array[]): Promise<ReadonlyMap<Int32Array, Uint16Array>> {
    const computed = new Map<Int32Array, Uint16Array>();
    if (missing.length === 0) return computed;
    const { width } = this.#engine.shape;
    const batch = tokenBatch(missing);
    const hidden = float32ToFloat16(await this.#engine.hidden(batch, this.#layer));
    for (const [row, ids] of missing.entries()) {
      const own = hidden.slice(batch.offsets[row]! * width, batch.offsets[row + 1]! * width);
      computed.set(ids, own);
      if (this.#bytes + own.byteLength > this.#byteLimit) continue;
      this.#bytes += own.byteLength;
      this.#kept.set(ids, own);
    }
    return computed;
  }
}
