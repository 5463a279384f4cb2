import { describe, expect, it } from 'vitest';
import { en } from './en.ts';
import { zh } from './zh.ts';

describe('where all notes of a device count as one', () => {
  it.each([['en', en], ['zh', zh]] as const)('the words (%s) say so, and that how long it takes tells of the number of notes', (_, { federation, projector }) => {
    const lines = (unit: 'row' | 'person' | 'participant') => federation.sent.outList(660, 10, unit);
    expect([lines('row').length, lines('person').length, lines('participant').length]).toEqual([3, 3, 2]);
    for (const of of [federation.numbers.units, federation.numbers.noise, federation.promise.same]) expect(new Set([of.row, of.participant]).size).toBe(2);
    expect(new Set((['row', 'person', 'participant'] as const).map((unit) => projector.epsilonOf(8, unit))).size).toBe(3);
    // What is sent promises nothing about when it is sent.
    for (const text of [lines('participant').join(' '), federation.promise.same.participant, federation.promise.others]) expect(text).toMatch(/how long|多久/);
    expect(federation.promise.guess(99)).toContain('99');
    expect(federation.numbers.projection(384, 32)).toMatch(/384.*32/);
  });
});
