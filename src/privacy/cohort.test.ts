import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import { cohortsOf, type HashedRow } from './cohort.ts';

const hash = (text: string) => bytesToHex(sha256(utf8ToBytes(text))).slice(0, 32);
const row = (text: string, person: string | null = null): HashedRow => ({ row: hash(`row ${text}`), person: person === null ? null : hash(`person ${person}`) });
const naming = hash('patient column');
const set = (training: readonly HashedRow[], heldOut: readonly HashedRow[], personNaming: string | null = naming) => cohortsOf({ unit: 'person', keyId: 'key', training, heldOut, declarationId: null, personNaming });

describe('the cohorts of a data set', () => {
  it('list rows and persons apart, sorted, each once', () => {
    const { events } = set([row('b', 'Bob'), row('a', 'Ann'), row('a2', 'Ann')], [row('c', 'Cy')]);
    expect(events[0].rowHashes).toEqual([row('a'), row('a2'), row('b')].map((one) => one.row).sort());
    expect(events[0].personHashes).toEqual([row('', 'Ann').person, row('', 'Bob').person].sort());
    expect(events[0]).not.toHaveProperty('hashes');
    expect(events[1]).toMatchObject({ rowHashes: [row('c').row], personHashes: [row('c', 'Cy').person], personNaming: naming, hasUnnamedRows: false });
  });

  it('keep the ids that they had when rows and persons were one list: an old ledger goes on being paid from', () => {
    const [training, heldOut] = [[row('a', 'Ann'), row('b', 'Bob')], [row('c', 'Cy')]];
    const listed = (rows: readonly HashedRow[]) => [...new Set(rows.flatMap((one) => [one.row, one.person!]))].sort().join();
    const before = hash(['person', 'key', listed(training), listed(heldOut)].join('\n'));
    const { splitId, events } = set(training, heldOut);
    expect(splitId).toBe(before);
    expect(events.map(({ cohortId }) => cohortId)).toEqual([`${before}/training`, `${before}/held-out`]);
    expect(set(training, heldOut, null).events.map(({ id }) => id)).toEqual([`cohort/${before}/training/1`, `cohort/${before}/held-out/1`]);
  });

  it('depend on nothing but the units: order and repeats make no difference, to ids or to lists', () => {
    const rows = fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.option(fc.constantFrom('p', 'q'))).map(([text, person]) => row(text, person)), { minLength: 1, maxLength: 6 });
    fc.assert(fc.property(rows, rows, (training, heldOut) => {
      expect(set(training.toReversed(), heldOut.toReversed())).toEqual(set(training, heldOut));
    }));
  });

  it('say how many rows a text has, and weigh a text that is another\'s as well', () => {
    expect(set([row('a'), row('a'), row('a'), row('b')], []).events[0]).toMatchObject({ maximumRowsPerText: 3, maximumRowsPerPerson: null });
    expect(set([row('a', 'Ann'), row('b', 'Ann')], []).events[0]).not.toHaveProperty('maximumRowsPerText');
    // Of 'a' something is left without Ann, whether Bob's, nobody's, or in the other part.
    for (const more of [row('a', 'Bob'), row('a')]) {
      for (const [training, heldOut] of [[[more], []], [[], [more]]] as const) {
        expect(set([row('a', 'Ann'), row('b', 'Ann'), ...training], heldOut).events[0].maximumRowsPerPerson).toBe(3);
        expect(set([row('a', 'Ann'), row('a', 'Ann'), row('a', 'Ann'), ...training], heldOut).events[0].maximumRowsPerPerson).toBe(3);
      }
    }
    expect(set([row('a'), row('a')], []).events[0].id).not.toBe(set([row('a')], []).events[0].id);
  });

  it('are news where the same names come from another column, or nobody says from which', () => {
    const rows: readonly [HashedRow[], HashedRow[]] = [[row('a', 'Ann')], [row('c', 'Cy')]];
    const ids = [naming, hash('encounter column'), null].map((one) => set(...rows, one).events[0].id);
    expect(new Set(ids).size).toBe(3);
    expect(new Set([naming, null].map((one) => set(...rows, one).splitId)).size).toBe(1);
    // With a cell left blank, the units are others.
    expect(set([row('a', 'Ann'), row('b')], [row('c', 'Cy')]).splitId).not.toBe(set([row('a', 'Ann'), row('b', 'Ann')], [row('c', 'Cy')]).splitId);
    // So are they where a text is in several rows, and another one of these is blank.
    const [ann, nobody, more] = [row('a', 'Ann'), row('a'), row('b', 'Ann')];
    expect(set([ann, nobody, more], []).splitId).not.toBe(set([nobody, nobody, more], []).splitId);
    // The name of the column is a keyed hash, and stays at home: an id travels.
    expect(ids.join()).not.toContain(naming);
  });

  it('have no naming where no row names its person, and say where some rows do not', () => {
    expect(set([row('a')], [row('c')]).events[0]).toMatchObject({ personNaming: null, hasUnnamedRows: true, personHashes: [] });
    expect(set([row('a', 'Ann')], [row('c')]).events.map(({ personNaming, hasUnnamedRows }) => ({ personNaming, hasUnnamedRows }))).toEqual([
      { personNaming: naming, hasUnnamedRows: false }, { personNaming: naming, hasUnnamedRows: true },
    ]);
  });
});
