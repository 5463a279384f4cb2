import type { Engine } from '../engine/engine.ts';
import { featureLength, joinLayers } from './features.ts';
import type { PooledCache } from './pooled-cache.ts';
import { chunks, tokenBatch } from './row-batches.ts';
import { stoppedEarly } from './session-control.ts';
import type { FeatureSettings, RowsListener } from './trainer.ts';

/** Rows of one engine call: enough to fill a micro-batch of short notes, few enough that progress and pauses stay smooth. */
export const rowsAtATime = 16;

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
  if (done > 0 && (await onRows(done)) === false) throw stoppedEarly();
  for (const places of chunks(missing, rowsAtATime)) {
    const part = places.map((place) => rows[place]!);
    const pooled = await engine.encode(tokenBatch(part), settings.layers);
    await cache?.keep(part, settings.layers, pooled);
    const joined = joinLayers(pooled, part.length, width, settings);
    places.forEach((place, row) => features.set(joined.subarray(row * length, (row + 1) * length), place * length));
    done += part.length;
    if ((await onRows(done)) === false) {
      await cache?.flush();
      throw stoppedEarly();
    }
  }
  await cache?.flush();
  return features;
}
