import { createHmac } from 'node:crypto';
import { Refusal } from './refusal.ts';

/** What outlasts a restart: who sits where. Invitations are derived from the secret, so that none of them is written down. */
export interface KeptSeats {
  readonly version: 1;
  /** 32 bytes, hexadecimal. */
  readonly secret: string;
  /** By seat. `keyHash`: SHA-256 of the key that took it, null while it is free. */
  readonly seats: readonly KeptSeat[];
}

export interface KeptSeat {
  readonly keyHash: string | null;
  readonly hasLeft: boolean;
}

export interface SeatCounts {
  readonly seats: number;
  readonly enrolled: number;
  readonly left: number;
}

/** 22 characters of base64url: 132 bits. */
const TOKEN_LENGTH = 22;

/** One-time invitations, and the keys that they let in. One invitation, one key; one key, one seat. */
export class Seats {
  readonly #kept: { readonly secret: string; readonly seats: KeptSeat[] };
  readonly #seatOf = new Map<string, number>();
  readonly #byKey = new Map<string, number>();
  /** Seats that were dealt or looked at, the one of longest ago first. */
  readonly #dealt = new Set<number>();

  /** `save` must have written durably when it returns: a seat that was told to be taken must stay so. */
  constructor(kept: KeptSeats, count: number, private readonly save: (kept: KeptSeats) => void) {
    const free: KeptSeat = { keyHash: null, hasLeft: false };
    this.#kept = { secret: kept.secret, seats: Array.from({ length: Math.max(count, kept.seats.length) }, (_, seat) => kept.seats[seat] ?? free) };
    for (const [seat, { keyHash }] of this.#kept.seats.entries()) {
      this.#seatOf.set(this.invitation(seat), seat);
      if (keyHash !== null) this.#byKey.set(keyHash, seat);
    }
  }

  /** A secret text of this federation; another one for each purpose. */
  token(purpose: string): string {
    return createHmac('sha256', Buffer.from(this.#kept.secret, 'hex')).update(purpose).digest('base64url').slice(0, TOKEN_LENGTH);
  }

  invitation(seat: number): string {
    return this.token(`seat ${seat}`);
  }

  /** Invitations that nobody has used. */
  freeInvitations(): readonly string[] {
    return this.#kept.seats.flatMap(({ keyHash }, seat) => (keyHash === null ? [this.invitation(seat)] : []));
  }

  /**
   * Gives the seat of an invitation to a key. The same key may ask again: its answer may have been lost.
   * @throws Refusal `unknown-invitation`, `used-invitation`, `second-invitation` or `has-left`.
   */
  enrol(invitation: string, keyHash: string): number {
    const seat = this.#known(invitation);
    const taken = this.#kept.seats[seat]!;
    if (taken.keyHash !== null && taken.keyHash !== keyHash) throw new Refusal('used-invitation');
    if (taken.hasLeft) throw new Refusal('has-left');
    if ((this.#byKey.get(keyHash) ?? seat) !== seat) throw new Refusal('second-invitation');
    if (taken.keyHash === null) this.#change(seat, { keyHash, hasLeft: false });
    this.#byKey.set(keyHash, seat);
    return seat;
  }

  /**
   * An invitation for whoever asks: of a seat that was never dealt, else of the one that was dealt longest ago and that nobody has taken. Whoever enrols first has it:
   * were a dealt seat kept for its holder, one person with the room's link could keep all of them, and nobody else would get in.
   * @throws Refusal `no-seat-left` where every seat is taken.
   */
  deal(): { readonly seat: number; readonly invitation: string } {
    const isFree = (seat: number): boolean => this.#kept.seats[seat]!.keyHash === null;
    const never = this.#kept.seats.findIndex((_, seat) => isFree(seat) && !this.#dealt.has(seat));
    const seat = never >= 0 ? never : [...this.#dealt].find(isFree);
    if (seat === undefined) throw new Refusal('no-seat-left');
    this.#noteDealt(seat);
    return { seat, invitation: this.invitation(seat) };
  }

  /** Whether this is an invitation of this federation, used or not. */
  isInvitation(text: string): boolean {
    return this.#seatOf.has(text);
  }

  /**
   * Which seat an invitation is for: takes none. The room's link deals all others before it.
   * @throws Refusal `unknown-invitation`, `used-invitation` or `has-left`.
   */
  look(invitation: string): number {
    const seat = this.#known(invitation);
    const { keyHash, hasLeft } = this.#kept.seats[seat]!;
    if (hasLeft) throw new Refusal('has-left');
    if (keyHash !== null) throw new Refusal('used-invitation');
    this.#noteDealt(seat);
    return seat;
  }

  /** The seat that a key took, also where it has left. @throws Refusal `not-enrolled`. */
  seatOf(keyHash: string): number {
    const seat = this.#byKey.get(keyHash);
    if (seat === undefined) throw new Refusal('not-enrolled');
    return seat;
  }

  /** @throws Refusal `not-enrolled` or `has-left`. */
  checkMember(keyHash: string): void {
    const seat = this.seatOf(keyHash);
    if (this.#kept.seats[seat]!.hasLeft) throw new Refusal('has-left');
  }

  /** Closes the seat for ever: its invitation is used, its key refused. Whether it was open. @throws Refusal `not-enrolled`. */
  leave(keyHash: string): boolean {
    const seat = this.seatOf(keyHash);
    if (this.#kept.seats[seat]!.hasLeft) return false;
    this.#change(seat, { keyHash, hasLeft: true });
    return true;
  }

  hasLeft(keyHash: string): boolean {
    const seat = this.#byKey.get(keyHash);
    return seat !== undefined && this.#kept.seats[seat]!.hasLeft;
  }

  counts(): SeatCounts {
    const taken = this.#kept.seats.filter(({ keyHash }) => keyHash !== null);
    const left = taken.filter(({ hasLeft }) => hasLeft).length;
    return { seats: this.#kept.seats.length, enrolled: taken.length - left, left };
  }

  #noteDealt(seat: number): void {
    // Deleted first, so that it is the last.
    this.#dealt.delete(seat);
    this.#dealt.add(seat);
  }

  #known(invitation: string): number {
    const seat = this.#seatOf.get(invitation);
    if (seat === undefined) throw new Refusal('unknown-invitation');
    return seat;
  }

  #change(seat: number, to: KeptSeat): void {
    const seats = this.#kept.seats.with(seat, to);
    this.save({ version: 1, secret: this.#kept.secret, seats });
    this.#kept.seats[seat] = to;
  }
}
