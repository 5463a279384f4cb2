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

/** This page comes from a server without a federation. */
export function noFederation(): BedsideError {
  return new BedsideError('federation/none-here', 'network', 'The server that this page comes from runs no federation.', 'Open the link that the federation\'s coordinator gave you.');
}

/** What the coordinator's refusals mean. */
const turnedAwayBecause: Readonly<Record<string, string>> = {
  'unknown-invitation': 'it does not know this invitation',
  'used-invitation': 'this invitation was used by another device',
  'second-invitation': 'this device came in by another invitation',
  'has-left': 'this device has left the federation, and its seat is closed',
  'not-enrolled': 'this device has no seat',
  'no-room': 'it does not know this link',
  'no-seat-left': 'every seat is taken',
};

const invitationReasons: ReadonlySet<string> = new Set(['unknown-invitation', 'used-invitation', 'second-invitation', 'has-left']);

/** The coordinator's own server said no: `reason` is its code, checked to be one that is known. */
export function turnedAway(reason: string): BedsideError {
  const known = turnedAwayBecause[reason];
  return new BedsideError('federation/turned-away', 'settings', `The federation refused: ${known ?? 'it gave no reason that is known here'}.`, 'Ask the coordinator for a new invitation.', { reason: known === undefined ? 'unknown' : reason });
}

/** Whether the coordinator said that this key holds no seat, or none any more: there is nothing left to tell it. */
export function isUnknownKey(error: unknown): boolean {
  return error instanceof BedsideError && error.code === 'federation/turned-away' && (error.values['reason'] === 'not-enrolled' || error.values['reason'] === 'has-left');
}

/** Whether the coordinator said that this invitation gives this key no seat; anything else, such as a proxy's refusal, leaves that open. */
export function isInvitationRefused(error: unknown): boolean {
  return error instanceof BedsideError && error.code === 'federation/turned-away' && invitationReasons.has(String(error.values['reason']));
}

export function noRelease(): BedsideError {
  return new BedsideError('federation/no-model', 'network', 'The federation has released no model yet.', 'Wait until a round has counted, then try again.');
}

/** A released model that is not what was signed, or does not fit the task. It was thrown away. */
export function badRelease(what: string, expected: string, found: string): BedsideError {
  return new BedsideError('federation/bad-model', 'network', `The model that came back was refused: its ${what} must be ${expected}, found ${found}. It was thrown away.`, 'Try again in a moment; if it happens again, tell whoever runs the federation.', { what, expected, found });
}

/** A task without the key that its releases are signed with. */
export function noReleaseKey(): BedsideError {
  return new BedsideError('federation/no-release-key', 'settings', 'This federation names no key that its models are signed with, so that none can be checked. None was fetched.', 'Ask the coordinator to start the federation with a newer version of Bedside.');
}
