/** Why a request is not served. The reasons are the keys of the counts in `/federation/status` and of the log. */
export const refusals = {
  'no-such-path': [404, 'There is nothing at this address.'],
  'wrong-method': [405, 'This address takes another method.'],
  'wrong-type': [415, 'This address takes another content type.'],
  'no-length': [411, 'Say how long the body is.'],
  'too-large': [413, 'The body is longer than this address takes.'],
  'not-signed': [401, 'The signature, its time or its key is not valid. Check the clock of this device.'],
  'not-enrolled': [403, 'This key holds no seat in the federation. Join with an invitation.'],
  'has-left': [403, 'This key has left the federation. Join again with a new invitation.'],
  'replayed': [425, 'This signature was used before. Sign the call anew.'],
  'too-fast': [429, 'Too many calls. Wait a moment.'],
  'malformed': [400, 'The body is not what this address takes.'],
  'unknown-invitation': [403, 'This invitation is not known here. Ask whoever runs the federation for another.'],
  'used-invitation': [409, 'This invitation has been used by another device. Ask whoever runs the federation for another.'],
  'second-invitation': [409, 'This key holds another seat already; one device has one seat.'],
  'no-seat-left': [409, 'Every seat is taken. Ask whoever runs the federation for an invitation.'],
  'no-room': [404, 'Seats are not dealt out here. Ask whoever runs the federation for an invitation.'],
  'no-model': [404, 'No model has been released yet.'],
  'upstream': [502, 'The federation is not answering. Try again in a moment.'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

export type RefusalReason = keyof typeof refusals;

/** Thrown where a request is not served; answered as JSON `{reason, detail}`. */
export class Refusal extends Error {
  readonly status: number;
  constructor(readonly reason: RefusalReason) {
    super(refusals[reason][1]);
    this.status = refusals[reason][0];
  }
}
