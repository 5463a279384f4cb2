import { BedsideError } from './errors.ts';

function settingError(name: string, expected: string, found: unknown): BedsideError {
  return new BedsideError('settings/out-of-range', 'settings', `${name} must be ${expected}, found ${String(found)}.`, `Change ${name}.`, { name, expected, found: String(found) });
}

/** Throws unless `value` is finite and greater than zero. */
export function checkPositive(name: string, value: number): number {
  if (!(Number.isFinite(value) && value > 0)) throw settingError(name, 'a finite number above 0', value);
  return value;
}

/** Throws unless `value` is finite and at least zero. */
export function checkNonNegative(name: string, value: number): number {
  if (!(Number.isFinite(value) && value >= 0)) throw settingError(name, 'a finite number of 0 or more', value);
  return value;
}

/** Throws unless `value` is an integer in [minimum, maximum]. */
export function checkInteger(name: string, value: number, minimum = 0, maximum = Number.MAX_SAFE_INTEGER): number {
  if (!(Number.isInteger(value) && value >= minimum && value <= maximum)) throw settingError(name, `a whole number from ${minimum} to ${maximum}`, value);
  return value;
}

/** Throws unless `value` lies in [0, 1]. */
export function checkProbability(name: string, value: number): number {
  if (!(Number.isFinite(value) && value >= 0 && value <= 1)) throw settingError(name, 'a number from 0 to 1', value);
  return value;
}

/** Throws unless `condition` holds: for what only a mistake of ours can break. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new BedsideError('internal/invariant', 'internal', `Internal check failed: ${what}.`, 'Reload the page; nothing that was saved is lost.', { what });
}
