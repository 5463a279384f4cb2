import { BedsideError } from '../ground/errors.ts';

/** A label of the notes is none of the task's. */
export function otherLabels(unknown: number, all: number): BedsideError {
  return new BedsideError('federation/other-labels', 'settings', `Of the ${all} labels of these notes, ${unknown} are not among those of the federation's task. Nothing was sent.`, 'Choose the column with the labels that the task names, or other notes.', { unknown, all });
}

export function otherNotes(): BedsideError {
  return new BedsideError('federation/other-notes', 'settings', 'This device has answered rounds of this federation with other notes. Its rounds would be declined. Nothing was sent.', 'Take part with the notes of before.');
}

export function otherUnit(expected: string, found: string): BedsideError {
  return new BedsideError('federation/other-unit', 'settings', `The federation protects each ${expected}, these notes are protected by each ${found}. Nothing was sent.`, 'Choose the columns anew on the Data page: the person column decides.', { expected, found });
}

/** From 1/N on a mechanism that gives one unit away whole keeps its promise (Dwork and Roth 2014, section 2.3). */
export function looseDelta(delta: number, units: number, unit: 'note' | 'person'): BedsideError {
  return new BedsideError('federation/loose-delta', 'settings', `The federation's δ of ${delta} is too large for ${units} ${unit === 'note' ? 'notes' : 'people'}: from 1/${units} on, giving one of them away whole would keep the promise. Nothing was sent.`, 'Ask whoever runs the federation for a task with a smaller δ.', { delta, units, unit });
}

export function otherBaseModel(expected: string, found: string): BedsideError {
  return new BedsideError('federation/other-base-model', 'model', `The federation is for another base model (${expected}) than the one here (${found}). Nothing was sent.`, 'Open Bedside from the federation\'s own address.', { expected, found });
}

export function columnsNotConfirmed(): BedsideError {
  return new BedsideError('federation/no-columns', 'input', 'The columns of this project are not confirmed yet.', 'Choose the text column and the label column on the Data page.');
}

export function noHead(): BedsideError {
  return new BedsideError('federation/no-head', 'settings', 'The federation trains something that this version of Bedside does not know.', 'Load the newest version of Bedside, or ask whoever runs the federation.');
}

/** The task file is another one than was looked at. */
export function taskChanged(): BedsideError {
  return new BedsideError('federation/task-changed', 'settings', 'The federation\'s task has changed since you looked at it. Nothing was joined.', 'Reload the page and read the new task.');
}

export function alreadyMember(): BedsideError {
  return new BedsideError('federation/already-member', 'settings', 'This device takes part in a federation already.', 'Leave that one first.');
}

export function noMember(): BedsideError {
  return new BedsideError('federation/no-member', 'input', 'This device takes part in no federation.', 'Join one by its link first.');
}

/** A run, an audit or another tab's run has the trainers; the round goes on by itself. */
export function roundWaits(): BedsideError {
  return new BedsideError('federation/round-waits', 'device', 'A round of the federation waits until the run or the attack that is going on has ended.', 'Nothing needs doing, unless the round is over before: pause or stop the run to let it through.');
}

/** Deleting its notes would leave a member that can train nothing. */
export function projectIsMember(): BedsideError {
  return new BedsideError('federation/project-takes-part', 'settings', 'This project takes part in a federation. Nothing was deleted.', 'Leave the federation first.');
}

export function noSample(): BedsideError {
  return new BedsideError('federation/no-sample', 'input', 'This federation deals out no notes.', 'Choose notes of your own.');
}

export function noSeatLink(): BedsideError {
  return new BedsideError('federation/no-seat-link', 'input', 'This link is for the projector: it gives nobody a seat.', 'Open the link or scan the code that the projector shows.');
}
