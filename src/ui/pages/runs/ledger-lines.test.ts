import { describe, expect, it } from 'vitest';
import { federationRunId } from '../../../shell/federation-source.ts';
import type { LedgerEntry, LedgerEvent } from '../../../privacy/events.ts';
import { isFederationRun, partsOfCohorts } from './ledger-lines.ts';

describe('a line of the ledger', () => {
  it('is known as one of a federation by the id that the shell makes', () => {
    expect(isFederationRun(federationRunId('a'.repeat(64)))).toBe(true);
    expect(isFederationRun('3f2c8a54-7c8e-4f0e-9a60-6ad9d0b5a7e1')).toBe(false);
  });

  it('comes out of the budget of the part that its cohort is', () => {
    const cohort = (cohortId: string, part: 'training' | 'held-out'): LedgerEvent => ({ kind: 'cohort', id: cohortId, cohortId, splitId: 's', unit: 'row', maximumRowsPerPerson: 1, keyId: 'k', part, hashes: [], isDeclaredDisjoint: false });
    const entries = [cohort('a', 'training'), cohort('b', 'held-out')].map((event, sequence): LedgerEntry => ({ sequence, recordedAtMs: 0, event, previous: '', hash: '' }));
    const parts = partsOfCohorts(entries);
    expect([parts.get('a'), parts.get('b'), parts.get('of another data set')]).toEqual(['training', 'held-out', undefined]);
  });
});
