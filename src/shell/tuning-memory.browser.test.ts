import { deleteDB } from 'idb';
import { expect, it, onTestFinished } from 'vitest';
import { acquireGpuDevice } from '../engine/webgpu/device.ts';
import { variantsVersion } from '../engine/webgpu/kernel-variants.ts';
import { tuneDevice } from '../engine/webgpu/tune-device.ts';
import { openBedsideDatabase } from './database.ts';
import { countGpuCalls } from './gpu-counts.ts';
import { tuningHost } from './tuning-memory.ts';

it('a graphics chip is measured at its first start, and not again until the kernels change', async ({ skip }) => {
  const counts = countGpuCalls();
  if (!counts) return skip('no WebGPU');
  const name = `test-${crypto.randomUUID()}`;
  onTestFinished(() => deleteDB(name));
  const host = tuningHost(() => openBedsideDatabase(name));
  const start = async (version?: number) => {
    const device = await acquireGpuDevice();
    const before = counts().launches;
    const tuning = await tuneDevice(device, host, version);
    const launches = counts().launches - before;
    expect(device.failure).toBeNull();
    device.destroy();
    return { tuning, launches };
  };
  const first = await start();
  expect(first.launches).toBeGreaterThan(0);
  expect(first.tuning.multiplyAddsPerSecond).toBeGreaterThan(0);
  const second = await start();
  expect(second).toEqual({ tuning: first.tuning, launches: 0 });
  expect((await start(variantsVersion() + 1)).launches).toBeGreaterThan(0);
});
