import { cancelledError } from './data-errors.ts';

export interface ParseProgress {
  /** Characters read, of all. */
  readonly done: number;
  readonly total: number;
  /** Rows read so far, those set aside included. */
  readonly rows: number;
}

/** How a caller follows and stops the reading of a large file. */
export interface ParseControl {
  readonly onProgress?: (progress: ParseProgress) => void;
  /** Gives others a turn between chunks; what it throws ends the reading. */
  readonly pause?: () => Promise<void>;
  readonly isCancelled?: () => boolean;
}

/** Characters parsed between two turns: some 10 ms of work. */
export const chunkCharacters = 1 << 20;

/** Reports, gives others a turn, and throws where the reading was cancelled. */
export async function checkpoint(control: ParseControl, progress: ParseProgress): Promise<void> {
  control.onProgress?.(progress);
  if (control.pause !== undefined) await control.pause();
  if (control.isCancelled?.() === true) throw cancelledError();
}
