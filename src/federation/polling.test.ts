import { describe, expect, it } from 'vitest';
import { pollWaitMs } from './polling.ts';

const middle = () => 0.5;

describe('the wait between two looks for a message', () => {
  it('is the usual one while the server answers quickly', () => {
    expect(pollWaitMs(3000, 20, middle)).toBe(3000);
    expect(pollWaitMs(3000, 60, middle)).toBe(3000);
  });

  it('grows with the time that the server took, up to half a minute', () => {
    expect(pollWaitMs(3000, 200, middle)).toBe(10_000);
    expect(pollWaitMs(3000, 5000, middle)).toBe(30_000);
  });

  it('never falls below the usual one, however long that is', () => {
    expect(pollWaitMs(60_000, 5000, middle)).toBe(60_000);
  });

  it('spreads devices over time', () => {
    expect(pollWaitMs(3000, 0, () => 0)).toBe(2250);
    expect(pollWaitMs(3000, 0, () => 0.75)).toBe(3375);
  });
});
