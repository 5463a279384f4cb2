import { errorToPlain, BedsideError, type PlainError } from '../ground/errors.ts';

/** An error as a page shows it: the code finds the words, the message is the fallback. */
export type Failure = Pick<PlainError, 'code' | 'message' | 'hint' | 'values'>;

export function toFailure(error: unknown): Failure {
  const { code, message, hint, values } = errorToPlain(error);
  return { code, message, hint, values };
}

/** Whether a person asked for the end: no message is owed. */
export function isCancelled(error: unknown): boolean {
  return error instanceof BedsideError && error.code === 'cancelled';
}
