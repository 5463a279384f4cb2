import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonUnits, hashesIn, noUnits, sharesUnit, withUnitsOf } from './unit-sets.ts';

const units = (rows: string[], persons: string[] = [], either: string[] = []) => withUnitsOf(noUnits, { rowHashes: rows, personHashes: persons, hashes: either });
const some = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 3 });
const anyUnits = fc.tuple(some, some, some).map(([rows, persons, either]) => units(rows, persons, either));

describe('units by hash', () => {
  it('match row with row and person with person alone', () => {
    expect(sharesUnit(units(['a']), units(['a']))).toBe(true);
    expect(sharesUnit(units([], ['a']), units([], ['a']))).toBe(true);
    expect(sharesUnit(units(['a']), units([], ['a']))).toBe(false);
    expect(sharesUnit(units(['a'], ['b']), units(['b'], ['a']))).toBe(false);
  });

  it('match either kind where nobody knows what a hash names', () => {
    const old = units([], [], ['a']);
    for (const other of [units(['a']), units([], ['a']), old]) {
      expect(sharesUnit(old, other)).toBe(true);
      expect(sharesUnit(other, old)).toBe(true);
      expect([...hashesIn(commonUnits(other, old))]).toEqual(['a']);
    }
    expect(sharesUnit(old, units(['b'], ['c']))).toBe(false);
  });

  it('are shared just where some are common, whichever is asked', () => {
    fc.assert(fc.property(anyUnits, anyUnits, (a, b) => {
      expect(sharesUnit(a, b)).toBe(hashesIn(commonUnits(a, b)).size > 0);
      expect(sharesUnit(a, b)).toBe(sharesUnit(b, a));
    }));
  });

  it('stay the same value where an event brings nothing new, and never lose a unit', () => {
    const known = units(['a', 'b'], ['c']);
    expect(withUnitsOf(known, { rowHashes: ['b'], personHashes: [], hashes: [] })).toBe(known);
    fc.assert(fc.property(anyUnits, some, some, (before, rowHashes, hashes) => {
      const after = withUnitsOf(before, { rowHashes, hashes });
      for (const hash of [...hashesIn(before), ...rowHashes, ...hashes]) expect(hashesIn(after).has(hash)).toBe(true);
    }));
  });
});
