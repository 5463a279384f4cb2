import type { DeviceBuffer, GpuDevice, Launch, LaunchDevice } from './device.ts';
import { ForwardingDevice } from './forwarding-device.ts';
import { workgroupThreads, type Kernel } from './kernel.ts';

/** Of a launch that does not say what it costs, a thread: as the smallest kernels take. */
const unstatedMultiplyAdds = 100;
/** However slow a device is found to be: below, cutting would cost more than it saves. */
const leastMultiplyAdds = 2e6;

/**
 * A device whose work is handed over in submissions of at most so many multiply-adds, so that none is long enough for a watchdog and the screen gets its turn between them.
 * A launch that alone would be longer is cut into ranges of its threads: each thread computes the same, so that results are the same to the bit.
 */
export class BoundedDevice extends ForwardingDevice<LaunchDevice & Pick<GpuDevice, 'submit'>> {
  /** Recorded since the last submission; tfjs submits on its own as well, after some launches. */
  #recorded = 0;
  #mostAtOnce: number;

  constructor(device: LaunchDevice & Pick<GpuDevice, 'submit'>, mostAtOnce: number, private readonly leastAtOnce = leastMultiplyAdds) {
    super(device);
    this.#mostAtOnce = Math.max(leastAtOnce, mostAtOnce);
  }

  /** Multiply-adds of a submission from now on. */
  set mostAtOnce(multiplyAdds: number) {
    this.#mostAtOnce = Math.max(this.leastAtOnce, multiplyAdds);
  }

  override run<Input extends string, Uniform extends string>(kernel: Kernel<Input, Uniform>, launch: Launch<Input, Uniform>): void {
    const { threads, multiplyAdds = threads * unstatedMultiplyAdds } = launch;
    const groups = Math.ceil(threads / workgroupThreads);
    const parts = Math.max(1, Math.min(groups, Math.ceil(multiplyAdds / this.#mostAtOnce)));
    for (let part = 0; part < parts; part++) {
      if (this.#recorded > 0 && this.#recorded + multiplyAdds / parts > this.#mostAtOnce) this.#submit();
      const range = { firstThread: workgroupThreads * Math.floor((part * groups) / parts), endThread: Math.min(threads, workgroupThreads * Math.floor(((part + 1) * groups) / parts)) };
      super.run(kernel, parts === 1 ? launch : { ...launch, range });
      this.#recorded += multiplyAdds / parts;
    }
  }

  #submit(): void {
    this.device.submit();
    this.#recorded = 0;
  }

  override upload(values: Float32Array | Int32Array): DeviceBuffer {
    this.#recorded = 0;
    return super.upload(values);
  }

  override write(buffer: DeviceBuffer, values: Float32Array | Int32Array): void {
    this.#recorded = 0;
    super.write(buffer, values);
  }

  override download(buffer: DeviceBuffer, length: number): Promise<Float32Array> {
    this.#recorded = 0;
    return super.download(buffer, length);
  }

  override downloadIntegers(buffer: DeviceBuffer, length: number): Promise<Int32Array> {
    this.#recorded = 0;
    return super.downloadIntegers(buffer, length);
  }

  override workDone(): Promise<void> {
    this.#recorded = 0;
    return super.workDone();
  }
}
