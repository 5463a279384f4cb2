import { describe, expect, it } from 'vitest';
import { Seats, type KeptSeats } from './seats.ts';
import { TokenBuckets } from './token-bucket.ts';

const empty: KeptSeats = { version: 1, secret: '11'.repeat(32), seats: [] };
const seatsOf = (kept: KeptSeats, count: number, save: (kept: KeptSeats) => void = () => undefined) => new Seats(kept, count, save);

describe('seats', () => {
  it('outlast a restart with the same invitations, and more of them where more are asked for', () => {
    let kept = empty;
    const before = seatsOf(empty, 2, (next) => { kept = next; });
    before.enrol(before.invitation(0), 'key-a');
    before.enrol(before.invitation(1), 'key-b');
    before.leave('key-b');
    const after = seatsOf(kept, 3);
    expect(after.counts()).toEqual({ seats: 3, enrolled: 1, left: 1 });
    expect(after.freeInvitations()).toEqual([after.invitation(2)]);
    expect(after.invitation(0)).toBe(before.invitation(0));
    expect(() => after.checkMember('key-a')).not.toThrow();
    expect(() => after.checkMember('key-b')).toThrow(expect.objectContaining({ reason: 'has-left' }));
    // Fewer than have been given out is no way to take one back.
    expect(seatsOf(kept, 1).counts().seats).toBe(2);
  });

  it('of two federations have no invitation in common, and no text serves two purposes', () => {
    const [a, b] = [seatsOf(empty, 100), seatsOf({ ...empty, secret: '22'.repeat(32) }, 100)];
    const texts = [...a.freeInvitations(), ...b.freeInvitations(), a.token('room'), a.token('projector')];
    expect(new Set(texts).size).toBe(202);
    for (const text of texts) expect(text).toMatch(/^[\w-]{22}$/);
  });

  it('that were never dealt are dealt first, then the one of longest ago that nobody took; one that is looked at is the last', () => {
    const seats = seatsOf(empty, 3);
    const dealt = (count: number) => Array.from({ length: count }, () => seats.deal().seat);
    expect(dealt(1)).toEqual([0]);
    expect(seats.look(seats.invitation(1))).toBe(1);
    expect(dealt(4)).toEqual([2, 0, 1, 2]);
    expect(seats.look(seats.invitation(0))).toBe(0);
    seats.enrol(seats.invitation(1), 'key-a');
    expect(dealt(3)).toEqual([2, 0, 2]);
    for (const seat of [0, 2]) seats.enrol(seats.invitation(seat), `key-${seat}`);
    expect(() => seats.deal()).toThrow(expect.objectContaining({ reason: 'no-seat-left' }));
  });

  it('cannot be kept from others by dealing: who enrols has one, however often somebody else is dealt it', () => {
    const seats = seatsOf(empty, 5);
    const deal = (times: number) => { for (let time = 0; time < times; time++) seats.deal(); };
    const taken = Array.from({ length: 5 }, (_, person) => {
      deal(100);
      const { seat, invitation } = seats.deal();
      deal(100);
      seats.enrol(invitation, `key-${person}`);
      return seat;
    });
    expect([...taken].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('are not given where that could not be written down', () => {
    const seats = seatsOf(empty, 1, () => { throw new Error('disk full'); });
    expect(() => seats.enrol(seats.invitation(0), 'key-a')).toThrow('disk full');
    expect(seats.counts().enrolled).toBe(0);
    expect(() => seats.checkMember('key-a')).toThrow(expect.objectContaining({ reason: 'not-enrolled' }));
  });
});

describe('buckets', () => {
  it('forget who has been quiet longest, and survive a clock that goes back', () => {
    let now = 1_000_000;
    const buckets = new TokenBuckets({ perSecond: 1, burst: 1 }, () => now);
    expect([buckets.take('a'), buckets.take('a')]).toEqual([true, false]);
    now -= 500_000;
    expect(buckets.take('a')).toBe(false);
    now += 1000;
    expect(buckets.take('a')).toBe(true);
    for (let caller = 0; caller < 10_000; caller++) buckets.take(`caller ${caller}`);
    expect(buckets.take('a')).toBe(true);
  });
});
