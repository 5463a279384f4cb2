import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu/dist/backend_webgpu.js';
import { invariant } from '../../ground/check.ts';
import type { BedsideError } from '../../ground/errors.ts';
import { bucketLength } from './buckets.ts';
import { bufferTooLarge, deviceFault, deviceLost, deviceOutOfMemory, noAdapter, noWebGpu } from './device-errors.ts';
import { hoistDirectives } from './directives.ts';
import { kernelText, workgroupThreads, type Kernel } from './kernel.ts';

/** Numbers on the device: float32 or int32, in a buffer of a bucket's size. */
export interface DeviceBuffer {
  /** What tfjs calls the tensor's data; the buffer's identity. */
  readonly dataId: object;
  readonly type: 'float32' | 'int32';
  /** Numbers it has room for. */
  readonly capacity: number;
}

/** One launch of a kernel: `threads` threads over `inputs`, into `output`, which may hold values already. */
export interface Launch<Input extends string, Uniform extends string> {
  readonly inputs: Readonly<Record<Input, DeviceBuffer>>;
  readonly uniforms: Readonly<Record<Uniform, number>>;
  readonly threads: number;
  readonly output: DeviceBuffer;
}

/** Limits raised to the adapter's own: the defaults keep a large G [B, P] or word table off devices that could hold it. */
const raisedLimits = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage', 'maxComputeWorkgroupsPerDimension', 'maxComputeInvocationsPerWorkgroup', 'maxComputeWorkgroupSizeX', 'maxComputeWorkgroupStorageSize'] as const;

/** Features that kernels may `enable` where the adapter has them. */
const optionalFeatures = ['shader-f16', 'subgroups'] as const;

/** The pool may hold this much more than half again what was in use at once; tfjs itself never gives a buffer back. */
const idleBytesKept = 64 * 2 ** 20;

/** tfjs keys a compiled kernel by the shapes it relates; one shape for every view leaves one pipeline for each kernel. */
const viewShape = [1];

/**
 * A WebGPU device with the tfjs backend as its buffer pool, pipeline cache and command queue.
 * The only module that touches the GPU. Once something failed, every call throws that first failure: what the buffers
 * hold is then unknown, and a new device has to be acquired.
 */
export class GpuDevice {
  readonly name: string;
  /** A software renderer: correct, and slower than the WebAssembly engine. */
  readonly isSoftware: boolean;
  /** Kernels compiled so far. */
  pipelineCount = 0;
  #failure: BedsideError | null = null;
  #peakBytesInUse = 0;
  readonly #pending = new Set<(failure: BedsideError) => void>();
  readonly #backend: WebGPUBackend;
  readonly #device: GPUDevice;

  constructor(device: GPUDevice, info: GPUAdapterInfo, Backend: new (device: GPUDevice, info: GPUAdapterInfo) => WebGPUBackend) {
    this.#device = device;
    this.isSoftware = info.isFallbackAdapter || info.architecture === 'swiftshader';
    this.name = ['WebGPU', info.vendor, info.architecture, info.description].filter((word) => word !== '').join(' ');
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

  hasFeature(name: (typeof optionalFeatures)[number]): boolean {
    return this.#device.features.has(name);
  }

  /** A buffer of at least `length` float32; its values are whatever was there. */
  allocate(length: number): DeviceBuffer {
    this.#check(length);
    const capacity = bucketLength(length);
    return { dataId: this.#backend.makeTensorInfo([capacity], 'float32').dataId, type: 'float32', capacity };
  }

  /** Copies values to the device; the rest of the bucket is zero. */
  upload(values: Float32Array | Int32Array): DeviceBuffer {
    this.#check(values.length);
    const capacity = bucketLength(values.length);
    const isFloat = values instanceof Float32Array;
    const padded = isFloat ? new Float32Array(capacity) : new Int32Array(capacity);
    padded.set(values);
    const type = isFloat ? 'float32' : 'int32';
    const { dataId } = this.#backend.makeTensorInfo([capacity], type, padded);
    this.#backend.uploadToGPU(dataId);
    return { dataId, type, capacity };
  }

  /** Records one launch; it runs in order with the others. */
  run<Input extends string, Uniform extends string>(kernel: Kernel<Input, Uniform>, { inputs, uniforms, threads, output }: Launch<Input, Uniform>): void {
    if (this.#failure) throw this.#failure;
    const inputNames = keysOf(kernel.inputs);
    const uniformNames = keysOf(kernel.uniforms);
    const program = {
      shaderKey: kernel.key,
      outputShape: viewShape,
      outputComponent: kernel.output === 'vec4f' ? 4 : 1,
      variableNames: inputNames,
      variableComponents: inputNames.map((name) => (kernel.inputs[name] === 'vec4f' ? 4 : 1)),
      uniforms: ['threads : i32', ...uniformNames.map((name) => `${name} : ${kernel.uniforms[name]}`)].join(', '),
      workgroupSize: [workgroupThreads, 1, 1] satisfies [number, number, number],
      dispatchLayout: { x: [0] },
      dispatch: [Math.ceil(threads / workgroupThreads), 1, 1] satisfies [number, number, number],
      getUserCode: () => kernelText(kernel),
    };
    this.#backend.runWebGPUProgram(
      program,
      inputNames.map((name) => view(inputs[name])),
      'float32',
      [{ type: 'int32', data: [threads] }, ...uniformNames.map((name) => ({ type: kernel.uniforms[name] === 'i32' ? 'int32' : 'float32', data: [uniforms[name]] }))],
      view(output),
    );
    this.#peakBytesInUse = Math.max(this.#peakBytesInUse, this.#backend.bufferManager.numBytesUsed);
  }

  /** The first `length` numbers of a buffer. Rejects with the device's failure, also when it happens meanwhile. */
  download(buffer: DeviceBuffer, length: number): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#pending.add(reject);
      void this.#read(buffer, length).then(
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

  async #read(buffer: DeviceBuffer, length: number): Promise<Float32Array> {
    this.#backend.uploadToGPU(buffer.dataId);
    const { resource } = this.#backend.tensorMap.get(buffer.dataId);
    invariant(resource instanceof GPUBuffer, 'a device buffer is a GPU buffer');
    this.#device.pushErrorScope('validation');
    // Not `backend.read`, which keeps the values and returns them again after the buffer has changed.
    const reading = this.#backend.getBufferData(resource);
    // A refused command leaves old data behind and throws nothing. The scope catches what this submission refuses; its
    // answer also comes after the error events of all earlier commands.
    const [bytes, refused] = await Promise.all([reading, this.#device.popErrorScope()]);
    if (refused) this.#fail(deviceFault(refused.message));
    if (this.allocatedBytes > 1.5 * this.#peakBytesInUse + idleBytesKept) this.purge();
    return new Float32Array(bytes, 0, length).slice();
  }

  release(buffer: DeviceBuffer): void {
    this.#backend.disposeData(buffer.dataId);
  }

  /** Gives the pool's freed buffers back to the system; worth doing between phases. */
  purge(): void {
    if (this.#failure) return;
    // A recorded command may still name a freed buffer.
    this.#backend.ensureCommandEncoderReady();
    this.#backend.endComputePassEncoder();
    this.#backend.submitQueue();
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
  }

  /** Ends the device; pending downloads reject with `device/lost`. */
  destroy(): void {
    this.#device.destroy();
    this.#fail(deviceLost('destroyed'));
  }

  #check(length: number): void {
    if (this.#failure) throw this.#failure;
    const sizeBytes = 4 * bucketLength(length);
    const limitBytes = Math.min(this.#device.limits.maxBufferSize, this.#device.limits.maxStorageBufferBindingSize);
    if (sizeBytes > limitBytes) throw bufferTooLarge(sizeBytes, limitBytes);
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

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): Key[] {
  const keys: Key[] = [];
  for (const key in record) keys.push(key);
  return keys;
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
