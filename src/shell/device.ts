import type { Engine } from '../engine/engine.ts';
import { checkGoldenBatch } from '../engine/golden-batch.ts';
import { BedsideError } from '../ground/errors.ts';
import { openWasm, openWebGpu, type Backend, type Thoroughness } from './backend.ts';
import type { DeviceReport, KernelCheck } from './bedside.service.ts';
import type { TrainerModel } from './encoder.ts';
import { openReference } from './reference-backend.ts';

export type BackendChoice = 'automatic' | 'wasm' | 'webgpu';

export interface ChosenBackend {
  readonly backend: Backend;
  readonly reason: string;
  readonly mismatch: string | null;
  readonly checks: readonly KernelCheck[];
}

function mismatchOf(checks: readonly KernelCheck[]): string | null {
  return checks.find((check) => !check.passed)?.operation ?? null;
}

async function checkedWasm(reason: string, mismatch: string | null, earlier: readonly KernelCheck[], thoroughness: Thoroughness, onCheck: (check: KernelCheck) => void): Promise<ChosenBackend> {
  const backend = await openWasm();
  const checks = await backend.check(thoroughness, onCheck);
  const wrong = mismatchOf(checks);
  const all = [...earlier, ...checks];
  if (wrong !== null) return { backend: openReference(), reason: 'wasm-mismatch', mismatch: wrong, checks: all };
  return { backend, reason, mismatch, checks: all };
}

/** WASM where its kernels agree with the reference, and the reference otherwise: for a device that was lost. */
export async function openTrustedWasm(): Promise<Backend> {
  return (await checkedWasm('device-lost', null, [], 'start', () => undefined)).backend;
}

/**
 * Chooses where to compute, and says why. WebGPU where a real adapter agrees with the reference in every kernel; a software adapter is slower
 * than WASM and passed over unless WebGPU was chosen by the person; whatever fails falls back to WASM, and WASM that disagrees to
 * the reference itself.
 * Reasons: 'webgpu-passed', 'chosen', 'no-webgpu', 'software-adapter', 'webgpu-mismatch', 'webgpu-failed', 'wasm-mismatch'.
 * Throws errors of family device where WASM does not run either.
 */
export async function chooseBackend(choice: BackendChoice, thoroughness: Thoroughness, onCheck: (check: KernelCheck) => void): Promise<ChosenBackend> {
  if (choice === 'wasm') return checkedWasm('chosen', null, [], thoroughness, onCheck);
  let backend: Backend;
  try {
    backend = await openWebGpu();
  } catch (error) {
    const isAbsent = error instanceof BedsideError && (error.code === 'device/no-webgpu' || error.code === 'device/no-adapter');
    return checkedWasm(isAbsent ? 'no-webgpu' : 'webgpu-failed', null, [], thoroughness, onCheck);
  }
  if (backend.isSoftware && choice !== 'webgpu') {
    backend.close();
    return checkedWasm('software-adapter', null, [], thoroughness, onCheck);
  }
  let checks: readonly KernelCheck[];
  try {
    checks = await backend.check(thoroughness, onCheck);
  } catch {
    backend.close();
    return checkedWasm('webgpu-failed', null, [], thoroughness, onCheck);
  }
  const mismatch = mismatchOf(checks);
  if (mismatch !== null) {
    backend.close();
    return checkedWasm('webgpu-mismatch', mismatch, checks, thoroughness, onCheck);
  }
  return { backend, reason: choice === 'webgpu' ? 'chosen' : 'webgpu-passed', mismatch: null, checks };
}

/**
 * An engine on the chosen backend that gives the model's known answers; where it does not, on the next one: WASM after WebGPU, then the reference.
 * Where the model has none, the backend's own checks have to do.
 */
export async function agreeingEngine(chosen: ChosenBackend, { weights, golden }: TrainerModel, open: (backend: Backend) => Promise<Engine>, onCheck: (check: KernelCheck) => void): Promise<{ readonly chosen: ChosenBackend; readonly engine: Engine }> {
  const { backend, checks: earlier } = chosen;
  const engine = await open(backend);
  if (!golden || backend.name === 'reference') return { chosen, engine };
  const found = await checkGoldenBatch(engine, golden);
  for (const check of found) onCheck(check);
  const checks = [...earlier, ...found];
  const mismatch = mismatchOf(found);
  if (mismatch === null) return { chosen: { ...chosen, checks }, engine };
  engine.dispose();
  backend.close();
  const next = backend.name === 'webgpu' ? await checkedWasm('webgpu-mismatch', mismatch, checks, 'start', onCheck) : { backend: openReference(), reason: 'wasm-mismatch', mismatch, checks };
  return agreeingEngine(next, { weights, golden }, open, onCheck);
}

/** What a trainer can say of its device; how it is used is the crew's to say. */
export type OpenedDevice = Omit<DeviceReport, 'leavesRoom'>;

export function reportOf({ backend, reason, mismatch, checks }: ChosenBackend, workers: number): OpenedDevice {
  return {
    backend: backend.name,
    device: { name: backend.device, workers },
    reason,
    mismatch,
    checks,
    cores: navigator.hardwareConcurrency,
    hasWebGpu: navigator.gpu !== undefined,
    isSecureContext: globalThis.isSecureContext,
  };
}
