import { mount, unmount } from 'svelte';
import { afterEach, describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import { createBedside } from '../shell/bedside.ts';
import { Crew } from '../shell/crew.ts';
import { nanoName } from '../shell/encoder-source.ts';
import { connectTrainer } from '../shell/remote-trainer.ts';
import wrongUrl from '../shell/testing/wrong-kernel.worker.ts?worker&url';
import { SettingsState } from '../state/settings.svelte.ts';
import App from './App.svelte';
import './theme.css';

const nano = { name: nanoName, folder: '' };
const Original = globalThis.Worker;
const closing: (() => unknown)[] = [];

/** From now on trainers are those whose kernels are wrong in the places listed. */
function plant(wrong: string): void {
  globalThis.Worker = class extends Original {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(options?.name === 'trainer' ? new URL(wrongUrl, document.baseURI) : url, options?.name === 'trainer' ? { ...options, name: `trainer, wrong: ${wrong}` } : options);
      closing.push(() => this.terminate());
    }
  };
}

/** The settings page of the real service. */
async function openSettings(backend: 'webgpu' | 'wasm') {
  await page.viewport(1280, 900);
  const target = document.createElement('div');
  document.body.append(target);
  location.hash = '#/settings';
  const service = createBedside({ encoder: nano, backend, workers: 1 });
  const settings = new SettingsState({ getItem: () => null, setItem: () => undefined, removeItem: () => undefined }, 'en');
  const app = mount(App, { target, props: { connect: Promise.resolve(service), settings, isSecure: true } });
  closing.push(async () => {
    await unmount(app);
    target.remove();
  });
  return page.getByRole('region', { name: 'Device self-check' });
}

afterEach(async () => {
  globalThis.Worker = Original;
  for (const close of closing.splice(0)) await close();
});

// Kernels are compiled and checked in the worker meanwhile.
const patience = { timeout: 110_000 };
const timeout = 300_000;

describe('a wrong kernel', { timeout }, () => {
  it('of the graphics chip is caught, named in the settings, and the processor is used', async ({ skip }) => {
    if (!navigator.gpu) skip('no WebGPU');
    plant('webgpu layerNorm');
    const device = await openSettings('webgpu');
    await expect.element(device, patience).toHaveTextContent('“Layer norm” did not agree with plain arithmetic, so that device is not used.');
    await expect.element(device).toHaveTextContent('The graphics chip disagreed with plain arithmetic, so the processor is used.');
    await expect.element(device).toHaveTextContent(/WebAssembly, relaxed SIMD, \d+ core/);
    await expect.element(device.getByRole('row', { name: /^Layer norm .*WebGPU.*differs/ })).toBeVisible();
    await expect.element(device.getByRole('row', { name: /^Embeddings .*WebGPU.*same/ })).toBeVisible();
    await expect.element(device.getByRole('row', { name: /^Layer norm .*WebAssembly.*same/ })).toBeVisible();
  });

  it('of the processor is caught and named too, and plain arithmetic is used', async () => {
    plant('wasm meanPool');
    const device = await openSettings('wasm');
    await expect.element(device, patience).toHaveTextContent('“Mean of the word pieces” did not agree with plain arithmetic, so that device is not used.');
    await expect.element(device).toHaveTextContent('so plain arithmetic is used: right, and many times slower.');
    await expect.element(device).toHaveTextContent(/plain arithmetic, \d+ core/);
  });

  it('of the processor costs no right answer', async () => {
    const rows = [Int32Array.of(2, 41, 42, 3), Int32Array.of(2, 60, 61, 62, 63, 3)];
    const encoded = async () => {
      const crew = new Crew('wasm', nano, 2);
      closing.push(() => crew.dismiss());
      const trainers = await Promise.all((await crew.ports()).map(connectTrainer));
      return { features: await trainers[0]!.encode(rows, { layers: [2], weights: [1], isUnitLength: true }), trainers: trainers.map(({ device }) => device) };
    };
    const right = await encoded();
    plant('wasm meanPool');
    const wrong = await encoded();
    expect(right.trainers).toHaveLength(2);
    expect(wrong.trainers).toEqual(['TypeScript']);
    // Unit vectors, inputs rounded to 14 bits on the processor.
    for (const [i, value] of wrong.features.entries()) expect(Math.abs(value - right.features[i]!)).toBeLessThan(1e-3);
  });
});
