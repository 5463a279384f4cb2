import { describe, expect, it } from 'vitest';
import { BatchPace, lengthSorted, takeBatch } from './length-batches.ts';

const rows = [3, 9, 5, 9, 4].map((length, id) => ({ id, ids: new Int32Array(length) }));

describe('batches by length', () => {
  it('take every row once, the longest first, within the tokens', () => {
    const seen: number[] = [];
    for (let waiting = lengthSorted(rows); waiting.length > 0; ) {
      const batch = takeBatch(waiting, 12);
      expect(batch.length === 1 || batch.reduce((sum, { ids }) => sum + ids.length, 0) <= 12).toBe(true);
      seen.push(...batch.map(({ id }) => id));
      waiting = waiting.slice(batch.length);
    }
    expect(seen).toEqual([1, 3, 2, 4, 0]);
  });
  it('take a row that is longer than all tokens by itself', () => expect(takeBatch(lengthSorted(rows), 1)).toHaveLength(1));
});

describe('BatchPace', () => {
  it('comes to the batch that lasts as long as wanted, in steps of two at most', () => {
    const pace = new BatchPace(400);
    const tokensAMs = 20;
    let before = pace.tokens;
    for (let batch = 0; batch < 8; batch++) {
      pace.learn(pace.tokens, pace.tokens / tokensAMs);
      expect(pace.tokens).toBeLessThanOrEqual(2 * before);
      before = pace.tokens;
    }
    expect(pace.tokens).toBe(400 * tokensAMs);
    for (let batch = 0; batch < 20; batch++) pace.learn(pace.tokens, 60_000);
    expect(pace.tokens).toBe(64);
    for (let batch = 0; batch < 20; batch++) pace.learn(pace.tokens, 0);
    expect(pace.tokens).toBe(1 << 15);
  });
});
