import { isDeviceGone } from '../engine/device-gone.ts';
import type { Engine } from '../engine/engine.ts';
import { checkGoldenBatch } from '../engine/golden-batch.ts';
import { BedsideError } from '../ground/errors.ts';
import { openWasm, openWebGpu, type Backend, type Thoroughness } from './backend.ts';
import type { DeviceReport, KernelCheck } from './bedside.service.ts';
import type { TrainerModel } from './encoder.ts';
import { openReference } from './reference-backend.ts';

export type BackendChoice = 'automatic' | 'wasm' | 'webgpu';

/** How backends are to be opened, the first time and where one was lost. */
export interface Opening {
  readonly choice: BackendChoice;
  readonly onCheck: (check: KernelCheck) => void;
  readonly openWebGpu: () => Promise<Backend>;
  readonly openWasm: () => Promise<Backend>;
}

export function openingOf(choice: BackendChoice, onCheck: (check: KernelCheck) => void): Opening {
  return { choice, onCheck, openWebGpu, openWasm };
}

interface Verdict {
  readonly reason: string;
  readonly mismatch: string | null;
  readonly checks: readonly KernelCheck[];
}

export interface ChosenBackend extends Verdict {
  readonly backend: Backend;
}

/** WebGPU passed over, and why. */
interface PassedOver extends Verdict {
  readonly backend: null;
}

function mismatchOf(checks: readonly KernelCheck[]): string | null {
  return checks.find((check) => !check.passed)?.operation ?? null;
}

function reasonOfFailure(error: unknown): string {
  if (!(error instanceof BedsideError)) return 'webgpu-failed';
  if (error.code === 'device/no-webgpu' || error.code === 'device/no-adapter') return 'no-webgpu';
  return error.code === 'device/lost' ? 'device-lost' : 'webgpu-failed';
}

/** WASM where its kernels agree with the reference, and the reference otherwise. */
async function checkedWasm({ openWasm: open, onCheck }: Opening, thoroughness: Thoroughness, { reason, mismatch, checks: earlier }: Verdict): Promise<ChosenBackend> {
  const backend = await open();
  const checks = await backend.check(thoroughness, onCheck);
  const wrong = mismatchOf(checks);
  const all = [...earlier, ...checks];
  if (wrong !== null) return { backend: openReference(), reason: 'wasm-mismatch', mismatch: wrong, checks: all };
  return { backend, reason, mismatch, checks: all };
}

/** `isAgain`: where a device was lost before, that is why there is none now. */
async function tryWebGpu({ choice, openWebGpu: open, onCheck }: Opening, thoroughness: Thoroughness, isAgain: boolean): Promise<ChosenBackend | PassedOver> {
  let backend: Backend | null = null;
  const passOver = (reason: string, mismatch: string | null = null, checks: readonly KernelCheck[] = []): PassedOver => {
    backend?.close();
    return { backend: null, reason, mismatch, checks };
  };
  try {
    backend = await open();
    if (backend.isSoftware && choice !== 'webgpu') return passOver('software-adapter');
    const checks = await backend.check(thoroughness, onCheck);
    const mismatch = mismatchOf(checks);
    if (mismatch !== null) return passOver('webgpu-mismatch', mismatch, checks);
    return { backend, reason: choice === 'webgpu' ? 'chosen' : 'webgpu-passed', mismatch, checks };
  } catch (error) {
    return passOver(isAgain ? 'device-lost' : reasonOfFailure(error));
  }
}

async function webGpuOrWasm(opening: Opening, thoroughness: Thoroughness, isAgain: boolean): Promise<ChosenBackend> {
  const tried = await tryWebGpu(opening, thoroughness, isAgain);
  if (tried.backend) return tried;
  if (tried.reason === 'device-lost' && !isAgain) return webGpuOrWasm(opening, thoroughness, true);
  return checkedWasm(opening, thoroughness, tried);
}

/**
 * Chooses where to compute, and says why. WebGPU where a real adapter agrees with the reference in every kernel; a software adapter is slower
 * than WASM and passed over unless WebGPU was chosen by the person; one that is lost meanwhile is opened once more. Whatever fails falls back to
 * WASM, and WASM that disagrees to the reference itself.
 * Reasons: 'webgpu-passed', 'chosen', 'no-webgpu', 'software-adapter', 'webgpu-mismatch', 'webgpu-failed', 'device-lost', 'wasm-mismatch'.
 * Throws errors of family device where WASM does not run either.
 */
export async function chooseBackend(opening: Opening, thoroughness: Thoroughness): Promise<ChosenBackend> {
  if (opening.choice === 'wasm') return checkedWasm(opening, thoroughness, { reason: 'chosen', mismatch: null, checks: [] });
  return webGpuOrWasm(opening, thoroughness, false);
}

/**
 * What goes on for a backend that is gone, checked as at the start: the same may come back once where it was taken away, and nothing that is known of the
 * one that is gone is held of it. One that fails, or is lost again, is given up for WASM.
 */
export async function replaceBackend({ backend, reason, mismatch, checks }: ChosenBackend, error: unknown, opening: Opening, mayComeBack: boolean): Promise<ChosenBackend> {
  backend.close();
  if (backend.name !== 'webgpu') return checkedWasm(opening, 'start', { reason, mismatch, checks: checks.filter((check) => check.backend !== backend.name) });
  const why = reasonOfFailure(error);
  if (mayComeBack && why === 'device-lost') return webGpuOrWasm(opening, 'start', true);
  return checkedWasm(opening, 'start', { reason: why, mismatch: null, checks: [] });
}

export interface AgreeingEngine {
  readonly chosen: ChosenBackend;
  readonly engine: Engine;
}

/**
 * An engine on the chosen backend that gives the model's known answers; where it does not, on the next one: WASM after WebGPU, then the reference.
 * Where the model has none, the backend's own checks have to do. A WebGPU device that is lost meanwhile is replaced, by another of its kind
 * if it `mayComeBack`.
 * Throws: the error of a backend that is gone and is not WebGPU's.
 */
export async function agreeingEngine(chosen: ChosenBackend, model: TrainerModel, open: (backend: Backend) => Promise<Engine>, opening: Opening, mayComeBack: boolean): Promise<AgreeingEngine> {
  const { backend, checks: earlier } = chosen;
  let engine: Engine;
  let found: readonly KernelCheck[];
  try {
    engine = await open(backend);
    if (!model.golden || backend.name === 'reference') return { chosen, engine };
    found = await checkGoldenBatch(engine, model.golden);
  } catch (error) {
    if (!isDeviceGone(error) || backend.name !== 'webgpu') throw error;
    return agreeingEngine(await replaceBackend(chosen, error, opening, mayComeBack), model, open, opening, false);
  }
  for (const check of found) opening.onCheck(check);
  const checks = [...earlier, ...found];
  const mismatch = mismatchOf(found);
  if (mismatch === null) return { chosen: { ...chosen, checks }, engine };
  engine.dispose();
  backend.close();
  const next = backend.name === 'webgpu' ? await checkedWasm(opening, 'start', { reason: 'webgpu-mismatch', mismatch, checks }) : { backend: openReference(), reason: 'wasm-mismatch', mismatch, checks };
  return agreeingEngine(next, model, open, opening, false);
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
