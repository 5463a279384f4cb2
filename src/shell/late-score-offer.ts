/** Whether a run may still be given a score that may leave, and at what: apart from what gives it, which is loaded where it is asked for. */
import { defaultValidationEpsilon } from '../training/propose.ts';
import type { RunResults } from './bedside.service.ts';
import type { RunRecord } from './records.ts';

/** What such a score is charged at. */
export const lateScoreEpsilon = defaultValidationEpsilon;

/**
 * Whether a run may still be given a score: it was private, kept a model, held units out, and has no score. Not one of a federation: which of its releases
 * was kept, the held-out notes have decided, so that a score of it would not be all that it tells of them. Nor one that came with a project file: its results would be
 * stated anew by what the ledger here has of it, which may be less than the file named.
 */
export function mayBeScored({ run, releasedAccuracy, statement, classification }: RunResults, { isFromFile }: Pick<RunRecord, 'isFromFile'>): boolean {
  return !run.pooled && !isFromFile && statement.isPrivate && releasedAccuracy === null && classification.accuracy.total > 0;
}
