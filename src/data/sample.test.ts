import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { utf8ToBytes } from '../ground/bytes.ts';
import { guessColumns, guessedRoles } from './columns.ts';
import { buildDataset } from './dataset.ts';
import { parseTable } from './parse.ts';
import { isSampleTable, sampleCsv, sampleNotes, sampleSentences, sampleTable } from './sample.ts';

describe('the built-in sample', () => {
  const table = sampleTable();
  const dataset = buildDataset(table, guessedRoles(guessColumns(table)));

  test('its columns guess themselves, no row is set aside, and it is marked synthetic', () => {
    expect(guessedRoles(dataset.columns)).toEqual({ note: 'text', specialty: 'label', patient: 'person', sex: 'group', age_band: 'group', language: 'group' });
    expect(dataset.notes).toHaveLength(600);
    expect(dataset.problems).toEqual([]);
    expect(dataset.isSynthetic).toBe(true);
    expect(dataset.labels).toEqual(Object.keys(sampleSentences).sort());
    expect(dataset.rareClasses).toEqual([]);
  });

  test('220 persons with 1 to 6 notes and one sex, age band and language each', () => {
    const byPerson = new Map([...new Set(dataset.notes.map(({ person }) => person))].map((person) => [person, dataset.notes.filter((note) => note.person === person)]));
    expect(byPerson.size).toBe(220);
    // A real file's ids must not be taken for these people.
    for (const person of byPerson.keys()) expect(person).toMatch(/^sample-\d{3}$/);
    for (const notes of byPerson.values()) {
      expect(notes.length).toBeGreaterThanOrEqual(1);
      expect(notes.length).toBeLessThanOrEqual(6);
      expect(new Set(notes.map(({ groups }) => JSON.stringify(groups))).size).toBe(1);
    }
  });

  test('18 of 600 labels are wrong, and no text repeats', () => {
    expect(sampleNotes().filter(({ meant, specialty }) => meant !== specialty)).toHaveLength(18);
    expect(new Set(sampleNotes().map(({ text }) => text)).size).toBe(600);
  });

  test('no placeholder of the phrases is left in a note', () => {
    for (const { text } of sampleNotes()) expect(text).not.toMatch(/[{}#|]|undefined/);
  });

  test('is the same as ever, byte for byte', () => {
    // Cohorts, fixtures and figures rest on these notes; SHA-256 of what the first version printed.
    expect(createHash('sha256').update(sampleCsv()).digest('hex')).toBe('8aa972a3dc1941830ac2fea097b23a93a56c215f99f88ef46d10bdc84196f18a');
  });

  test('printed and read again it is the same table, and still known as synthetic under another name', async () => {
    const read = await parseTable({ fileName: 'mine.csv', bytes: utf8ToBytes(sampleCsv()), decode: (part, encoding) => new TextDecoder(encoding).decode(part) });
    expect(read.rows).toEqual(table.rows);
    expect(isSampleTable(read)).toBe(true);
    expect(isSampleTable({ ...read, rows: read.rows.slice(1) })).toBe(false);
  });
});
