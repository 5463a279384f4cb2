/** Scores of membership inference: higher speaks for "was trained on". */
import { checkSameLength } from './audit-errors.ts';

/** The loss threshold attack (Yeom et al. 2018, arXiv 1709.01604): minus the loss of each example under the model. */
export function lossScores(losses: ArrayLike<number>): Float64Array {
  return Float64Array.from(losses, (loss) => -loss);
}

/**
 * Calibrated by a reference model that did not see the examples (Watson et al. 2022, arXiv 2111.08440): reference loss minus loss.
 * What is easy for any model no longer looks like a member.
 */
export function calibratedScores(losses: ArrayLike<number>, referenceLosses: ArrayLike<number>): Float64Array {
  checkSameLength('losses', losses, 'reference losses', referenceLosses);
  return Float64Array.from(losses, (loss, index) => referenceLosses[index]! - loss);
}
