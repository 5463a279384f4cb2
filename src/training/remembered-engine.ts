import type { Engine, EngineInput } from '../engine/engine.ts';

/** Pooled outputs of rows by layer and token ids; whoever repeats runs over the same rows may keep it on disk. */
export interface PooledMemory {
  get(key: string): Float32Array | undefined;
  set(key: string, pooled: Float32Array): void;
}

const keyOf = (layer: number, ids: Int32Array) => `${layer}:${ids.join(',')}`;

/**
 * An engine that looks pooled outputs up before it computes them: a row's depend on its tokens and the frozen encoder alone.
 * For repeated runs over the same rows; the memory belongs to one encoder, and can be inverted to text, so it is kept like the notes.
 */
export function rememberPooled(engine: Engine, memory: PooledMemory): Engine {
  return {
    ...engine,
    async encode(input: EngineInput, layers) {
      if (!('ids' in input)) return engine.encode(input, layers);
      const { width } = engine.shape;
      const count = input.offsets.length - 1;
      const rows = Array.from({ length: count }, (_, row) => input.ids.slice(input.offsets[row], input.offsets[row + 1]));
      const pooled = new Float32Array(count * layers.length * width);
      for (const [place, layer] of layers.entries()) {
        const missing = rows.filter((ids) => memory.get(keyOf(layer, ids)) === undefined);
        if (missing.length > 0) {
          const offsets = new Int32Array(missing.length + 1);
          missing.forEach((ids, row) => (offsets[row + 1] = offsets[row]! + ids.length));
          const ids = new Int32Array(offsets[missing.length]!);
          missing.forEach((row, index) => ids.set(row, offsets[index]));
          const found = await engine.encode({ ids, offsets }, [layer]);
          missing.forEach((row, index) => memory.set(keyOf(layer, row), found.slice(index * width, (index + 1) * width)));
        }
        rows.forEach((ids, row) => pooled.set(memory.get(keyOf(layer, ids))!, (row * layers.length + place) * width));
      }
      return pooled;
    },
  };
}
