import { describe, expect, it } from 'vitest';
import { LedgerState } from './balance.ts';
import { cohortsOf, type HashedRow } from './cohort.ts';
import type { ChargeEvent, LedgerEvent, PrivacyUnit } from './events.ts';
import { gaussianEpsilon } from './gaussian.ts';

const delta = 1e-5;
const noiseMultiplier = 10;
const rounds = 5;
const hash = (name: string) => name.padStart(32, '0');
/** Twelve rows of four persons. */
const rowsOf = (name: string): HashedRow[] => Array.from({ length: 12 }, (_, i) => ({ row: hash(`${name}${i.toString(16)}`), person: hash(`${name}f${i % 4}`) }));

/** A data set whose notes took part in a federation: charged as a federation's rounds are, whatever its unit. */
function tookPart(name: string, unit: PrivacyUnit, declarationId: string | null): { readonly splitId: string; readonly events: readonly LedgerEvent[] } {
  const { splitId, events } = cohortsOf({ unit, keyId: 'key', training: rowsOf(name), heldOut: [], declarationId, personNaming: null });
  const charges = Array.from({ length: rounds }, (_, i): ChargeEvent => ({ kind: 'charge', id: `${name} ${i}`, cohortId: events[0].cohortId, runId: name, step: i + 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier } }));
  return { splitId, events: [...events, { kind: 'budget', id: `budget ${name}`, cohortIds: events.map(({ cohortId }) => cohortId), epsilonLimit: 100, delta }, ...charges] };
}

/** Epsilon of so many federations' rounds for one device with all its notes: the noise is for two clip norms, so each round is one Gaussian of this noise multiplier for it. */
const ofDevice = (federations: number) => gaussianEpsilon(Math.sqrt(federations * rounds) / noiseMultiplier, delta);

describe('federations whose unit is the participant, in the ledger', () => {
  it('are added up for notes that may be of the same people: never less than for the device', () => {
    const [first, second] = [tookPart('a', 'row', null), tookPart('b', 'person', null)];
    const state = new LedgerState([...first.events, ...second.events]);
    for (const { splitId } of [first, second]) expect(state.balance(splitId)!.epsilonSpent).toBeGreaterThan(ofDevice(2) * (1 - 1e-12));
    // More, for a person of the one may have three rows in the other, and the one round covers them together.
    expect(state.balance(second.splitId)!.epsilonSpent).toBeGreaterThan(1.5 * ofDevice(2));
  });

  it('are each its own notes\' alone where these were declared to be of different people, and what both come to for the device is more than either says', () => {
    const [first, second] = [tookPart('a', 'row', null), tookPart('b', 'person', 'declared')];
    const state = new LedgerState([...first.events, ...second.events]);
    for (const { splitId } of [first, second]) expect(state.balance(splitId)!.epsilonSpent).toBeCloseTo(ofDevice(1), 12);
    expect(ofDevice(2)).toBeGreaterThan(1.4 * ofDevice(1));
  });
});
