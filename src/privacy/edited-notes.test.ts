import { describe, expect, it } from 'vitest';
import { measureEdits } from './testing/edited-notes.ts';

const notes = Array.from({ length: 40 }, (_, index) => ({ text: `Patient ${index} seen for chest pain, day ${index % 7}`, person: `P${index % 25}` }));

describe('edited notes in the ledger', () => {
  const measured = measureEdits(notes);

  it('are the same notes where case, spaces and compatible characters alone differ, declared or not', () => {
    expect(measured['case, spaces and compatible characters']).toMatchObject({ newHashes: 0 });
    const { spentUndeclared, spentDeclared } = measured['case, spaces and compatible characters'];
    expect(spentUndeclared).toBeCloseTo(3, 6);
    expect(spentDeclared).toBeCloseTo(3, 6);
  });

  it.each(['a full stop more', 'one letter dropped', 'a date put in front', 'the first word left out'] as const)('are other notes after %s: they count until they are declared to be of others, and then no more', (kind) => {
    const { newHashes, spentUndeclared, spentDeclared } = measured[kind];
    expect(newHashes).toBe(notes.length);
    expect(spentUndeclared).toBeCloseTo(3, 6);
    // What the statement says is not covered.
    expect(spentDeclared).toBe(0);
  });

  it('are of the same persons where a column names them: a declaration does not hold against it', () => {
    for (const { spentDeclaredWithPersons } of Object.values(measured)) expect(spentDeclaredWithPersons).toBeGreaterThanOrEqual(3 * (1 - 1e-6));
  });
});
