import { expect, it } from 'vitest';
import { BoundedDevice } from './bounded-device.ts';
import type { Launch } from './device.ts';
import { DryDevice } from './dry-device.ts';
import { fill } from './fill.ts';
import type { Kernel } from './kernel.ts';
import { StepRecorder } from '../step-trace.ts';

type Call = { readonly from: number; readonly to: number } | 'submit';

/** Notes what reaches the device. */
class NotingDevice extends DryDevice {
  readonly calls: Call[] = [];

  override run<Input extends string, Uniform extends string>(_kernel?: Kernel<Input, Uniform>, launch?: Launch<Input, Uniform>): void {
    const range = launch!.range ?? { firstThread: 0, endThread: launch!.threads };
    this.calls.push({ from: range.firstThread, to: range.endThread });
  }

  submit(): void {
    this.calls.push('submit');
  }
}

function launching(mostAtOnce: number, ...launches: readonly { threads: number; multiplyAdds?: number }[]): readonly Call[] {
  const device = new NotingDevice(new StepRecorder());
  const bounded = new BoundedDevice(device, mostAtOnce);
  const output = { dataId: {}, type: 'float32', capacity: 4 } as const;
  for (const launch of launches) bounded.run(fill, { inputs: {}, uniforms: { value: 0 }, output, ...launch });
  return device.calls;
}

it('hands work over before it would be too much', () => {
  expect(launching(10e6, { threads: 64, multiplyAdds: 4e6 }, { threads: 65, multiplyAdds: 5e6 }, { threads: 66, multiplyAdds: 2e6 })).toEqual([{ from: 0, to: 64 }, { from: 0, to: 65 }, 'submit', { from: 0, to: 66 }]);
});

it('cuts a launch that alone is too much into whole workgroups, each thread once', () => {
  expect(launching(10e6, { threads: 300, multiplyAdds: 25e6 })).toEqual([{ from: 0, to: 64 }, 'submit', { from: 64, to: 192 }, 'submit', { from: 192, to: 300 }]);
});

it('does not cut a workgroup, nor below what a cut costs', () => {
  expect(launching(10e6, { threads: 128, multiplyAdds: 1e9 })).toEqual([{ from: 0, to: 64 }, 'submit', { from: 64, to: 128 }]);
  expect(launching(1, { threads: 6400, multiplyAdds: 4e6 })).toHaveLength(3);
});

it('counts a launch that says nothing by its threads', () => {
  expect(launching(10e6, { threads: 90_000 }, { threads: 90_000 })).toEqual([{ from: 0, to: 90_000 }, 'submit', { from: 0, to: 90_000 }]);
});

it.each(['write', 'download', 'workDone'] as const)('begins to count anew after a %s, which hands over itself', async (how) => {
  const device = new NotingDevice(new StepRecorder());
  const bounded = new BoundedDevice(device, 10e6);
  const output = bounded.allocate(4);
  const launch = { inputs: {}, uniforms: { value: 0 }, output, threads: 64, multiplyAdds: 9e6 };
  bounded.run(fill, launch);
  if (how === 'write') bounded.write(output, Float32Array.of(1));
  else if (how === 'download') await bounded.download(output, 4);
  else await bounded.workDone();
  bounded.run(fill, launch);
  expect(device.calls).toHaveLength(2);
});
