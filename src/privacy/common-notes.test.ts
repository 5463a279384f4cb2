import { describe, expect, it } from 'vitest';
import { LedgerState } from './balance.ts';
import { cohortsOf, type HashedRow } from './cohort.ts';
import { commonNotes } from './common-notes.ts';
import { composedEpsilon } from './composition.ts';
import type { BudgetEvent, ChargeEvent, LedgerEvent } from './events.ts';
import { forSeveralUnits } from './exposure.ts';

const hash = (name: string) => name.padStart(32, '0');
const row = (text: string, person: string | null): HashedRow => ({ row: hash(`a${text}`), person: person === null ? null : hash(`b${person}`) });
/** `persons` persons of `each` notes. */
const file = (name: string, persons: number, each: number) => Array.from({ length: persons * each }, (_, index) => row(`${name}${index}`, `${name}${Math.floor(index / each)}`));
const set = (rows: readonly HashedRow[], unit: 'row' | 'person' = 'person', declarationId: string | null = null) => cohortsOf({ unit, keyId: 'key', training: rows.slice(6), heldOut: rows.slice(0, 6), declarationId, personNaming: hash('patient') });
type DataSet = ReturnType<typeof set>;
const mechanism = { kind: 'gaussian', noiseMultiplier: 5 } as const;
const limit = ({ splitId, events }: DataSet): BudgetEvent => ({ kind: 'budget', id: `limit ${splitId}`, cohortIds: events.map(({ cohortId }) => cohortId), epsilonLimit: 4, delta: 1e-5 });
const charge = ({ splitId, events }: DataSet): ChargeEvent => ({ kind: 'charge', id: `charge ${splitId}`, cohortId: events[0].cohortId, runId: 'run', step: 0, purpose: 'gradient', mechanism });
const entered = (of: DataSet): LedgerEvent[] => [...of.events, limit(of)];

const earlier = file('1', 6, 3);
const other = file('2', 6, 3);
const trained = set(earlier);
/** Two notes of the earlier file, under other names, among those of other people. */
const sharing = other.map((one, index) => (index === 7 || index === 12 ? { ...one, row: earlier[index]!.row } : one));

describe('notes that are in two data sets', () => {
  const told = (rows: readonly HashedRow[], of = set(rows), ...more: LedgerEvent[]) => {
    const state = new LedgerState([...entered(trained), charge(trained), ...more, ...entered(of)]);
    return { state, common: commonNotes(state.commonWith(of.splitId), rows, (index) => index + 2), spent: state.balance(of.splitId)!.epsilonSpent };
  };

  it('are counted and named by their rows, beside what they make a person pay for', () => {
    const { state, common, spent } = told(sharing);
    expect(common).toEqual({ notes: 2, persons: 0, isAll: false, rows: [9, 14], isNamedOtherwise: true, clipNorms: 6 });
    expect(spent).toBeCloseTo(composedEpsilon([{ mechanism: forSeveralUnits(mechanism, 6), count: 1 }], 1e-5).epsilon, 9);
    // The words on the page rest on it: no declaration ends it, and none is offered.
    expect(state.countsUndeclared(set(sharing).splitId)).toBe(false);
    expect(told(sharing, set(sharing, 'person', 'said')).spent).toBe(spent);
  });

  it('let a declaration hold once they are left out, also beside the file that had them', () => {
    const without = sharing.filter((_, index) => index !== 7 && index !== 12);
    const undeclared = told(without, set(without), ...set(sharing).events);
    expect(undeclared.common).toMatchObject({ notes: 0, persons: 0, rows: [], isNamedOtherwise: false });
    expect(undeclared.spent).toBeCloseTo(composedEpsilon([{ mechanism, count: 1 }], 1e-5).epsilon, 9);
    expect(undeclared.state.countsUndeclared(set(without).splitId)).toBe(true);
    expect(told(without, set(without, 'person', 'said'), ...set(sharing).events).spent).toBe(0);
  });

  it('are told where single notes are protected here and persons there', () => {
    const unnamed = sharing.map((one) => ({ ...one, person: null }));
    const { common, spent } = told(unnamed, set(unnamed, 'row'));
    expect(common).toMatchObject({ notes: 2, persons: 0, isNamedOtherwise: false, clipNorms: 2 });
    expect(spent).toBeCloseTo(composedEpsilon([{ mechanism: forSeveralUnits(mechanism, 2), count: 1 }], 1e-5).epsilon, 9);
  });

  it('tell persons by their names, and all notes as all', () => {
    const renamed = other.map((one, index) => (index >= 15 ? { ...one, person: earlier[0]!.person } : one));
    expect(told(renamed).common).toMatchObject({ notes: 0, persons: 1, isAll: false, clipNorms: 1 });
    expect(told(earlier, set(earlier, 'row')).common).toMatchObject({ notes: 18, persons: 6, isAll: true, rows: [] });
  });

  it('are told of no data set that was neither charged nor given a limit', () => {
    const of = set(sharing);
    expect(new LedgerState([...trained.events, ...entered(of)]).commonWith(of.splitId)).toEqual([]);
    expect(new LedgerState([...entered(trained), ...entered(of)]).commonWith(of.splitId)).toHaveLength(1);
    expect(new LedgerState([]).commonWith(of.splitId)).toEqual([]);
  });
});
