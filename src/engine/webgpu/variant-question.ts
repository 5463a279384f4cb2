import type { DeviceBuffer, GpuDevice, GpuFeature } from './device.ts';
import type { Kernel } from './kernel.ts';

/** What a trial asks of a device. */
export type TrialDevice = Pick<GpuDevice, 'allocate' | 'upload' | 'run' | 'workDone' | 'release'>;

/** Work of a usual size, on buffers of its own. */
export interface Trial<Name> {
  /** All that it holds on the device; released by whoever asked for the trial. */
  readonly buffers: readonly DeviceBuffer[];
  /** Launches a candidate's kernels on it, once. */
  launch(candidate: Name): void;
}

/** Kernels that compute the same and of which each device has its own fastest: the device is asked, by the clock. */
export interface VariantQuestion<Name extends string | number> {
  /** The first is taken where nothing is measured, and where several are as fast. */
  readonly candidates: readonly Name[];
  /** The feature without which a candidate does not compile. */
  readonly needs?: Readonly<Partial<Record<Name, GpuFeature>>>;
  /** The kernels of a candidate: once the text of any has changed, it is measured anew. */
  kernelsOf(candidate: Name): readonly Kernel<string, string>[];
  trial(device: TrialDevice): Trial<Name>;
}
