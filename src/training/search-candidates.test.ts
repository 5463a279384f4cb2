import { describe, expect, it } from 'vitest';
import { drawRepeats, mostPoissonRepeats } from '../privacy/repeat-and-select.ts';
import { searchSlots } from './search-candidates.ts';

const BITS = 200n;
const ONE = 1n << BITS;
/** To 60 bits or so: plenty for what is added up here. */
const toNumber = (fixed: bigint) => Number(fixed >> (BITS - 100n)) / 2 ** 100;

/** P(K <= k) of a Poisson law of whole mean, k = 0..most, in 200-bit fixed point: e^-mean by its series. */
function cumulative(mean: bigint, most: number): bigint[] {
  let term = ONE;
  let mass = ONE;
  for (let n = 1n; n < 400n; n++) {
    term = (-term * mean) / n;
    mass += term;
  }
  const sums = [mass];
  for (let k = 1; k <= most; k++) {
    mass = (mass * mean) / BigInt(k);
    sums.push(sums.at(-1)! + mass);
  }
  return sums;
}

/** The share of all 53-bit uniforms that draw k runs or fewer: it is looked for near `law`, what the law has of them. */
function drawnUpTo(mean: number, k: number, law: bigint): bigint {
  const near = Number(law >> (BITS - 53n));
  const isMore = (uniform: number) => drawRepeats({ kind: 'poisson', mean }, uniform * 2 ** -53) > k;
  let [low, high] = [Math.max(0, near - 256), near + 256];
  expect([isMore(low), isMore(high)]).toEqual([false, true]);
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (isMore(middle)) high = middle;
    else low = middle + 1;
  }
  return BigInt(low) << (BITS - 53n);
}

const size = (value: bigint) => (value < 0n ? -value : value);

describe('the number of runs of a search', () => {
  it.each([1, 2, 5, 10])('of mean %i is drawn, and cut, as near to its law as the statement counts', (meanRuns) => {
    const { slots, tail } = searchSlots({ meanRuns, scoreEpsilon: 2 });
    const exact = cumulative(BigInt(meanRuns), slots);
    const drawn = exact.slice(0, slots).map((law, k) => drawnUpTo(meanRuns, k, law));
    // What is beyond the cut counts as the cut: its share is the rest, in the law and as drawn.
    const shares = (sums: readonly bigint[]) => [...sums.slice(0, slots).map((sum, k) => sum - (sums[k - 1] ?? 0n)), ONE - sums[slots - 1]!];
    const [ofLaw, asDrawn] = [shares(exact), shares(drawn)];
    const rounding = toNumber(ofLaw.reduce((sum, share, k) => sum + size(share - asDrawn[k]!), 0n)) / 2;
    const beyond = toNumber(ONE - exact[slots]!);
    const { tail: cut } = mostPoissonRepeats(meanRuns, 1e-12);
    expect(beyond).toBeLessThan(cut);
    expect(rounding).toBeGreaterThan(0);
    expect(rounding).toBeLessThan(tail - cut);
    expect(tail).toBeLessThan(2e-12);
  });
});
