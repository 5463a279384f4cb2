import { afterAll, describe, expect, it } from 'vitest';
import { createBedside } from './bedside.ts';
import type { Progress } from './bedside.service.ts';
import { nanoName } from './encoder-source.ts';
import { trainingLockName } from './live-runs.ts';
import type { OpenedDevice } from './device.ts';
import { measureSpeed } from './measure-speed.ts';
import { expose, wrap } from './remote.ts';
import type { TrainerHost } from './trainer-service.ts';
import { clearAll, watchWorkers } from './testing/service-scenes.ts';

watchWorkers();
const nano = { name: nanoName, folder: '' };
const never = new AbortController().signal;

describe('how fast this device is', () => {
  const service = createBedside({ encoder: nano, backend: 'webgpu', workers: 2 });
  afterAll(async () => {
    localStorage.removeItem('bedside.speed');
    await clearAll(service);
  });

  it('is measured on the processor, by one worker and by all, and on the graphics chip; and is kept', async () => {
    expect(await service.speed()).toBeNull();
    const told: Progress[] = [];
    const report = await service.measureSpeed((progress) => told.push(progress), never);
    expect(told[0]).toEqual({ done: 0, total: told[0]!.total });
    expect(told.at(-1)).toEqual({ done: told[0]!.total, total: told[0]!.total });
    expect(report).toMatchObject({ encoder: nanoName, tokens: 128, cores: navigator.hardwareConcurrency });
    const [one, two, gpu] = report.setups;
    expect(one).toMatchObject({ backend: 'wasm', device: { workers: 1 }, launches: null });
    expect(two).toMatchObject({ backend: 'wasm', device: { name: one!.device.name, workers: 2 }, launches: null });
    for (const { notesPerSecond, stepMs, stepNotes, device, memoryBytes, busyFraction, energyWhPer1000 } of report.setups) {
      // A pass's notes over its time, by the slower worker.
      expect(notesPerSecond.adapters).toBeCloseTo((device.workers * stepNotes * 1000) / Math.max(0.1, stepMs), 6);
      // 30 W of an unknown machine, by the share of its cores.
      for (const what of ['read', 'adapters'] as const) expect(energyWhPer1000[what].central).toBeCloseTo((30 * busyFraction * 1000) / notesPerSecond[what] / 3600, 9);
      // The weights of the nano model alone are 20 KB and more.
      expect(memoryBytes).toBeGreaterThan(20_000);
    }
    if (report.noWebGpu === null) expect(gpu).toMatchObject({ backend: 'webgpu', device: { workers: 1 }, busyFraction: 1 });
    if (gpu) expect(gpu.launches).toBeGreaterThan(20);

    const again = createBedside({ encoder: nano, backend: 'wasm', workers: 1 });
    expect(await again.speed()).toEqual(report);
    await service.setEnergy({ deviceClass: 'unknown', measuredWatts: 60, country: null });
    const metered = await service.speed();
    expect(metered).toMatchObject({ measuredAtMs: report.measuredAtMs, power: { measuredWatts: 60 } });
    expect(metered!.setups[0]!.energyWhPer1000.read.central).toBeCloseTo((60 * 1000) / one!.notesPerSecond.read / 3600, 9);
  }, 120_000);

  it('ends at once when it is cancelled, keeps what was known, and lets the device go', async () => {
    const before = await service.speed();
    const abort = new AbortController();
    await expect(service.measureSpeed(({ done }) => done === 1 && abort.abort(), abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(await service.speed()).toEqual(before);
    const { held } = await navigator.locks.query();
    expect(held?.some(({ name }) => name === trainingLockName)).toBe(false);
    await service.selfCheck(() => undefined);
  }, 60_000);

  it('is not measured while anything trains, in whatever tab', async () => {
    await navigator.locks.request(trainingLockName, async () => {
      await expect(service.measureSpeed(() => undefined, never)).rejects.toMatchObject({ family: 'storage' });
    });
  });

  it('keeps runs away while it goes on', async () => {
    const abort = new AbortController();
    const measuring = service.measureSpeed(() => undefined, abort.signal);
    await expect.poll(async () => (await navigator.locks.query()).held?.some(({ name }) => name === trainingLockName)).toBe(true);
    await expect(service.selfCheck(() => undefined)).rejects.toMatchObject({ code: 'device/busy' });
    abort.abort();
    await expect(measuring).rejects.toMatchObject({ code: 'cancelled' });
  }, 60_000);
});

it('a graphics chip whose place the processor takes meanwhile has no speed', async ({ skip }) => {
  if (!navigator.gpu) skip('no WebGPU');
  const reportOf = (backend: 'wasm' | 'webgpu', reason: string): OpenedDevice => ({ backend, device: { name: backend, workers: 1 }, reason, mismatch: null, checks: [], cores: 2, hasWebGpu: true, isSecureContext: true });
  const measuredWith = async (isLost: boolean) => {
    const start = async () => {
      let now = reportOf('wasm', 'chosen');
      const host = {
        open: async (choice: string) => (now = choice === 'wasm' ? now : reportOf('webgpu', 'webgpu-passed')),
        openChecked: async () => undefined,
        load: async () => now,
        speedPass: async (task: string) => {
          if (isLost && task === 'adapters' && now.backend === 'webgpu') now = reportOf('wasm', 'device-lost');
          return { elapsedMs: 5000, notes: 8, tokens: 128, memoryBytes: 1e6, launches: 147 };
        },
        device: async () => now,
      };
      const { port1, port2 } = new MessageChannel();
      expose(host, port2);
      const remote = wrap<TrainerHost>(port1);
      return { call: <Result>(ask: (asked: typeof remote) => Promise<Result>) => ask(remote), terminate: () => undefined };
    };
    const { setups, noWebGpu } = await measureSpeed({ encoder: nano, choice: 'automatic', workers: 1, start }, () => undefined, never);
    return { backends: setups.map(({ backend }) => backend), noWebGpu };
  };
  expect(await measuredWith(false)).toEqual({ backends: ['wasm', 'webgpu'], noWebGpu: null });
  expect(await measuredWith(true)).toEqual({ backends: ['wasm'], noWebGpu: 'device-lost' });
});
