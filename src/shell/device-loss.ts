/** What a trainer makes of a device that is gone. */
import { BedsideError } from '../ground/errors.ts';
import { openWebGpu, type Backend } from './backend.ts';
import { openTrustedWasm } from './device.ts';

/** Losing the device, and whatever leaves its buffers in doubt. */
export function isDeviceGone(error: unknown): boolean {
  return error instanceof BedsideError && ['device/lost', 'device/fault', 'device/out-of-memory'].includes(error.code);
}

/** After the second loss it is WASM that fails, and nothing lesser could take over: opened again, it would fail again, without end. */
const mostLosses = 2;

/**
 * A device that was taken away once may come back; one that fails, or is lost again, is given up for WASM, whose kernels nobody may have checked yet.
 * @throws the error itself once WASM has failed: the run ends as interrupted.
 */
export async function reopenBackend(error: unknown, losses: number): Promise<Backend> {
  if (losses > mostLosses) throw error;
  const isWorthRetrying = error instanceof BedsideError && error.code === 'device/lost' && losses === 1;
  if (!isWorthRetrying) return openTrustedWasm();
  return openWebGpu().catch(() => openTrustedWasm());
}
