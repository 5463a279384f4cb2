import { afterAll, beforeAll, expect } from 'vitest';
import { acquireGpuDevice, type GpuDevice } from '../device.ts';

/** One device for all tests of a file or group, handed over before the first of them; after the last one it must not have failed. */
export function shareDevice(take: (device: GpuDevice) => void): void {
  let device: GpuDevice;
  beforeAll(async () => {
    device = await acquireGpuDevice();
    take(device);
  });
  afterAll(() => {
    expect(device.failure).toBeNull();
    device.destroy();
  });
}
