import { BedsideError } from '../ground/errors.ts';
import type { SessionControl } from '../training/session-control.ts';

/**
 * Repeats `write` for as long as the disk is full: each time the run pauses, `onFull` says so, and the next attempt is made
 * when the person resumes. Nothing is lost meanwhile, because the run's state stays in memory.
 * @throws the error where the person stops instead, and any other error at once.
 */
export async function whenThereIsRoom<Result>(control: SessionControl, onFull: (error: BedsideError) => void, write: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof BedsideError && error.code === 'storage/quota-exceeded') || control.isStopping) throw error;
      control.pause();
      onFull(error);
      await control.whenRunning();
    }
  }
}
