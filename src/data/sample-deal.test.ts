import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../ground/random.ts';
import { buildDataset } from './dataset.ts';
import { guessColumns, guessedRoles } from './columns.ts';
import { dealtTable, evaluationTable, isDealtTable } from './sample-deal.ts';
import { specialties } from './sample-phrases.ts';
import { dirichlet } from './sample-shares.ts';
import { isSampleTable, sampleTable } from './sample.ts';

const deal = { persons: 40, notes: 110, alpha: null };
const personsOf = (table: ReturnType<typeof dealtTable>) => new Set(table.rows.map(({ cells }) => cells[2]!));
const textsOf = (table: ReturnType<typeof dealtTable>) => table.rows.map(({ cells }) => cells[0]!);

describe('notes dealt out by seat', () => {
  test('a seat has as many notes and persons as were agreed, always the same ones, and its columns guess themselves', () => {
    const table = dealtTable(deal, 7);
    expect([table.rows.length, personsOf(table).size]).toEqual([110, 40]);
    expect(dealtTable(deal, 7)).toEqual(table);
    const dataset = buildDataset(table, guessedRoles(guessColumns(table)));
    expect(guessedRoles(dataset.columns)).toEqual({ note: 'text', specialty: 'label', patient: 'person', sex: 'group', age_band: 'group', language: 'group' });
    expect([dataset.problems.length, dataset.isSynthetic, dataset.labels.length]).toEqual([0, true, 4]);
  });

  test('notes of other shares have another name, so that those of one federation are not taken for those of another', () => {
    const names = [null, 0.3, 1].map((alpha) => dealtTable({ ...deal, alpha }, 7).fileName);
    expect(names).toEqual(['sample-notes-seat-7.csv', 'sample-notes-seat-7-skew-0.3.csv', 'sample-notes-seat-7-skew-1.csv']);
  });

  test('no person sits at two seats, in the evaluation set or in the sample, and hardly a note is written twice', () => {
    const tables = [sampleTable(), evaluationTable(), ...Array.from({ length: 30 }, (_, seat) => dealtTable(deal, seat + 1))];
    const persons = tables.map(personsOf);
    expect(new Set(persons.flatMap((set) => [...set])).size).toBe(persons.reduce((sum, { size }) => sum + size, 0));
    const texts = tables.flatMap(textsOf);
    // Two seats of one seed would repeat 110 of some 4,000 notes; by chance short notes meet now and then.
    expect(texts.length - new Set(texts).size).toBeLessThan(20);
  });

  test('the same shares for all without alpha, others at each seat with a small one', () => {
    const largestShare = (table: ReturnType<typeof dealtTable>) => Math.max(...specialties.map((one) => table.rows.filter(({ cells }) => cells[1] === one).length)) / table.rows.length;
    const mean = (alpha: number | null) => Array.from({ length: 20 }, (_, seat) => largestShare(dealtTable({ ...deal, alpha }, seat + 1))).reduce((sum, share) => sum + share, 0) / 20;
    // A quarter each, give or take a standard error of 4 %; the largest of four Dirichlet(0.3) shares is 0.7 on average.
    expect(mean(null)).toBeLessThan(0.4);
    expect(mean(0.3)).toBeGreaterThan(0.6);
    expect(mean(0.3)).toBeLessThan(0.85);
    expect(mean(1000)).toBeLessThan(0.4);
  });

  test('is known as made up under another name, unless somebody changed it', () => {
    for (const alpha of [null, 0.3, 1e-7, 25]) {
      const table = dealtTable({ ...deal, alpha }, 12);
      expect(isSampleTable(table), String(alpha)).toBe(true);
      expect(isDealtTable({ ...table, rows: table.rows.slice(1) })).toBe(false);
      expect(isDealtTable({ ...table, rows: table.rows.map((row, index) => (index === 50 ? { ...row, cells: ['A real note.', ...row.cells.slice(1)] } : row)) })).toBe(false);
    }
    expect(isSampleTable(dealtTable({ persons: 220, notes: 600, alpha: null }, 1))).toBe(true);
    expect(isDealtTable({ header: sampleTable().header, rows: [] })).toBe(false);
  });

  test('a deal that cannot be is refused', () => {
    for (const wrong of [{ ...deal, notes: 39 }, { ...deal, notes: 241 }, { ...deal, persons: 0 }]) expect(() => dealtTable(wrong, 1)).toThrow();
    expect(() => dealtTable(deal, 0)).toThrow();
  });
});

describe('shares from a Dirichlet distribution', () => {
  test.each([1e-6, 0.3, 1, 50])('have sum 1, mean 1/4 and the variance of concentration %d', (concentration) => {
    const random = mulberry32(5);
    const draws = Array.from({ length: 4000 }, () => dirichlet(4, concentration, random));
    for (const shares of draws) expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    const first = draws.map(([share]) => share!);
    const mean = first.reduce((sum, share) => sum + share, 0) / first.length;
    const variance = first.reduce((sum, share) => sum + (share - mean) ** 2, 0) / first.length;
    // Var = (1/4)(3/4) / (4 alpha + 1). The mean of 4,000 draws has a standard error of at most 0.007, the variance one of 4 %.
    expect(Math.abs(mean - 0.25)).toBeLessThan(0.03);
    expect(variance / (0.1875 / (4 * concentration + 1))).toBeGreaterThan(0.85);
    expect(variance / (0.1875 / (4 * concentration + 1))).toBeLessThan(1.15);
  });
});
