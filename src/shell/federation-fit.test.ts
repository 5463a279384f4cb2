import { describe, expect, it } from 'vitest';
import { cohortsOf } from '../privacy/cohort.ts';
import { unitHash } from '../privacy/unit-hash.ts';
import { checkMayTakePart } from './federation-fit.ts';

const { events: cohorts } = cohortsOf({ unit: 'row', keyId: 'key', training: [{ row: unitHash(new Uint8Array(32), 'row', 'a note'), person: null }], heldOut: [], declarationId: null });
const nothingCharged = { ledger: () => Promise.resolve({ entries: [] }) };
const asked = (delta: number, trainingUnits: number, unit: 'row' | 'person') => checkMayTakePart({ ledger: nothingCharged }, { task: { delta }, taskHash: 'hash' }, { subject: { cohorts, trainingUnits }, plan: { unit } });

describe('notes that may take part', () => {
  it('are so many that δ lies below one over their number: at that, one of them could be given away whole', async () => {
    await asked(1e-5, 99_999, 'row');
    await asked(0.0049, 200, 'person');
    for (const [delta, units] of [[0.005, 200], [0.9, 2], [1e-5, 100_000]] as const) {
      await expect(asked(delta, units, 'person')).rejects.toMatchObject({ code: 'federation/loose-delta', values: { delta, units, unit: 'person' } });
      await expect(asked(delta, units, 'row')).rejects.toThrow(`${units} notes`);
    }
  });
});
