import { describe, expect, it } from 'vitest';
import { Seats, type KeptSeats } from './seats.ts';
import { TokenBuckets } from './token-bucket.ts';

const empty: KeptSeats = { version: 1, secret: '11'.repeat(32), seats: [] };
const seatsOf = (kept: KeptSeats, count: number, save: (kept: KeptSeats) => void = () => undefined) => new Seats(kept, count, save, () => 0);

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

  it('that were never dealt are dealt before one that nobody took, and one that is looked at is not dealt meanwhile', () => {
    let now = 0;
    const minutes = (count: number) => { now += count * 60_000; };
    const seats = new Seats(empty, 3, () => undefined, () => now);
    expect(seats.deal().seat).toBe(0);
    minutes(20);
    expect([seats.deal().seat, seats.deal().seat]).toEqual([1, 2]);
    minutes(20);
    expect(seats.look(seats.invitation(0))).toBe(0);
    expect([seats.deal().seat, seats.deal().seat]).toEqual([1, 2]);
    expect(() => seats.deal()).toThrow(expect.objectContaining({ reason: 'no-seat-left' }));
    minutes(15);
    expect(seats.deal().seat).toBe(0);
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
