/** The one place where a worker makes a file that leaves: of what may leave, or of exact results that stay marked until their owner lets them out. */
import { forOwnersEyes, releasableBecause, type OwnersEyes, type Releasable } from '../privacy/doors.ts';

type Parts = readonly (string | Uint8Array<ArrayBuffer>)[];
type FileType = 'application/zip' | 'text/csv';

const blobOf = (parts: Parts, type: FileType) => new Blob([...parts], { type });

export function releasableFile({ value }: Releasable<Parts>, type: FileType): Releasable<Blob> {
  return releasableBecause('post-processing', blobOf(value, type));
}

export function ownersFile({ value }: OwnersEyes<Parts>, type: FileType): OwnersEyes<Blob> {
  return forOwnersEyes(blobOf(value, type));
}
