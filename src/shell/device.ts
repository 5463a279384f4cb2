import { BedsideError } from '../ground/errors.ts';
import { openWasm, openWebGpu, type Backend, type Thoroughness } from './backend.ts';
import type { DeviceReport, KernelCheck } from './bedside.service.ts';

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

function wrongKernels(operation: string): BedsideError {
  return new BedsideError('device/kernel-mismatch', 'device', `The WebAssembly kernel ${operation} does not agree with its definition on this device.`, 'Use another browser, and report this device.', { operation });
}

async function checkedWasm(reason: string, mismatch: string | null, earlier: readonly KernelCheck[], thoroughness: Thoroughness, onCheck: (check: KernelCheck) => void): Promise<ChosenBackend> {
  const backend = await openWasm();
  const checks = await backend.check(thoroughness, onCheck);
  const wrong = mismatchOf(checks);
  if (wrong !== null) throw wrongKernels(wrong);
  return { backend, reason, mismatch, checks: [...earlier, ...checks] };
}

/**
 * Chooses where to compute, and says why. WebGPU where a real adapter agrees with the reference in every kernel; a software adapter is slower
 * than WASM and passed over unless WebGPU was chosen by the person; whatever fails falls back to WASM.
 * Reasons: 'webgpu-passed', 'chosen', 'no-webgpu', 'software-adapter', 'webgpu-mismatch', 'webgpu-failed'.
 * Throws errors of family device where WASM does not run or agree either.
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

export function reportOf({ backend, reason, mismatch, checks }: ChosenBackend, workers: number): DeviceReport {
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
