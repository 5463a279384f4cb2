/** Backends as a trainer worker opens them: the WASM kernels with their files, or a GPU device. */
import type { BackendName, Engine } from '../engine/engine.ts';
import { createEngine } from '../engine/bert.ts';
import { operationCases } from '../engine/operations/cases.ts';
import type { Operations } from '../engine/operations/operations.ts';
import { selfCheck } from '../engine/self-check.ts';
import type { BertWeights } from '../engine/model/weights.ts';
import type { DeviceTuning } from '../engine/webgpu/tune-device.ts';
import { instantiateKernels, multipliesIntegersFaster, supportedBuild } from '../engine/wasm/module.ts';
import { createWasmOperations, wasmMicroBatchTokens } from '../engine/wasm/wasm-operations.ts';
import type { KernelCheck } from './bedside.service.ts';
import { kernelBinaries } from './kernel-files.ts';

export type Thoroughness = 'start' | 'all';

export interface Backend {
  readonly name: BackendName;
  readonly device: string;
  /** A software renderer of WebGPU: correct, and slower than WASM. */
  readonly isSoftware: boolean;
  check(thoroughness: Thoroughness, onCheck: (check: KernelCheck) => void): Promise<readonly KernelCheck[]>;
  /** `rest` is awaited before each micro-batch; steps that would take the engine beyond `budgetBytes` are cut or refused. */
  engine(weights: BertWeights, rest?: () => Promise<void>, budgetBytes?: number): Promise<Engine>;
  /** Hands work over in shorter parts, so that other programs get their turn sooner; or no longer. */
  leaveRoom(leavesRoom: boolean): void;
  /** What the last engine holds: its linear memory, or its buffers on the graphics chip. */
  readonly memoryBytes: number;
  /** Gives the device up, as its loss would: for tests and for changing backends. */
  close(): void;
}

/** At the start every operation runs on the two small encoders; the full-size layers take seconds and are for the asked-for check. */
const startCases = operationCases.filter(({ model }) => model === 'nano' || model === 'odd');

async function checkAll<Buffer>(createOperations: () => Operations<Buffer> | Promise<Operations<Buffer>>, thoroughness: Thoroughness, onCheck: (check: KernelCheck) => void): Promise<readonly KernelCheck[]> {
  const checks = await selfCheck(createOperations, thoroughness === 'all' ? operationCases : startCases);
  for (const check of checks) onCheck(check);
  return checks;
}

export async function openWasm(): Promise<Backend> {
  const binaries = kernelBinaries();
  const operations = async () => createWasmOperations(await instantiateKernels(binaries));
  const { device } = await operations();
  let last: { readonly memoryBytes: number } | null = null;
  const build = supportedBuild();
  const roundsEncoding = build !== null && multipliesIntegersFaster(build);
  return {
    name: 'wasm',
    device,
    isSoftware: false,
    check: (thoroughness, onCheck) => checkAll(operations, thoroughness, onCheck),
    engine: async (weights, rest, budgetBytes = Infinity) => {
      const opened = await operations();
      last = opened;
      return createEngine(opened, weights, { maximumTokens: wasmMicroBatchTokens, roundsEncoding, rest, budgetBytes });
    },
    // The system shares a processor out by itself.
    leaveRoom: () => undefined,
    get memoryBytes() {
      return last?.memoryBytes ?? 0;
    },
    close: () => undefined,
  };
}

/** No submission to the graphics chip is planned to take longer: watchdogs come after seconds, and the screen waits for it to end. */
const submissionSeconds = 0.05;
/** Where room is left: less than a frame of the screen. */
const politeSubmissionSeconds = 0.01;

/** What this worker's adapter was found to be fastest at: where it is lost and opened again the same kernels go on, whose sums are in the same order. */
let tuned: { readonly adapter: string; readonly tuning: DeviceTuning } | null = null;

/** Loads tfjs only here. Throws errors of family device. */
export async function openWebGpu(): Promise<Backend> {
  const [{ acquireGpuDevice }, { createWebGpuOperations }, { tuneDevice }, { BoundedDevice }, { tuningHost }] = await Promise.all([
    import('../engine/webgpu/device.ts'), import('../engine/webgpu/webgpu-operations.ts'), import('../engine/webgpu/tune-device.ts'), import('../engine/webgpu/bounded-device.ts'), import('./tuning-memory.ts'),
  ]);
  const device = await acquireGpuDevice();
  if (tuned?.adapter !== device.adapter) tuned = { adapter: device.adapter, tuning: await tuneDevice(device, tuningHost()) };
  const { variants, multiplyAddsPerSecond } = tuned.tuning;
  const bounded = new BoundedDevice(device, multiplyAddsPerSecond * submissionSeconds);
  let isLeavingRoom = false;
  return {
    name: 'webgpu',
    device: device.name,
    isSoftware: device.isSoftware,
    check: (thoroughness, onCheck) => checkAll(() => createWebGpuOperations(bounded, variants), thoroughness, onCheck),
    engine: async (weights, rest, budgetBytes = Infinity) => {
      const restIdle = async () => {
        // A step hands the next micro-batch over while the last one runs: the chip would work through the rest.
        if (isLeavingRoom) await bounded.workDone();
        await rest?.();
      };
      return createEngine(createWebGpuOperations(bounded, variants), weights, { rest: restIdle, budgetBytes });
    },
    leaveRoom: (leavesRoom) => {
      isLeavingRoom = leavesRoom;
      bounded.mostAtOnce = multiplyAddsPerSecond * (leavesRoom ? politeSubmissionSeconds : submissionSeconds);
    },
    get memoryBytes() {
      return device.allocatedBytes;
    },
    close: () => device.destroy(),
  };
}
