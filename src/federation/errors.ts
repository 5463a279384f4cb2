import { BedsideError } from '../ground/errors.ts';
import { roundUpTo } from '../ground/rounding.ts';

const askCoordinator = 'Tell whoever runs the federation; nothing of yours was sent.';

/** Bytes of the server that are not what the protocol says. `position` counts bytes from the start of the message. */
export function malformed(what: string, problem: string, position = 0): BedsideError {
  return new BedsideError('federation/malformed', 'network', `Expected ${what}, found ${problem} (byte ${position}).`, askCoordinator, { what, problem, position });
}

/** More than was agreed on or than the protocol ever needs; refused before it is read. */
export function tooLarge(what: string, limit: number, found: number): BedsideError {
  return new BedsideError('federation/too-large', 'network', `Expected at most ${limit} of ${what}, found ${found}.`, askCoordinator, { what, limit, found });
}

export function unreachable(endpoint: string): BedsideError {
  return new BedsideError('federation/unreachable', 'network', `The federation's server did not answer (${endpoint}).`, 'Nothing needs doing: this device tries again by itself. If it lasts, check the network.', { endpoint });
}

/** The server asks for patience. */
export function serverBusy(endpoint: string, status: number): BedsideError {
  return new BedsideError('federation/busy', 'network', `The federation's server is busy (${endpoint}, status ${status}).`, 'Nothing needs doing: this device tries again by itself.', { endpoint, status });
}

/** The server answered no. `serverCode` is Flower's number for the reason, 0 where it gave none. */
export function serverRefused(endpoint: string, status: number, serverCode: number): BedsideError {
  return new BedsideError('federation/refused', 'network', `The federation's server refused ${endpoint} (status ${status}, code ${serverCode}).`, 'Ask whoever runs the federation whether this device may still take part.', { endpoint, status, serverCode });
}

export function notAuthorised(endpoint: string): BedsideError {
  return new BedsideError('federation/not-authorised', 'network', `The federation's server does not accept this device's signature (${endpoint}).`, 'Check the date and time of this device; else leave, and join again with a new invitation.', { endpoint });
}

export function wrongContentType(endpoint: string, found: string): BedsideError {
  return new BedsideError('federation/content-type', 'network', `Expected application/protobuf from ${endpoint}, found ${found}.`, 'Something other than the federation\'s server answered, perhaps a sign-in page of this network.', { endpoint, found });
}

/** A task file that does not say what it must, or says what cannot be. */
export function badTask(field: string, expected: string, found: string): BedsideError {
  return new BedsideError('federation/task', 'input', `The task's ${field} must be ${expected}, found ${found}.`, 'Ask whoever runs the federation for a correct task file; nothing was joined.', { field, expected, found });
}

/** The server asks for something that was not agreed. */
export function beyondAgreement(term: string, agreed: string | number, asked: string | number): BedsideError {
  return new BedsideError('federation/beyond-agreement', 'settings', `The server asked for ${term} ${asked}; ${agreed} was agreed. This round was declined.`, 'Nothing was sent. Leave the federation if you did not expect this.', { term, agreed, asked });
}

/** The same model or message again: a second training would spend budget twice for nothing. */
export function repeatedRound(round: number): BedsideError {
  return new BedsideError('federation/repeated-round', 'settings', `The server asked for round ${round} a second time. This round was declined.`, 'Nothing was sent. Leave the federation if it happens again.', { round });
}

export function overBudget(epsilon: number, limit: number): BedsideError {
  return new BedsideError('federation/over-budget', 'budget', `One more round would bring what was shared to epsilon ${roundUpTo(epsilon, 3)}; the limit agreed on is ${limit}. This device declines further rounds.`, 'Nothing needs doing; you may leave the federation.', { epsilon, limit });
}

export function expired(round: number): BedsideError {
  return new BedsideError('federation/expired', 'network', `Round ${round} was over before this device could answer.`, 'Nothing needs doing: the next round comes by itself.', { round });
}

/** The page went away between the charge and the reply. What was charged stays charged. */
export function interruptedRound(round: number): BedsideError {
  return new BedsideError('federation/interrupted-round', 'budget', `Round ${round} was interrupted after it had been paid for; it is not trained twice.`, 'Keep the page open while a round goes on.', { round });
}

/** An update of the guard that does not fit what was agreed; never sent. */
export function unfitUpdate(expected: string, found: string): BedsideError {
  return new BedsideError('federation/unfit-update', 'internal', `The update must have ${expected}, found ${found}. It was not sent.`, 'Reload the page; if it happens again, please report it.', { expected, found });
}

/** Why a round was not answered, where the guard could not train. */
export function trainingFailed(round: number, code: string): BedsideError {
  return new BedsideError('federation/training-failed', 'internal', `Training for round ${round} failed (${code}).`, 'The federation goes on without this round.', { round, code });
}

export function hasLeft(): BedsideError {
  return new BedsideError('federation/left', 'settings', 'This device has left the federation; its key is destroyed.', 'Join again with a new invitation.');
}

/** Another federation's record, or one of another agreement, is kept in this place. */
export function otherAgreement(): BedsideError {
  return new BedsideError('federation/other-agreement', 'settings', 'This device takes part under other terms.', 'Leave that federation first, then join this one.');
}
