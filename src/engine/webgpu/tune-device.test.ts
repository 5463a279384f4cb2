import { describe, expect, it } from 'vitest';
import { linearTileQuestion } from '../operations/linear/variants.ts';
import { linearTiles, type LinearTile } from '../operations/linear/webgpu.ts';
import { candidatesOn, plainVariants, variantsVersion } from './kernel-variants.ts';
import { fastestVariant, measureMultiplyAdds, tuneDevice, type TuningHost } from './tune-device.ts';

const buffer = { dataId: {}, type: 'float32', capacity: 64 } as const;

/** A device on which a launch takes as long as its tile says, once compiled, and once in a while a hundred times that. */
function clockedDevice(millisecondsOf: Readonly<Record<LinearTile, number>>, isSoftware = false) {
  let clock = 0;
  let [launches, live] = [0, 0];
  const compiled = new Set<string>();
  const made = () => {
    live++;
    return buffer;
  };
  return {
    now: () => clock,
    live: () => live,
    launches: () => launches,
    device: {
      adapter: 'a card',
      isSoftware,
      hasFeature: () => false,
      allocate: made,
      upload: made,
      release: () => void live--,
      workDone: () => Promise.resolve(),
      run({ key }: { readonly key: string }) {
        const tile = linearTiles.find((one) => key.endsWith(`by ${one}`));
        const isHiccup = ++launches % 23 === 0;
        clock += compiled.has(key) ? (tile === undefined ? 1 : millisecondsOf[tile]) * (isHiccup ? 100 : 1) : 1000;
        compiled.add(key);
      },
    },
  };
}

function remembering(now: () => number, browser = 'Browser 1'): TuningHost & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>();
  return { kept, now, browser, read: async (adapter) => kept.get(adapter) ?? null, write: async (adapter, text) => void kept.set(adapter, text) };
}

describe('the fastest variant', () => {
  it.each([[2, { 4: 3, 2: 1, 8: 2 }], [8, { 4: 3, 2: 4, 8: 2.9 }], [4, { 4: 1, 2: 1, 8: 1 }]] as const)('is tile %i, whatever compiling and a hiccup take, and the buffers are given back', async (expected, times) => {
    const { device, now, live } = clockedDevice(times);
    expect(await fastestVariant(device, linearTileQuestion, linearTiles, now)).toBe(expected);
    expect(live()).toBe(0);
  });

  it('is not looked for among candidates that do not compile here', () => {
    const question = { ...linearTileQuestion, needs: { 8: 'subgroups' } } as const;
    expect(candidatesOn(question, () => false)).toEqual([4, 2]);
    expect(candidatesOn(question, (feature) => feature === 'subgroups')).toEqual([4, 2, 8]);
  });
});

it('the speed is that of the product, from launches that take some milliseconds together', async () => {
  const { device, now, live } = clockedDevice({ 4: 0.25, 2: 1, 8: 1 });
  // 128 x 384 x 1536 in a quarter of a millisecond.
  expect(await measureMultiplyAdds(device, plainVariants, now)).toBeCloseTo(75_497_472 / 0.25e-3, -3);
  expect(live()).toBe(0);
});

describe('a device that is opened again', () => {
  const times = { 4: 3, 2: 1, 8: 2 };

  it('is not measured a second time, whatever it would show then', async () => {
    const first = clockedDevice(times);
    const host = remembering(first.now);
    const found = await tuneDevice(first.device, host);
    expect(found.variants).toEqual({ ...plainVariants, linearTile: 2 });
    const second = clockedDevice({ 4: 1, 2: 3, 8: 3 });
    expect(await tuneDevice(second.device, host)).toEqual(found);
    expect(second.launches()).toBe(0);
  });

  it.each([
    ['other kernels', { version: variantsVersion() + 1 }],
    ['another browser', { browser: 'Browser 2' }],
    ['another adapter', { adapter: 'another card' }],
  ])('is measured again with %s', async (_, { version, browser, adapter }: { version?: number; browser?: string; adapter?: string }) => {
    const first = clockedDevice(times);
    const host = remembering(first.now);
    await tuneDevice(first.device, host);
    const second = clockedDevice({ 4: 3, 2: 4, 8: 2 });
    const { variants } = await tuneDevice({ ...second.device, adapter: adapter ?? first.device.adapter }, { ...host, browser: browser ?? host.browser, now: second.now }, version);
    expect(variants.linearTile).toBe(8);
    // What is kept for an adapter is of one version and one browser: nothing piles up.
    expect(host.kept.size).toBe(adapter === undefined ? 1 : 2);
  });

  it.each(['', 'no JSON', 'null', '{}', JSON.stringify({ version: variantsVersion(), browser: 'Browser 1', variants: { ...plainVariants, linearTile: 3 }, multiplyAddsPerSecond: 1e9 }), JSON.stringify({ version: variantsVersion(), browser: 'Browser 1', variants: plainVariants, multiplyAddsPerSecond: -1 })])('is measured again where %s is kept', async (text) => {
    const { device, now, launches } = clockedDevice(times);
    const host = remembering(now);
    host.kept.set(device.adapter, text);
    expect((await tuneDevice(device, host)).variants.linearTile).toBe(2);
    expect(launches()).toBeGreaterThan(0);
  });

  it('is measured where nothing can be kept', async () => {
    const { device, now } = clockedDevice(times);
    const fails = () => Promise.reject(new Error('no storage'));
    expect((await tuneDevice(device, { now, browser: '', read: fails, write: fails })).variants.linearTile).toBe(2);
  });

  it('is asked for its speed alone where a processor does the work', async () => {
    const { device, now, launches } = clockedDevice({ 4: 30, 2: 10, 8: 10 }, true);
    const { variants, multiplyAddsPerSecond } = await tuneDevice(device, remembering(now));
    expect(variants).toEqual(plainVariants);
    expect(multiplyAddsPerSecond).toBeCloseTo(75_497_472 / 0.03, -3);
    // One that compiles, three of which the fastest counts.
    expect(launches()).toBe(4);
  });
});

it('another text of a kernel is another version', () => {
  const changed = { ...linearTileQuestion, kernelsOf: (tile: LinearTile) => linearTileQuestion.kernelsOf(tile).map((kernel) => ({ ...kernel, body: `${kernel.body} ` })) };
  expect(variantsVersion({ linearTile: changed })).not.toBe(variantsVersion({ linearTile: linearTileQuestion }));
  expect(variantsVersion({ linearTile: linearTileQuestion, more: linearTileQuestion })).not.toBe(variantsVersion({ linearTile: linearTileQuestion }));
  expect(variantsVersion({ linearTile: { ...linearTileQuestion } })).toBe(variantsVersion({ linearTile: linearTileQuestion }));
});
