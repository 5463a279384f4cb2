import type { Engine, EngineInput } from '../engine/engine.ts';
import { float16ToFloat32, float32ToFiniteFloat16 } from '../engine/model/float16.ts';
import type { PrefixStore } from './prefix-store.ts';
import { hiddenBatch, tokenBatch } from './row-batches.ts';

/** Memory for cached frozen outputs: 400 MB a trainer, which a browser tab grants and 4,000 notes of 128 tokens at width 384 fill. */
export const defaultPrefixBytes = 400_000_000;
/** Of one number: binary16. */
export const prefixNumberBytes = 2;

/**
 * Outputs of the encoder layers below the first that trains, kept in binary16 in memory so that later epochs cost what the trained part costs.
 * Rows beyond `byteLimit` go to the store where there is one and the rows may lie there, or are computed from their tokens each time and rounded alike:
 * a row's values do not depend on what is cached.
 */
export class FrozenPrefix {
  readonly #engine: Engine;
  readonly #byteLimit: number;
  readonly #store: PrefixStore | undefined;
  readonly #kept = new Map<Int32Array, Uint16Array>();
  #layer = 0;
  #isLasting = false;
  #bytes = 0;

  constructor(engine: Engine, byteLimit: number, store: PrefixStore | undefined = undefined) {
    this.#engine = engine;
    this.#store = store;
    this.#byteLimit = byteLimit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Forgets everything; from now on the prefix is the first `layer` layers. `isLasting` allows the store: rows lie there in the order in which they were asked for, which tells who was drawn. */
  reset(layer: number, isLasting = false): void {
    this.#layer = layer;
    this.#isLasting = isLasting;
    this.#kept.clear();
    this.#bytes = 0;
  }

  /** The rows, in their order, as what the trained part reads: their tokens where it begins with the first layer. */
  async input(rows: readonly Int32Array[]): Promise<EngineInput> {
    if (this.#layer === 0) return tokenBatch(rows);
    const { width } = this.#engine.shape;
    const missing = [...new Set(rows)].filter((ids) => !this.#kept.has(ids));
    const found = await this.#find(missing);
    const computed = await this.#compute(missing.filter((ids) => !found.has(ids)));
    return hiddenBatch(rows.map((ids) => float16ToFloat32(this.#kept.get(ids) ?? found.get(ids) ?? computed.get(ids)!)), this.#layer, width);
  }

  /** Outputs that the store has; those that fit are in memory from now on. */
  async #find(missing: readonly Int32Array[]): Promise<ReadonlyMap<Int32Array, Uint16Array>> {
    const found = new Map<Int32Array, Uint16Array>();
    if (!this.#store || !this.#isLasting) return found;
    for (const ids of missing) {
      const outputs = await this.#store.find(this.#layer, ids);
      if (outputs?.length !== ids.length * this.#engine.shape.width) continue;
      found.set(ids, outputs);
      this.#keep(ids, outputs);
    }
    return found;
  }

  /** Whether memory has room for a row's outputs; it is then kept. */
  #keep(ids: Int32Array, outputs: Uint16Array): boolean {
    if (this.#bytes + outputs.byteLength > this.#byteLimit) return false;
    this.#bytes += outputs.byteLength;
    this.#kept.set(ids, outputs);
    return true;
  }

  /** Outputs of rows that are not kept; keeps those that fit, and gives the store the others. */
  async #compute(missing: readonly Int32Array[]): Promise<ReadonlyMap<Int32Array, Uint16Array>> {
    const computed = new Map<Int32Array, Uint16Array>();
    if (missing.length === 0) return computed;
    const { width } = this.#engine.shape;
    const batch = tokenBatch(missing);
    const hidden = float32ToFiniteFloat16(await this.#engine.hidden(batch, this.#layer));
    for (const [row, ids] of missing.entries()) {
      const own = hidden.slice(batch.offsets[row]! * width, batch.offsets[row + 1]! * width);
      computed.set(ids, own);
      if (!this.#keep(ids, own) && this.#isLasting) await this.#store?.keep(this.#layer, ids, own);
    }
    return computed;
  }
}
