import { BedsideError } from '../ground/errors.ts';

/** The task cannot be trained with this model or these notes. Nothing has been read or charged. */
export function unfitTask(what: string, expected: string, found: string): BedsideError {
  return new BedsideError('training/federated-task', 'settings', `The federation's task does not fit this device: its ${what} must be ${expected}, found ${found}. Nothing was charged or sent.`, 'Ask whoever runs the federation which model and which notes the task is for.', { what, expected, found });
}

/** A round under other terms than the person agreed to. Nothing was charged. */
export function beyondTask(term: string, agreed: string, asked: string): BedsideError {
  return new BedsideError('training/federated-terms', 'settings', `A round of the federation asked for ${term} ${asked}; ${agreed} was agreed. Nothing was charged or sent.`, 'Leave the federation if you did not expect this.', { term, agreed, asked });
}

/** The ledger has this round already, whatever became of it. */
export function roundCharged(round: number): BedsideError {
  return new BedsideError('training/federated-repeated', 'settings', `Round ${round} of the federation was charged before; it is not trained twice. Nothing was charged or sent now.`, 'Nothing needs doing: the next round comes by itself.', { round });
}

export function roundOverBudget(round: number): BedsideError {
  return new BedsideError('training/federated-budget', 'budget', `Round ${round} of the federation does not fit into what is left of the privacy budget of these notes, so this device declined it. Nothing was charged or sent.`, 'Leave the federation, or raise the limit in the knowledge of what that gives up.', { round });
}

/** The person left while a round was being trained. What was charged stays charged. */
export function trainingCancelled(): BedsideError {
  return new BedsideError('training/federated-cancelled', 'settings', 'Training for the federation was cancelled. Nothing more is sent.', 'Join again if you like.');
}

/** The round was over before the update could be made. */
export function roundTooLate(round: number): BedsideError {
  return new BedsideError('training/federated-late', 'settings', `Round ${round} of the federation was over before this device could train for it. Nothing was charged or sent.`, 'Nothing needs doing: the next round comes by itself.', { round });
}
