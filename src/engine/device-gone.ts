import { BedsideError } from '../ground/errors.ts';

const goneCodes: readonly string[] = ['device/lost', 'device/fault', 'device/out-of-memory'];

/** Losing the device, and whatever leaves its buffers in doubt: it says nothing of the kernels. */
export function isDeviceGone(error: unknown): boolean {
  return error instanceof BedsideError && goneCodes.includes(error.code);
}
