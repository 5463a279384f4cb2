import type { Engine, EngineInput } from '../engine/engine.ts';
import { hiddenBatch, tokenBatch } from './row-batches.ts';

/** Memory for cached frozen outputs: 400 MB a trainer, which a browser tab grants and 2,000 notes of 128 tokens at width 384 fill. */
export const defaultPrefixBytes = 400_000_000;

/**
 * Outputs of the encoder layers below the first that trains, kept in float32 in memory so that later epochs cost what the trained part costs.
 * Rows beyond `byteLimit` are computed from their tokens each time; either way a row's values are the same.
 */
export class FrozenPrefix {
  readonly #engine: Engine;
  readonly #byteLimit: number;
  readonly #kept = new Map<Int32Array, Float32Array>();
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

  /** The rows as inputs of the engine: those with cached outputs, and the others. `rows` of each are indices into the argument. */
  async inputs(rows: readonly Int32Array[]): Promise<{ readonly input: EngineInput; readonly rows: readonly number[] }[]> {
    const all = rows.map((_, index) => index);
    if (this.#layer === 0) return [{ input: tokenBatch(rows), rows: all }];
    const { width } = this.#engine.shape;
    const missing = [...new Set(rows)].filter((ids) => !this.#kept.has(ids));
    const fitting: Int32Array[] = [];
    for (const ids of missing) {
      const bytes = ids.length * width * 4;
      if (this.#bytes + bytes > this.#byteLimit) continue;
      this.#bytes += bytes;
      fitting.push(ids);
    }
    if (fitting.length > 0) {
      const batch = tokenBatch(fitting);
      const hidden = await this.#engine.hidden(batch, this.#layer);
      fitting.forEach((ids, row) => this.#kept.set(ids, hidden.slice(batch.offsets[row]! * width, batch.offsets[row + 1]! * width)));
    }
    const cached = all.filter((index) => this.#kept.has(rows[index]!));
    const plain = all.filter((index) => !this.#kept.has(rows[index]!));
    const inputs = [];
    if (cached.length > 0) inputs.push({ input: hiddenBatch(cached.map((index) => this.#kept.get(rows[index]!)!), this.#layer, width), rows: cached });
    if (plain.length > 0) inputs.push({ input: tokenBatch(plain.map((index) => rows[index]!)), rows: plain });
    return inputs;
  }
}
