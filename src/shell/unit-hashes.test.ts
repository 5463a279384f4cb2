import { describe, expect, it } from 'vitest';
import { fullBatchHeadPlan } from '../training/propose.ts';
import { Ledger } from '../privacy/ledger.ts';
import { createMemoryLedgerStore } from '../privacy/memory-ledger-store.ts';
import type { Note } from '../data/table.ts';
import { afterRunOf } from './after-run.ts';
import { dealtNotes, hashesOfNotes } from './unit-hashes.ts';

const key = new Uint8Array(32).fill(3);
const note = (text: string, person: string, row: number): Note => ({ id: row, row, text, label: row % 2 === 0 ? 'a' : 'b', person, groups: {} });
const own = Array.from({ length: 60 }, (_, index) => note(`text ${index}`, `person ${index}`, index));
/** And one text that every person has as well. */
const shared = own.map(({ person }, index) => note('as before', person!, 60 + index));

async function dealtAs(unit: 'row' | 'person', notes: readonly Note[]) {
  const dataset = { notes, personColumn: 'who', isSynthetic: false };
  return dealtNotes(dataset, await hashesOfNotes(dataset, key), key, { unit, heldOutShare: 0.2, declarationId: null, declaredBefore: null });
}

describe('a deal', () => {
  it('is disjoint unless a text that is one unit is of persons on both sides', async () => {
    expect((await dealtAs('row', own)).isDisjoint).toBe(true);
    expect((await dealtAs('person', [...own, ...shared])).isDisjoint).toBe(true);
    expect((await dealtAs('row', [...own, ...shared])).isDisjoint).toBe(false);
  });

  it('gets no score that may leave where it is not: that would not compose in parallel', async () => {
    const ledger = await Ledger.open(createMemoryLedgerStore(), () => 0);
    for (const [notes, fits] of [[own, true], [[...own, ...shared], false]] as const) {
      const { events, split, splitId, units, trainingUnits, isDisjoint } = await dealtAs('row', notes);
      const plan = fullBatchHeadPlan({ trainingUnits, trainingRows: split.training.length, heldOutUnits: units - trainingUnits, heldOutRows: split.heldOut.length, classes: 2, unit: 'row', encoderLayers: 6, maximumLength: 64, heldOutShare: 0.2, seed: 1, epsilon: 1, delta: 1e-5 });
      const state = ledger.preview([...events, { kind: 'budget', id: 'limit', cohortIds: events.map(({ cohortId }) => cohortId), epsilonLimit: 4, delta: plan.delta }]);
      const fitsFor = (one: typeof plan) => afterRunOf(state, { splitId, trainingUnits, isDisjoint, classes: 2 }, one);
      expect(fitsFor(plan)).toMatchObject({ scoreFits: fits, scoreLeft: null, fitsBudget: true });
      expect(fitsFor({ ...plan, validationEpsilon: null })).toMatchObject({ scoreFits: true });
    }
  });
});
