import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu/dist/backend_webgpu.js';
import { invariant } from '../../ground/check.ts';
import type { BedsideError } from '../../ground/errors.ts';
import { bucketLength } from './buckets.ts';
import { bufferTooLarge, deviceFault, deviceLost, deviceOutOfMemory, noAdapter, noWebGpu } from './device-errors.ts';
import { hoistDirectives } from './directives.ts';
import type { Kernel } from './kernel.ts';
import { launchProgram, viewShape } from './launch-program.ts';

export type DeviceBufferType = 'float32' | 'int32';

/** Numbers on the device: float32 or int32, in a buffer of a bucket's size. */
export interface DeviceBuffer {
  /** What tfjs calls the tensor's data; the buffer's identity. */
  readonly dataId: object;
  readonly type: DeviceBufferType;
  /** Numbers it has room for. */
  readonly capacity: number;
  /** Of a part of a buffer that holds binary16 numbers, two to a word of int32: where the part begins, in fours. */
  readonly halvesFrom?: number;
}

/** One launch of a kernel: `threads` threads over `inputs`, into `output`, which may hold values already. */
export interface Launch<Input extends string, Uniform extends string> {
  readonly inputs: Readonly<Record<Input, DeviceBuffer>>;
  readonly uniforms: Readonly<Record<Uniform, number>>;
  readonly threads: number;
  readonly output: DeviceBuffer;
  /** What all of it costs, in multiply-adds of the forward int8 product that take as long. Absent where it is little. */
  readonly multiplyAdds?: number;
  /** The part of the threads that runs now, from a whole number of workgroups on; all where absent. */
  readonly range?: { readonly firstThread: number; readonly endThread: number };
}

/** What operations ask of a device. */
export type LaunchDevice = Pick<GpuDevice, 'name' | 'allocate' | 'upload' | 'write' | 'run' | 'download' | 'downloadIntegers' | 'release' | 'workDone' | 'purge' | 'bytesInUse' | 'largestBufferBytes'>;

/** Limits raised to the adapter's own: the defaults keep a large G [B, P] or word table off devices that could hold it. */
const raisedLimits = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage', 'maxComputeWorkgroupsPerDimension', 'maxComputeInvocationsPerWorkgroup', 'maxComputeWorkgroupSizeX', 'maxComputeWorkgroupStorageSize'] as const;

/** Features that kernels may `enable` where the adapter has them. */
const optionalFeatures = ['shader-f16', 'subgroups'] as const;
export type GpuFeature = (typeof optionalFeatures)[number];

/** The pool may hold this much more than half again what was in use at once; tfjs itself never gives a buffer back. */
const idleBytesKept = 64 * 2 ** 20;

/**
 * A WebGPU device with the tfjs backend as its buffer pool, pipeline cache and command queue.
 * The only module that touches the GPU. Once something failed, every call throws that first failure: what the buffers
 * hold is then unknown, and a new device has to be acquired.
 */
export class GpuDevice {
  readonly name: string;
  /** The adapter in all that it says of itself: what was measured on it is kept under this name. */
  readonly adapter: string;
  /** A software renderer: correct, and slower than the WebAssembly engine. */
  readonly isSoftware: boolean;
  /** Kernels compiled so far. */
  pipelineCount = 0;
  #failure: BedsideError | null = null;
  #peakBytesInUse = 0;
  #purges = 0;
  readonly #pending = new Set<(failure: BedsideError) => void>();
  readonly #backend: WebGPUBackend;
  readonly #device: GPUDevice;

  constructor(device: GPUDevice, info: GPUAdapterInfo, Backend: new (device: GPUDevice, info: GPUAdapterInfo) => WebGPUBackend) {
    this.#device = device;
    this.isSoftware = info.isFallbackAdapter || info.architecture === 'swiftshader';
    this.name = ['WebGPU', info.vendor, info.architecture, info.description].filter((word) => word !== '').join(' ');
    this.adapter = [info.vendor, info.architecture, info.device, info.description, ...optionalFeatures.filter((feature) => device.features.has(feature))].join('/');
    const createShaderModule = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) => {
      this.pipelineCount++;
      return createShaderModule({ ...descriptor, code: hoistDirectives(descriptor.code) });
    };
    device.addEventListener('uncapturederror', (event) => {
      this.#fail(event.error instanceof GPUOutOfMemoryError ? deviceOutOfMemory() : deviceFault(event.error.message));
    });
    void device.lost.then(({ reason }) => this.#fail(deviceLost(reason)));
    this.#backend = new Backend(device, info);
    // A synchronous read returns zeros, silently, and takes the device with it.
    this.#backend.readSync = () => {
      throw deviceFault('synchronous read');
    };
  }

  get backend(): WebGPUBackend {
    return this.#backend;
  }

  /** The first failure of this device, or null. */
  get failure(): BedsideError | null {
    return this.#failure;
  }

  /** Bytes of device memory held, pool included. */
  get allocatedBytes(): number {
    return this.#backend.bufferManager.numBytesAllocated;
  }

  /** The same without the queue's own uniforms, whose count follows how launches fall into submissions. */
  get storageBytes(): number {
    const manager = this.#backend.bufferManager;
    const pools: Map<string, GPUBuffer[]>[] = [manager['freeBuffers'], manager['usedBuffers']];
    return pools.flatMap((pool) => [...pool.values()].flat()).reduce((total, { size, usage }) => total + ((usage & GPUBufferUsage.UNIFORM) === 0 ? size : 0), 0);
  }

  /** Bytes of the buffers that are in use. */
  get bytesInUse(): number {
    return this.#backend.bufferManager.numBytesUsed;
  }

  /** Of the largest buffer that the device gives. */
  get largestBufferBytes(): number {
    return Math.min(this.#device.limits.maxBufferSize, this.#device.limits.maxStorageBufferBindingSize);
  }

  hasFeature(name: GpuFeature): boolean {
    return this.#device.features.has(name);
  }

  /** A buffer of at least `length` numbers; its values are whatever was there. */
  allocate(length: number, type: DeviceBufferType = 'float32'): DeviceBuffer {
    this.#check(length);
    const capacity = bucketLength(length);
    const { dataId } = this.#backend.makeTensorInfo([capacity], type);
    this.#backend.uploadToGPU(dataId);
    return { dataId, type, capacity };
  }

  /** Copies values to a new buffer; the rest of the bucket is zero. */
  upload(values: Float32Array | Int32Array): DeviceBuffer {
    const buffer = this.allocate(values.length, values instanceof Float32Array ? 'float32' : 'int32');
    this.write(buffer, values);
    if (buffer.capacity > values.length) this.#writeBytes(buffer, 4 * values.length, new Float32Array(buffer.capacity - values.length));
    return buffer;
  }

  /** Copies values to the start of a buffer of their type. */
  write(buffer: DeviceBuffer, values: Float32Array | Int32Array): void {
    if (this.#failure) throw this.#failure;
    this.#writeBytes(buffer, 0, values);
  }

  /** Not tfjs's upload, which makes a staging buffer each time. */
  #writeBytes(buffer: DeviceBuffer, startByte: number, values: Float32Array | Int32Array): void {
    const resource = this.#resource(buffer);
    // A write comes before whatever is submitted later, so what was recorded before it goes first: it may read the old values.
    if (this.#backend['commandEncoder'] !== null) this.submit();
    this.#device.queue.writeBuffer(resource, startByte, values.buffer, values.byteOffset, values.byteLength);
  }

  #resource({ dataId }: DeviceBuffer): GPUBuffer {
    const { resource } = this.#backend.tensorMap.get(dataId);
    invariant(resource instanceof GPUBuffer, 'a device buffer is a GPU buffer');
    return resource;
  }

  /** Records one launch; it runs in order with the others. */
  run<Input extends string, Uniform extends string>(kernel: Kernel<Input, Uniform>, launch: Launch<Input, Uniform>): void {
    if (this.#failure) throw this.#failure;
    const { program, uniformData } = launchProgram(kernel, launch);
    this.#backend.runWebGPUProgram(program, program.variableNames.map((name) => view(launch.inputs[name])), 'float32', uniformData, view(launch.output));
    this.#peakBytesInUse = Math.max(this.#peakBytesInUse, this.#backend.bufferManager.numBytesUsed);
  }

  /** The first `length` numbers of a float32 buffer. Rejects with the device's failure, also when it happens meanwhile. */
  async download(buffer: DeviceBuffer, length: number): Promise<Float32Array> {
    return new Float32Array(await this.#unlessFailed(() => this.#read(buffer, length)));
  }

  /** The same of an int32 buffer. */
  async downloadIntegers(buffer: DeviceBuffer, length: number): Promise<Int32Array> {
    return new Int32Array(await this.#unlessFailed(() => this.#read(buffer, length)));
  }

  /** Resolves when all that was recorded so far has run. Rejects as `download` does. */
  workDone(): Promise<void> {
    return this.#unlessFailed(async () => {
      this.submit();
      await this.#device.queue.onSubmittedWorkDone();
    });
  }

  /** Waits for the device; its failure, should it come first, is the answer. */
  #unlessFailed<Answer>(wait: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#pending.add(reject);
      void wait().then(
        (values) => {
          this.#pending.delete(reject);
          resolve(values);
        },
        (error: unknown) => {
          if (error instanceof DOMException) this.#fail(error.name === 'AbortError' ? deviceLost('unknown') : deviceFault(error.message));
          this.#pending.delete(reject);
          reject(error);
        },
      );
    });
  }

  /** The bytes of the first `length` numbers. */
  async #read(buffer: DeviceBuffer, length: number): Promise<ArrayBuffer> {
    this.#device.pushErrorScope('validation');
    const reading = this.#copyOut(this.#resource(buffer), 4 * length);
    // A refused command leaves old data behind and throws nothing. The scope catches what this submission refuses; its
    // answer also comes after the error events of all earlier commands.
    const [bytes, refused] = await Promise.all([reading, this.#device.popErrorScope()]);
    if (refused) this.#fail(deviceFault(refused.message));
    if (this.allocatedBytes > 1.5 * this.#peakBytesInUse + idleBytesKept) this.purge();
    return bytes;
  }

  /** Not `backend.read`, which keeps the values and returns them again after the buffer has changed, nor the whole of a large buffer. */
  async #copyOut(source: GPUBuffer, sizeBytes: number): Promise<ArrayBuffer> {
    const manager = this.#backend.bufferManager;
    // Of the size of its source, so that the pool has it the next time, however much is read.
    const staging = manager.acquireBuffer(source.size, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
    const purges = this.#purges;
    this.submit();
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, staging, 0, sizeBytes);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ, 0, sizeBytes);
    const bytes = staging.getMappedRange(0, sizeBytes).slice(0);
    staging.unmap();
    // After a purge nothing of its size may come any more.
    manager.releaseBuffer(staging, purges === this.#purges);
    return bytes;
  }

  release(buffer: DeviceBuffer): void {
    this.#backend.disposeData(buffer.dataId);
  }

  /** Gives the pool's freed buffers back to the system; worth doing between phases. */
  purge(): void {
    if (this.#failure) return;
    // A recorded command may still name a freed buffer.
    this.submit();
    const manager = this.#backend.bufferManager;
    // The arrays stay in place: tfjs expects one for every size it has handed out.
    const pool: Map<string, GPUBuffer[]> = manager['freeBuffers'];
    for (const freed of pool.values()) {
      for (const buffer of freed) {
        buffer.destroy();
        manager.numBytesAllocated -= buffer.size;
        manager['numFreeBuffers']--;
      }
      freed.length = 0;
    }
    this.#peakBytesInUse = manager.numBytesUsed;
    this.#purges++;
  }

  /** Hands over what was recorded; it runs while the host goes on. */
  submit(): void {
    this.#backend.ensureCommandEncoderReady();
    this.#backend.endComputePassEncoder();
    this.#backend.submitQueue();
  }

  /** Ends the device; pending downloads reject with `device/lost`. */
  destroy(): void {
    this.#device.destroy();
    this.#fail(deviceLost('destroyed'));
  }

  #check(length: number): void {
    if (this.#failure) throw this.#failure;
    const sizeBytes = 4 * bucketLength(length);
    if (sizeBytes > this.largestBufferBytes) throw bufferTooLarge(sizeBytes, this.largestBufferBytes);
  }

  #fail(failure: BedsideError): void {
    this.#failure ??= failure;
    for (const reject of this.#pending) reject(this.#failure);
    this.#pending.clear();
  }
}

function view({ dataId, type }: DeviceBuffer): { dataId: object; dtype: 'float32' | 'int32'; shape: number[] } {
  return { dataId, dtype: type, shape: viewShape };
}

/** The device whose backend is registered: tfjs holds one backend by the name of `webgpu`. */
let current: GpuDevice | null = null;

async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits = Object.fromEntries(raisedLimits.map((limit) => [limit, adapter.limits[limit]]));
  const requiredFeatures = optionalFeatures.filter((feature) => adapter.features.has(feature));
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures });
  } catch (error) {
    throw deviceFault(error instanceof Error ? error.message : 'no device');
  }
}

/**
 * Acquires a device and registers its tfjs backend as `webgpu`, in the page or in a worker. There is one at a time:
 * an earlier device is destroyed. tfjs is loaded here and not before.
 * Throws: `device/no-webgpu`, `device/no-adapter`, `device/fault`.
 */
export async function acquireGpuDevice(gpu: GPU | undefined = globalThis.navigator?.gpu): Promise<GpuDevice> {
  if (!gpu) throw noWebGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw noAdapter();
  // The backend class alone: the package's entry would bring some 150 kernels of its own along.
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu/dist/backend_webgpu.js');
  const { env, findBackendFactory, registerBackend, removeBackend, setBackend } = await import('@tensorflow/tfjs-core');
  // Small tensors stay on the device: the CPU path would answer for a kernel that is broken.
  env().set('WEBGPU_CPU_FORWARD', false);
  const device = new GpuDevice(await requestDevice(adapter), adapter.info, WebGPUBackend);
  current?.destroy();
  current = device;
  if (findBackendFactory('webgpu') !== null) removeBackend('webgpu');
  registerBackend('webgpu', () => device.backend);
  await setBackend('webgpu');
  return device;
}
