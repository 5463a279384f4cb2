import { expect, test } from 'vitest';
import { microBatches } from './micro-batch.ts';

const rowsOf = (lengths: readonly number[], maximumTokens: number) => {
  const offsets = Int32Array.from([0, ...lengths.map((_, row) => lengths.slice(0, row + 1).reduce((sum, length) => sum + length, 0))]);
  const ids = Int32Array.from({ length: offsets.at(-1)! }, (_, t) => t);
  return microBatches({ ids, offsets }, maximumTokens, 8);
};

test.each([
  [[4, 4, 4], 8, [2, 1]],
  [[4, 4, 4], 12, [3]],
  [[4, 4, 4], 11, [2, 1]],
  [[1], 1, [1]],
  [[20, 1, 1, 20], 3, [1, 2, 1]],
  [[5, 5], 1, [1, 1]],
])('rows of %j tokens within %i: %j rows a part', (lengths, maximumTokens, wanted) => {
  const parts = rowsOf(lengths, maximumTokens);
  expect(parts.map((part) => part.rows)).toEqual(wanted);
  const ids: number[] = [];
  for (const { input, firstRow, firstToken, tokens, rows } of parts) {
    if (!('ids' in input)) throw new Error('tokens in, tokens out');
    expect(firstToken).toBe(ids.length);
    expect(input.offsets[0]).toBe(0);
    expect(input.offsets.at(-1)).toBe(tokens);
    expect([...input.offsets].slice(1).map((end, row) => end - input.offsets[row]!)).toEqual(lengths.slice(firstRow, firstRow + rows));
    ids.push(...input.ids);
  }
  expect(ids).toEqual(ids.map((_, t) => t));
  expect(ids).toHaveLength(lengths.reduce((sum, length) => sum + length, 0));
});

test('hidden states are split by the same rows', () => {
  const hidden = Float32Array.from({ length: 10 }, (_, i) => i);
  const parts = microBatches({ hidden, offsets: Int32Array.of(0, 2, 5), layer: 3 }, 3, 2);
  expect(parts.map(({ input }) => input)).toEqual([
    { hidden: Float32Array.of(0, 1, 2, 3), offsets: Int32Array.of(0, 2), layer: 3 },
    { hidden: Float32Array.of(4, 5, 6, 7, 8, 9), offsets: Int32Array.of(0, 3), layer: 3 },
  ]);
});
