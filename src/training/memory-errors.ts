import { BedsideError } from '../ground/errors.ts';

/** Errors that say how much memory a step wanted, which follows from how long its notes are. */
const tellingCodes: readonly string[] = ['device/step-too-large', 'device/out-of-memory'];

function memoryGone(maximumLength: number): BedsideError {
  return new BedsideError(
    'device/memory-gone', 'device',
    `There is too little memory left for notes of up to ${maximumLength} tokens: less than when the run began.`,
    'Close other tabs and resume; or start a new run with a shorter maximum length or a smaller model.', { tokens: maximumLength },
  );
}

/** The error as a private run may tell it: of memory, what the plan says of lengths and not what a step's notes do. */
export function withoutLengths(error: unknown, maximumLength: number): unknown {
  return error instanceof BedsideError && tellingCodes.includes(error.code) ? memoryGone(maximumLength) : error;
}
