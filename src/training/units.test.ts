import { describe, expect, it } from 'vitest';
import type { Note } from '../data/table.ts';
import { distributeRows, distributeUnits, joinRows, rowsAsUnits } from './distribute.ts';
import { labelWords, sentencesOf } from './label-words.ts';
import { plainBatch } from './plain-batch.ts';
import { splitNotes } from './split.ts';
import { nanoUnits } from './testing/nano-session.ts';
import { countHashedUnits, countUnits, groupUnits, lengthReport, tokenizeNotes } from './units.ts';

const note = (id: number, person: string | null, label = 'a', text = `note ${id}`): Note => ({ id, row: id + 2, text, label, person, groups: {} });
const notes = [note(0, 'p'), note(1, 'q'), note(2, 'p', 'b'), note(3, null), note(4, 'q'), note(5, null, 'b')];
const tokenizer = { encode: (text: string, maximumLength: number) => ({ ids: Int32Array.from({ length: Math.min(text.length, maximumLength) }, (_, i) => text.charCodeAt(i)), cutTokens: Math.max(0, text.length - maximumLength) }) };

describe('units', () => {
  it('gather the notes of a person wherever they stand; a note without a person is its own', async () => {
    const grouped = groupUnits(await tokenizeNotes(notes, tokenizer, 20), ['a', 'b'], 'person');
    expect(grouped.units.map(({ unit, rows }) => [unit, rows.map(({ label }) => label)])).toEqual([[0, [0, 1]], [1, [0, 0]], [2, [0]], [3, [1]]]);
    expect(grouped.notes.map(({ id }) => id)).toEqual([0, 2, 1, 4, 3, 5]);
    expect(countUnits(notes, 'person')).toBe(4);
    expect(countUnits(notes, 'row')).toBe(6);
  });

  it('take a person written in another case or with other spaces for the same, as the ledger does', async () => {
    const spelt = [note(0, 'P 7'), note(1, 'p  7'), note(2, 'p 8')];
    const grouped = groupUnits(await tokenizeNotes(spelt, tokenizer, 20), ['a', 'b'], 'person');
    expect(grouped.units.map(({ rows }) => rows.length)).toEqual([2, 1]);
    expect(countUnits(spelt, 'person')).toBe(2);
  });

  it('are rows otherwise', async () => {
    const grouped = groupUnits(await tokenizeNotes(notes, tokenizer, 20), ['a', 'b'], 'row');
    expect(grouped.units.map(({ rows }) => rows.length)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(grouped.notes).toEqual(notes);
  });

  it('are texts otherwise: the rows of one note meet, whatever their labels', async () => {
    const codes = ['a', 'b', 'c'];
    const repeated = Array.from({ length: 300 }, (_, i) => codes.map((label, k) => note(3 * i + k, null, label, k === 0 ? `Note ${i}` : ` note  ${i}`))).flat();
    const grouped = groupUnits(await tokenizeNotes(repeated, tokenizer, 20), codes, 'row');
    expect(grouped.units).toHaveLength(300);
    expect(grouped.units.every(({ rows }) => rows.map(({ label }) => label).join() === '0,1,2')).toBe(true);
    expect(countUnits(repeated, 'row')).toBe(300);
    // Who persons are makes no difference to what a text is.
    expect(countUnits(repeated.map((one, index) => ({ ...one, person: `p${index}` })), 'row')).toBe(300);
  });

  it('are persons, and the texts of rows that name nobody', async () => {
    const mixed = [note(0, 'p', 'a', 'same'), note(1, null, 'a', 'same'), note(2, 'p', 'b', 'same'), note(3, null, 'b', 'Same'), note(4, null, 'a', 'p')];
    const grouped = groupUnits(await tokenizeNotes(mixed, tokenizer, 20), ['a', 'b'], 'person');
    expect(grouped.notes.map(({ id }) => id)).toEqual([0, 2, 1, 3, 4]);
    expect(grouped.units.map(({ rows }) => rows.length)).toEqual([2, 2, 1]);
    expect(countUnits(mixed, 'person')).toBe(3);
    // By their hashes they are as many.
    expect(countHashedUnits([{ row: 's', person: 'p' }, { row: 's', person: null }, { row: 's', person: 'p' }, { row: 's', person: null }, { row: 't', person: null }], 'person')).toBe(3);
  });

  it('report how much is cut', async () => {
    const tokenized = await tokenizeNotes([note(0, null, 'a', 'short'), note(1, null, 'a', 'much longer')], tokenizer, 6);
    expect(lengthReport(tokenized, 6)).toEqual({ maximumLength: 6, cutNotes: 1, cutTokens: 5, longestTokens: 11 });
  });
});

describe('the split', () => {
  it('never parts a person, nor the same text, and asks about nothing else', () => {
    const asked: string[] = [];
    const split = splitNotes([...notes, note(6, null, 'b', 'note 3')], (kind, id) => {
      asked.push(`${kind}:${id}`);
      return id === 'p' || id === 'note 3';
    });
    expect(split.heldOut.map(({ id }) => id)).toEqual([0, 2, 3, 6]);
    expect(split.training.map(({ id }) => id)).toEqual([1, 4, 5]);
    expect(new Set(asked)).toEqual(new Set(['person:p', 'person:q', 'row:note 3', 'row:note 5']));
  });
});

describe('sharing among trainers', () => {
  it('gives every unit to one trainer, whole, and balances tokens', () => {
    const units = nanoUnits(40, 3, 1, 2);
    const shares = distributeUnits(units, 3);
    expect(shares.flat().map(({ unit }) => unit).sort((a, b) => a - b)).toEqual(units.map(({ unit }) => unit));
    const tokens = shares.map((share) => share.reduce((sum, { rows }) => sum + rows.reduce((own, { ids }) => own + ids.length, 0), 0));
    // The greedy rule leaves at most one unit's tokens between the fullest and the emptiest: 14 here.
    expect(Math.max(...tokens) - Math.min(...tokens)).toBeLessThanOrEqual(14);
  });

  it('keeps the order of rows that are joined again', () => {
    const rows = nanoUnits(11, 3, 2).flatMap((unit) => unit.rows.map(({ ids }) => ids));
    for (const trainers of [1, 2, 5, 20]) {
      const shares = distributeRows(rows, trainers);
      expect(shares).toHaveLength(trainers);
      expect(shares.flat()).toEqual(rows);
    }
    expect(Array.from(joinRows([Float32Array.of(1, 2), new Float32Array(0), Float32Array.of(3)]))).toEqual([1, 2, 3]);
  });

  it('makes rows units where nobody is protected', () => {
    expect(rowsAsUnits(nanoUnits(4, 3, 3, 3)).map(({ unit, rows }) => [unit, rows.length])).toEqual(Array.from({ length: 12 }, (_, i) => [i, 1]));
  });
});

describe('plain batches', () => {
  it('visit every row once an epoch, in an order of its own, the same for the same seed', () => {
    const epoch = (from: number, seed: number) => Array.from({ length: 4 }, (_, i) => plainBatch(10, 3, from + i, seed));
    expect(epoch(0, 1).map((batch) => batch.length)).toEqual([3, 3, 3, 1]);
    expect(epoch(0, 1).flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(epoch(4, 1)).not.toEqual(epoch(0, 1));
    expect(epoch(0, 2)).not.toEqual(epoch(0, 1));
    expect(epoch(4, 1)).toEqual(epoch(4, 1));
  });
});

describe('label sentences', () => {
  it('fall back on the bare name', () => {
    expect(sentencesOf(['card_arrival', 'B'], { B: '  ' })).toEqual(['card arrival', 'b']);
    expect(sentencesOf(['B'], { B: 'a sentence' })).toEqual(['a sentence']);
    expect(labelWords('_')).toBe('_');
  });
});
