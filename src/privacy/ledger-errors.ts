import { BedsideError } from '../ground/errors.ts';
import { roundDownTo, roundUp } from '../ground/rounding.ts';

const round = (epsilon: number) => (Number.isFinite(epsilon) ? roundUp(epsilon, 4) : String(epsilon));

/** `isElsewhere`: the limit is that of another data set, which may hold the same people. */
export function budgetExhausted(after: number, limit: number, isElsewhere = false): BedsideError {
  if (isElsewhere) return new BedsideError('budget/exhausted-elsewhere', 'budget', `Another data set on this device may hold the same people, and this step would bring them to epsilon ${round(after)} there; its limit is ${round(limit)}. Nothing was charged or released.`, 'Keep the model as it is, raise the limit there in the knowledge of what that gives up, or say that these notes are of other people if they are: that holds where no note and no person is in both.', { after: round(after), limit: round(limit) });
  return new BedsideError('budget/exhausted', 'budget', `This step would bring the most exposed unit to epsilon ${round(after)}; the limit is ${round(limit)}. Nothing was charged or released.`, 'Keep the model as it is, or raise the limit in the knowledge of what that gives up.', { after: round(after), limit: round(limit) });
}

/** The copy's own limit: what went along when its file was saved. */
export function allowanceExhausted(after: number, allowance: number): BedsideError {
  const values = { after: round(after), allowance: roundDownTo(allowance, 4) };
  if (allowance === 0) return new BedsideError('budget/no-allowance', 'budget', 'These notes came in a project file that brought no privacy budget with it, so they cannot be trained on privately here. Nothing was charged or released.', 'Train where the file came from, or have it saved there again with a share of the budget.', values);
  return new BedsideError('budget/allowance-exhausted', 'budget', `These notes came with a share of the privacy budget, epsilon ${values.allowance}, and this step would bring what was spent of it to ${round(after)}. Nothing was charged or released.`, 'Keep the model as it is, choose a smaller epsilon, or have the file saved again with a further share where it came from.', values);
}

export function ledgerBroken(): BedsideError {
  return new BedsideError('budget/ledger-broken', 'budget', 'The ledger of privacy spending is damaged or incomplete, so everything counts as spent. Nothing was charged or released.', 'Restore the storage from a backup, or erase the ledger in the settings after reading what that gives up.');
}

export function ledgerUnreadable(): BedsideError {
  return new BedsideError('storage/ledger-unreadable', 'storage', 'The ledger of privacy spending could not be read, so nothing was charged or released.', 'Try again in a moment: what is written there is most likely unharmed.');
}

export function budgetNotSet(): BedsideError {
  return new BedsideError('settings/budget-not-set', 'settings', 'No privacy budget is set for this data set. Nothing was charged or released.', 'Set a limit first.');
}

export function deltaRises(found: number, current: number): BedsideError {
  return new BedsideError('settings/delta-rises', 'settings', `delta of a data set may only fall: it is ${current}, found ${found}.`, `Use ${current} or less.`, { found, current });
}

export function alreadyCharged(id: string): BedsideError {
  return new BedsideError('internal/already-charged', 'internal', 'A charge with this identifier is already in the ledger: one charge pays for one release.', 'Draw a new identifier for every release.', { id });
}

export function eventInvalid(kind: string, expected: string): BedsideError {
  return new BedsideError('internal/ledger-event', 'internal', `A ledger event of kind ${kind} is malformed: expected ${expected}. Nothing was written.`, 'Nothing is lost; report this.', { kind, expected });
}

export function importConflict(id: string): BedsideError {
  return new BedsideError('input/ledger-conflict', 'input', 'The file holds another version of a ledger event that is already known here. Nothing was imported.', 'Export the project again from where it was made.', { id });
}
