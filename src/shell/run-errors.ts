/** What a run of this device cannot do, and what to do instead. */
import { BedsideError } from '../ground/errors.ts';

export function runIsOver(): BedsideError {
  return new BedsideError('training/not-running', 'input', 'This run is not going on.', 'Open the Runs page to see how it ended.');
}

export function cannotResume(): BedsideError {
  return new BedsideError('training/not-interrupted', 'input', 'This run was not interrupted, so there is nothing to resume.', 'Start a new run.');
}

export function scoreNeedsApart(): BedsideError {
  return new BedsideError('training/score-not-apart', 'settings', 'Some notes stand in both the training and the held-out part, so a score would cost them more than the held-out part is charged for.', 'Keep the model without a score that may leave.');
}

export function searchNeedsApart(): BedsideError {
  return new BedsideError('training/search-not-apart', 'settings', 'Some notes stand in both the training and the held-out part, so settings cannot be chosen by the held-out part without a further charge to them.', 'Train once, or protect persons if the same text belongs to several.');
}
