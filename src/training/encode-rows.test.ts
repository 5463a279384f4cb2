import { describe, expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { encodeRows } from './encode-rows.ts';
import { createTrainer } from './in-process-trainer.ts';
import type { PooledCache } from './pooled-cache.ts';
import { twoFeatureLayers } from './propose.ts';
import { runSession } from './session.ts';
import { nanoEngine, nanoPlans, nanoSession, nanoUnits } from './testing/nano-session.ts';

/** Counts the rows that an engine encodes. */
function counting(engine: Engine): { readonly engine: Engine; readonly rows: () => number } {
  let rows = 0;
  return {
    engine: {
      ...engine,
      encode(...args) {
        rows += args[0].offsets.length - 1;
        return engine.encode(...args);
      },
    },
    rows: () => rows,
  };
}

/** A cache that outlives trainers, in memory, by layer and tokens. */
class MemoryCache implements PooledCache {
  readonly kept = new Map<string, Float32Array>();
  keepsAll = true;
  flushes = 0;
  async find(rows: readonly Int32Array[], layers: readonly number[]) {
    return rows.map((ids) => {
      const parts = layers.map((layer) => this.kept.get(`${layer}:${ids}`));
      return parts.includes(undefined) ? null : Float32Array.from(parts.flatMap((part) => [...part!]));
    });
  }
  async keep(rows: readonly Int32Array[], layers: readonly number[], pooled: Float32Array) {
    const width = pooled.length / rows.length / layers.length;
    rows.forEach((ids, row) => layers.forEach((layer, place) => {
      const at = (row * layers.length + place) * width;
      if (this.keepsAll || row % 3 === 0) this.kept.set(`${layer}:${ids}`, pooled.slice(at, at + width));
    }));
  }
  async flush() {
    this.flushes++;
  }
}

const rows = nanoUnits(40, 3, 4).flatMap((unit) => unit.rows.map(({ ids }) => ids));
const settings = { layers: [2, 1], weights: [0.5, 0.5], isUnitLength: true };
const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

describe('features of rows', () => {
  it('have the same bits without a cache, with an empty one, with a part of it and with all of it', async () => {
    const plain = await encodeRows(nanoEngine(), rows, settings, null, () => undefined);
    for (const keepsAll of [false, true]) {
      const cache = new MemoryCache();
      cache.keepsAll = keepsAll;
      const empty = await encodeRows(nanoEngine(), rows, settings, cache, () => undefined);
      const { engine, rows: encoded } = counting(nanoEngine());
      const filled = await encodeRows(engine, rows, settings, cache, () => undefined);
      expect(bits(empty)).toEqual(bits(plain));
      expect(bits(filled)).toEqual(bits(plain));
      expect(encoded() === 0).toBe(keepsAll);
      expect(encoded()).toBeLessThan(rows.length);
    }
  });

  it('count cached rows at once, and end at all rows', async () => {
    const cache = new MemoryCache();
    const heard: number[] = [];
    await encodeRows(nanoEngine(), rows.slice(0, 30), settings, cache, () => undefined);
    await encodeRows(nanoEngine(), rows, settings, cache, (done) => heard.push(done));
    expect(heard[0]).toBeGreaterThanOrEqual(30);
    expect(heard.at(-1)).toBe(rows.length);
  });

  it('reach the engine in calls of several micro-batches, and are counted and stopped between those', async () => {
    // 200 rows of 17 tokens: 120 of them have 2,040. A micro-batch has 32 rows at most, and would have 1,024 tokens.
    const many = Array.from({ length: 200 }, (_, row) => Int32Array.from({ length: 17 }, (_token, token) => 5 + ((row + token) % 50)));
    const calls: number[] = [];
    const engine = nanoEngine();
    const counted: Engine = {
      ...engine,
      encode: (...args) => {
        calls.push(args[0].offsets.length - 1);
        return engine.encode(...args);
      },
    };
    const heard: number[] = [];
    await encodeRows(counted, many, settings, null, (done) => void heard.push(done));
    expect(calls).toEqual([120, 80]);
    expect(heard).toEqual([32, 64, 96, 120, 152, 184, 200]);
    const beforeStop: number[] = [];
    await expect(encodeRows(counted, many, settings, null, (done) => beforeStop.push(done) < 2)).rejects.toMatchObject({ code: 'training/stopped-early' });
    expect(beforeStop).toEqual([32, 64]);
    expect(calls).toEqual([120, 80, 120]);
  });

  it('are counted once where the engine reads a piece again', async () => {
    const engine = nanoEngine();
    const twice: Engine = {
      ...engine,
      async encode(...args) {
        await engine.encode(...args);
        return engine.encode(...args);
      },
    };
    const heard: number[] = [];
    await encodeRows(twice, rows, settings, null, (done) => void heard.push(done));
    expect(heard).toEqual([...new Set(heard)].toSorted((a, b) => a - b));
    expect(heard.at(-1)).toBe(rows.length);
  });

  const plans = { 'the last layer': nanoPlans.fullBatch(48), 'two layers': nanoPlans.fullBatch(48, { ...twoFeatureLayers(2) }) };

  it.each(Object.entries(plans))('of %s are kept for every row in preparation, before the first step: what is on disk tells nothing of draws', async (_, plan) => {
    const cache = new MemoryCache();
    const trainer = createTrainer(nanoEngine(), { pooledCache: cache });
    const { input } = nanoSession(plan, { trainers: [trainer] });
    let keptAtFirstStep = -1;
    await runSession({ ...input, onProgress: (progress) => {
      if (progress.phase === 'training' && keptAtFirstStep < 0) keptAtFirstStep = cache.kept.size;
    } });
    const ids = new Set([...input.training, ...input.heldOut].flatMap((unit) => unit.rows.map((row) => `${row.ids}`)));
    expect(keptAtFirstStep).toBe(ids.size * plan.featureLayers.length);
    // Nothing else: not the made-up row of the clip check, nor the label sentences.
    expect(cache.kept.size).toBe(keptAtFirstStep);
  });

  it.each(Object.entries(plans))('of %s are read from the cache when a run is resumed, and the run ends with the same weights', async (_, plan) => {
    const whole = nanoSession(plan);
    const { model } = await runSession(whole.input);
    const cache = new MemoryCache();
    const first = nanoSession(plan, { trainers: [createTrainer(nanoEngine(), { pooledCache: cache })] });
    await runSession(first.input);
    const { engine, rows: encoded } = counting(nanoEngine());
    const again = nanoSession(plan, { trainers: [createTrainer(engine, { pooledCache: cache })], resumeFrom: first.checkpoints.saved[4]! });
    const resumed = await runSession(again.input);
    // The two rows of the check of a trainer and the label sentences are computed; no note is.
    expect(encoded()).toBe(2 + again.input.labelSentences.length);
    if (model.kind !== 'head' || resumed.model.kind !== 'head') throw new Error('expected heads');
    expect(bits(resumed.model.weights)).toEqual(bits(model.weights));
  });

  it('of two layers stand beside those of the last one, which an earlier run has kept, and the run ends with the same weights', async () => {
    const { model } = await runSession(nanoSession(plans['two layers']).input);
    const trainer = createTrainer(nanoEngine(), { pooledCache: new MemoryCache() });
    await runSession(nanoSession(plans['the last layer'], { trainers: [trainer] }).input);
    const { model: after } = await runSession(nanoSession(plans['two layers'], { trainers: [trainer] }).input);
    if (model.kind !== 'head' || after.kind !== 'head') throw new Error('expected heads');
    expect(bits(after.weights)).toEqual(bits(model.weights));
  });
});
