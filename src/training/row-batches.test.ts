import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pieces } from './row-batches.ts';

it('cuts rows into pieces of many rows, within the tokens and the rows', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3000 })), { maxLength: 600 }), (lengths) => {
      const found = [...pieces(lengths, (length) => length)];
      expect(found.flat()).toEqual(lengths);
      const tokens = (piece: readonly number[]) => piece.reduce((sum, length) => sum + length, 0);
      for (const [index, piece] of found.entries()) {
        expect(piece.length === 1 || (tokens(piece) <= 2048 && piece.length <= 128)).toBe(true);
        const next = found[index + 1]?.[0];
        // As many as fit.
        if (next !== undefined) expect(piece.length === 128 || tokens(piece) + next > 2048).toBe(true);
      }
    }),
  );
});
