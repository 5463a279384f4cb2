import type { DeviceBuffer, DeviceBufferType, Launch, LaunchDevice } from './device.ts';
import type { Kernel } from './kernel.ts';

/** A device that passes every call on to another one; what does something of its own overrides that call. */
export abstract class ForwardingDevice<Device extends LaunchDevice = LaunchDevice> implements LaunchDevice {
  constructor(protected readonly device: Device) {}

  get name(): string {
    return this.device.name;
  }

  get bytesInUse(): number {
    return this.device.bytesInUse;
  }

  get largestBufferBytes(): number {
    return this.device.largestBufferBytes;
  }

  allocate(length: number, type?: DeviceBufferType): DeviceBuffer {
    return this.device.allocate(length, type);
  }

  upload(values: Float32Array | Int32Array): DeviceBuffer {
    return this.device.upload(values);
  }

  write(buffer: DeviceBuffer, values: Float32Array | Int32Array): void {
    this.device.write(buffer, values);
  }

  release(buffer: DeviceBuffer): void {
    this.device.release(buffer);
  }

  run<Input extends string, Uniform extends string>(kernel: Kernel<Input, Uniform>, launch: Launch<Input, Uniform>): void {
    this.device.run(kernel, launch);
  }

  download(buffer: DeviceBuffer, length: number): Promise<Float32Array> {
    return this.device.download(buffer, length);
  }

  downloadIntegers(buffer: DeviceBuffer, length: number): Promise<Int32Array> {
    return this.device.downloadIntegers(buffer, length);
  }

  workDone(): Promise<void> {
    return this.device.workDone();
  }

  purge(): void {
    this.device.purge();
  }
}
