import type { StepRecorder } from '../step-trace.ts';
import { bucketLength } from './buckets.ts';
import type { DeviceBuffer, DeviceBufferType, LaunchDevice } from './device.ts';

/** A device that computes nothing and notes what it is asked to hold; sizes in numbers of four bytes. */
export class DryDevice implements LaunchDevice {
  readonly name = 'rehearsal';
  readonly bytesInUse = 0;
  readonly largestBufferBytes = Infinity;
  readonly #numbers = new Map<DeviceBuffer, number>();

  constructor(private readonly recorder: StepRecorder) {}

  allocate(length: number, type: DeviceBufferType = 'float32'): DeviceBuffer {
    const capacity = bucketLength(length);
    const buffer: DeviceBuffer = { dataId: {}, type, capacity };
    this.#numbers.set(buffer, this.recorder.make(capacity, type));
    return buffer;
  }

  upload(values: Float32Array | Int32Array): DeviceBuffer {
    return this.allocate(values.length, values instanceof Float32Array ? 'float32' : 'int32');
  }

  release(buffer: DeviceBuffer): void {
    this.recorder.drop(this.#numbers.get(buffer)!);
  }

  write(): void {}

  run(): void {}

  async download(buffer: DeviceBuffer, length: number): Promise<Float32Array> {
    this.recorder.read(this.#numbers.get(buffer)!);
    return new Float32Array(length);
  }

  async downloadIntegers(buffer: DeviceBuffer, length: number): Promise<Int32Array> {
    this.recorder.read(this.#numbers.get(buffer)!);
    return new Int32Array(length);
  }

  workDone(): Promise<void> {
    return Promise.resolve();
  }

  purge(): void {}
}
