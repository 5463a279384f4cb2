import type { Engine } from '../engine/engine.ts';
import { featureLength, joinLayers } from './features.ts';
import type { PooledCache } from './pooled-cache.ts';
import { pieces, tokenBatch } from './row-batches.ts';
import { stoppedEarly } from './session-control.ts';
import type { FeatureSettings, RowsListener } from './trainer.ts';

/**
 * Frozen features of `rows`, from the cache where it has them. `onRows` counts rows done; cached ones come first and at once. Rejects with `training/stopped-early` where it says false.
 * Shapes: [rows, D]. Guarantee: the same bits with a cache, part of a cache, and none, where the engine gives a row the same bits in every batch.
 */
export async function encodeRows(engine: Engine, rows: readonly Int32Array[], settings: FeatureSettings, cache: PooledCache | null, onRows: RowsListener): Promise<Float32Array> {
  const { width } = engine.shape;
  const length = featureLength(settings, width);
  const features = new Float32Array(rows.length * length);
  const missing: number[] = [];
  const found = cache ? await cache.find(rows, settings.layers) : [];
  for (let row = 0; row < rows.length; row++) {
    const pooled = found[row];
    if (pooled) features.set(joinLayers(pooled, 1, width, settings), row * length);
    else missing.push(row);
  }
  let done = rows.length - missing.length;
  let heard = 0;
  const tell = async (count: number) => {
    // A piece that is repeated on another device is counted once.
    if (count <= heard) return;
    heard = count;
    if ((await onRows(count)) !== false) return;
    await cache?.flush();
    throw stoppedEarly();
  };
  await tell(done);
  for (const places of pieces(missing, (row) => rows[row]!.length)) {
    const part = places.map((place) => rows[place]!);
    const pooled = await engine.encode(tokenBatch(part), settings.layers, (read) => tell(done + read));
    await cache?.keep(part, settings.layers, pooled);
    const joined = joinLayers(pooled, part.length, width, settings);
    places.forEach((place, row) => features.set(joined.subarray(row * length, (row + 1) * length), place * length));
    done += part.length;
    await tell(done);
  }
  await cache?.flush();
  return features;
}
