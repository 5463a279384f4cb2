import { beforeEach, describe, expect, it } from 'vitest';
import { BedsideError } from '../../ground/errors.ts';
import { acquireGpuDevice, type GpuDevice } from './device.ts';
import type { Kernel } from './kernel.ts';
import { fill } from './fill.ts';
import { shareDevice } from './testing/shared-device.ts';

async function rejection(promise: Promise<unknown>): Promise<BedsideError> {
  const error = await promise.then(() => null, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(BedsideError);
  if (!(error instanceof BedsideError)) throw new Error('unreachable');
  return error;
}

function thrown(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof BedsideError) return error.code;
  }
  return 'nothing';
}

/** result = x + 1 in a kernel whose text is wrong where `x` is misspelled. */
const addOne = (key: string, x: string): Kernel<'x', never> => ({ key, inputs: { x: 'f32' }, output: 'f32', uniforms: {}, body: `result[index] = ${x}[index] + 1.0;` });

function add(device: GpuDevice, kernel: Kernel<'x', never>, values: readonly number[]) {
  const x = device.upload(Float32Array.from(values));
  const output = device.allocate(values.length);
  device.run(kernel, { inputs: { x }, uniforms: {}, threads: values.length, output });
  return output;
}

describe('without a GPU', () => {
  it('names what is missing', async () => {
    const nobody = { requestAdapter: () => Promise.resolve(null) };
    expect((await rejection(acquireGpuDevice(Object.create(nobody)))).code).toBe('device/no-adapter');
    const withheld = Object.getOwnPropertyDescriptor(Navigator.prototype, 'gpu')!;
    Object.defineProperty(Navigator.prototype, 'gpu', { configurable: true, get: () => undefined });
    try {
      expect((await rejection(acquireGpuDevice())).code).toBe('device/no-webgpu');
    } finally {
      Object.defineProperty(Navigator.prototype, 'gpu', withheld);
    }
  });
});

describe('a device', () => {
  let device: GpuDevice;
  shareDevice((opened) => (device = opened));

  it('says what it is', () => {
    expect(device.name).toMatch(/^WebGPU \S/);
  });

  it('gives the values of now, not of an earlier download', async () => {
    const buffer = device.upload(Float32Array.of(1, 2, 3));
    expect([...(await device.download(buffer, 3))]).toEqual([1, 2, 3]);
    device.run(fill, { inputs: {}, uniforms: { value: 7 }, threads: buffer.capacity / 4, output: buffer });
    expect([...(await device.download(buffer, 3))]).toEqual([7, 7, 7]);
  });

  it('runs more workgroups than one dimension may have', async () => {
    const threads = 65_535 * 64 + 70;
    const buffer = device.allocate(4 * threads);
    device.run(fill, { inputs: {}, uniforms: { value: 3 }, threads, output: buffer });
    const values = await device.download(buffer, 4 * threads);
    expect(values.every((value) => value === 3)).toBe(true);
    device.release(buffer);
    device.purge();
  });

  it('compiles a kernel once, whatever the sizes', async () => {
    const kernel = addOne('add one, counted', 'x');
    add(device, kernel, [1]);
    const compiled = device.pipelineCount;
    for (const length of [1, 2, 64, 65, 1000]) {
      const values = Array.from({ length }, (_, i) => i);
      expect([...(await device.download(add(device, kernel, values), length))]).toEqual(values.map((value) => value + 1));
    }
    expect(device.pipelineCount).toBe(compiled);
  });

  it('runs a kernel that reads none of its inputs', async () => {
    const kernel: Kernel<'x', never> = { key: 'reads nothing', inputs: { x: 'f32' }, output: 'f32', uniforms: {}, body: 'result[index] = 9.0;' };
    expect([...(await device.download(add(device, kernel, [4, 5]), 2))]).toEqual([9, 9]);
  });

  it('hoists the directives of a kernel', async (context) => {
    if (!device.hasFeature('subgroups')) return context.skip('the adapter has no subgroups');
    const kernel: Kernel<'x', never> = {
      key: 'largest of a subgroup', inputs: { x: 'f32' }, output: 'f32', uniforms: {},
      declarations: 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);', body: 'result[index] = x[index] + 0.0 * subgroupMax(x[index]);',
    };
    expect([...(await device.download(add(device, kernel, [4, 5]), 2))]).toEqual([4, 5]);
  });

  it('gives freed buffers back on purge, and none that is in use', async () => {
    const kept = device.upload(Float32Array.of(5));
    device.purge();
    const before = device.allocatedBytes;
    const freed = add(device, addOne('add one, purged', 'x'), Array.from({ length: 100_000 }, () => 1));
    device.release(freed);
    device.purge();
    // the input of `add` stays: 100 000 numbers in a bucket
    expect(device.allocatedBytes - before).toBeLessThan(500_000);
    expect([...(await device.download(kept, 1))]).toEqual([5]);
  });

  it('keeps the pool near what was in use at once, while sizes never return', async () => {
    for (let step = 0; step < 10; step++) {
      // 20 MB and more, each in a bucket of its own
      const buffer = device.allocate(5_000_000 * 1.25 ** step);
      device.run(fill, { inputs: {}, uniforms: { value: 1 }, threads: 1, output: buffer });
      device.release(buffer);
      await device.download(device.upload(Float32Array.of(1)), 1);
    }
    // One at a time was in use, the last of 168 MB: 1.5 x 168 MB + 64 MiB. Without a limit the ten come to some 700 MB.
    expect(device.allocatedBytes).toBeLessThan(320e6);
    device.purge();
  });

  it('refuses a buffer over the limits before anything is done', () => {
    expect(thrown(() => device.allocate(2 ** 40))).toBe('device/buffer-too-large');
  });
});

describe('a device that failed', () => {
  let device: GpuDevice;
  beforeEach(async () => {
    device = await acquireGpuDevice();
  });

  it('rejects the download after a kernel that does not compile, and every call after it', async () => {
    const good = addOne('add one, good', 'x');
    expect([...(await device.download(add(device, good, [1]), 1))]).toEqual([2]);
    const error = await rejection(device.download(add(device, addOne('add one, broken', 'y'), [1]), 1));
    expect(error.code).toBe('device/fault');
    expect(error.family).toBe('device');
    expect(device.failure?.code).toBe('device/fault');
    expect(thrown(() => device.upload(Float32Array.of(1)))).toBe('device/fault');
    expect(thrown(() => add(device, good, [1]))).toBe('device/fault');
  });

  it('rejects pending downloads when it is lost, and every call after it', async () => {
    const output = add(device, addOne('add one, lost', 'x'), [1]);
    const pending = device.download(output, 1);
    // From below, as a driver reset comes: not through destroy() of our own class.
    device.backend.device.destroy();
    expect((await rejection(pending)).code).toBe('device/lost');
    expect(thrown(() => device.allocate(1))).toBe('device/lost');
    expect((await rejection(device.download(output, 1))).code).toBe('device/lost');
  });

  it('is destroyed when another is acquired', async () => {
    const buffer = device.upload(Float32Array.of(1));
    const next = await acquireGpuDevice();
    expect((await rejection(device.download(buffer, 1))).code).toBe('device/lost');
    expect([...(await next.download(next.upload(Float32Array.of(2)), 1))]).toEqual([2]);
  });

  it('throws on a synchronous read', () => {
    const { dataId } = device.upload(Float32Array.of(1));
    expect(thrown(() => device.backend.readSync(dataId))).toBe('device/fault');
  });
});
