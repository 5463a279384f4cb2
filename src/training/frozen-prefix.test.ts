import { expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { FrozenPrefix } from './frozen-prefix.ts';
import type { PrefixStore } from './prefix-store.ts';
import { nanoEngine, nanoUnits } from './testing/nano-session.ts';

const rows = nanoUnits(6, 3, 1).flatMap((unit) => unit.rows.map(({ ids }) => ids));

/** An engine that counts the rows it computes. */
function counting(): { engine: Engine; computed: () => number } {
  const inner = nanoEngine();
  let computed = 0;
  const hidden: Engine['hidden'] = (input, layer) => {
    computed += input.offsets.length - 1;
    return inner.hidden(input, layer);
  };
  return { engine: { ...inner, hidden }, computed: () => computed };
}

class MemoryStore implements PrefixStore {
  readonly kept = new Map<string, Uint16Array>();
  find = async (layer: number, ids: Int32Array) => this.kept.get(`${layer}:${ids.join()}`)?.slice() ?? null;
  keep = async (layer: number, ids: Int32Array, outputs: Uint16Array) => void this.kept.set(`${layer}:${ids.join()}`, outputs.slice());
}

it('rows that memory has no room for are computed once with a store, and are the same bits', async () => {
  const { engine, computed } = counting();
  const plain = new FrozenPrefix(engine, 1e9);
  plain.reset(1);
  const wanted = await plain.input(rows);
  const before = computed();
  const store = new MemoryStore();
  // Room for some of the rows.
  const spilled = new FrozenPrefix(engine, 800, store);
  spilled.reset(1, true);
  expect(await spilled.input(rows)).toEqual(wanted);
  expect(await spilled.input(rows)).toEqual(wanted);
  expect(computed() - before).toBe(rows.length);
  expect(spilled.bytes).toBeLessThanOrEqual(800);
  expect(store.kept.size).toBeGreaterThan(0);
  expect(store.kept.size).toBeLessThan(rows.length);
  // A later run, with room: what lies there is not computed again.
  const later = new FrozenPrefix(engine, 1e9, store);
  later.reset(1, true);
  expect(await later.input(rows)).toEqual(wanted);
  expect(computed() - before).toBe(2 * rows.length - store.kept.size);
});

it('outputs beyond binary16 are kept at its largest, not as infinities', async () => {
  const inner = nanoEngine();
  const prefix = new FrozenPrefix({ ...inner, hidden: async (input) => new Float32Array(input.ids.length * inner.shape.width).fill(-1e6) }, 1e9);
  prefix.reset(1);
  const input = await prefix.input(rows);
  expect('hidden' in input && input.hidden.every((value) => value === -65504)).toBe(true);
});

it('nothing is stored of rows whose draw is secret', async () => {
  const { engine, computed } = counting();
  const store = new MemoryStore();
  const prefix = new FrozenPrefix(engine, 0, store);
  prefix.reset(1);
  await prefix.input(rows);
  await prefix.input(rows);
  expect(store.kept.size).toBe(0);
  expect(computed()).toBe(2 * rows.length);
});

it('a stored row of another size is computed', async () => {
  const { engine, computed } = counting();
  const store: PrefixStore = { find: async () => new Uint16Array(32), keep: async () => undefined };
  const prefix = new FrozenPrefix(engine, 0, store);
  prefix.reset(1, true);
  await prefix.input(rows);
  expect(computed()).toBe(rows.length);
});
