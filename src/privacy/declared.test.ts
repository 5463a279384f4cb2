import { describe, expect, it } from 'vitest';
import { LedgerState } from './balance.ts';
import { cohortsOf, type HashedRow } from './cohort.ts';
import type { AllowanceEvent, BudgetEvent, ChargeEvent, CohortEvent, LedgerEvent } from './events.ts';
import { Ledger } from './ledger.ts';
import { createMemoryLedgerStore } from './memory-ledger-store.ts';
import { unitHash } from './unit-hash.ts';

const key = new Uint8Array(32).fill(3);
const note = (text: string, person: string | null = text): HashedRow => ({ row: unitHash(key, 'row', text), person: person === null ? null : unitHash(key, 'person', person) });
const notes = (name: string) => Array.from({ length: 6 }, (_, index) => note(`${name} ${index}`));
type Options = Partial<Parameters<typeof cohortsOf>[0]> & { readonly heldOutRows?: number };
function set(rows: readonly HashedRow[], { heldOutRows = 2, ...options }: Options = {}) {
  return cohortsOf({ unit: 'person', keyId: 'key', training: rows.slice(heldOutRows), heldOut: rows.slice(0, heldOutRows), declarationId: null, personNaming: 'patient', ...options });
}
type DataSet = ReturnType<typeof set>;
let counter = 0;
const budget = ({ events }: DataSet): BudgetEvent => ({ kind: 'budget', id: `budget ${++counter}`, cohortIds: events.map(({ cohortId }) => cohortId), epsilonLimit: 9, delta: 1e-5 });
const charge = ({ events }: DataSet): ChargeEvent => ({ kind: 'charge', id: `charge ${++counter}`, cohortId: events[0].cohortId, runId: 'run', step: 0, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: 5 } });
const entered = (of: DataSet): LedgerEvent[] => [...of.events, budget(of)];

describe('a declaration that was made of the same rows dealt otherwise', () => {
  const [earlier, later] = [set(notes('earlier')), set(notes('later'))];
  const before = [...entered(earlier), charge(earlier)];
  const rows = notes('own');
  const dealt = set(rows, { heldOutRows: 3, declarationId: 'said', declaredBefore: before.length });

  it('holds against what the ledger held then, and against nothing that came later', () => {
    const state = new LedgerState([...before, ...entered(later), ...dealt.events]);
    expect(state.counts(dealt.splitId, earlier.splitId)).toBe(false);
    expect(state.counts(dealt.splitId, later.splitId)).toBe(true);
    // The first entry after the declaration is not among those that it speaks of.
    expect(new LedgerState([...before, later.events[0], ...dealt.events]).counts(dealt.splitId, later.splitId)).toBe(true);
  });

  it('reaches no further than a declaration made with it, whatever number it names', () => {
    const tooFar = set(rows, { heldOutRows: 3, declarationId: 'said', declaredBefore: 1000 });
    const state = new LedgerState([...before, ...entered(tooFar), ...entered(later)]);
    expect(state.counts(tooFar.splitId, earlier.splitId)).toBe(false);
    expect(state.counts(tooFar.splitId, later.splitId)).toBe(true);
  });

  it('takes nothing from one that was made later', () => {
    const again = set(rows, { heldOutRows: 3, declarationId: 'again' });
    expect(new LedgerState([...before, ...entered(later), ...again.events, ...dealt.events]).counts(dealt.splitId, later.splitId)).toBe(false);
  });

  it('is not believed of a file, whose ledger has other entries', async () => {
    const open = async () => {
      const ledger = await Ledger.open(createMemoryLedgerStore(), () => 0);
      await ledger.append([...entered(earlier), ...entered(later)]);
      return ledger;
    };
    const counts = async (of: DataSet) => {
      const ledger = await open();
      await ledger.merge([...earlier.events, ...later.events, ...of.events]);
      return ledger.preview([]).counts(of.splitId, earlier.splitId);
    };
    expect(await counts(dealt)).toBe(true);
    expect(await counts(set(rows, { heldOutRows: 3, declarationId: 'with it' }))).toBe(false);
    const malformed = set(notes('another'), { declarationId: 'said', declaredBefore: -1 });
    await expect((await open()).append(malformed.events)).rejects.toMatchObject({ code: 'internal/ledger-event' });
  });

  it('is asked for where something counts that it would end, and only there', () => {
    const own = set(rows);
    const sharing = set([...notes('sharing'), rows[0]!]);
    const asked = (...events: LedgerEvent[]) => new LedgerState([...events, ...own.events]).countsUndeclared(own.splitId);
    expect(asked()).toBe(false);
    expect(asked(...entered(earlier))).toBe(false);
    expect(asked(...before)).toBe(true);
    expect(asked(...before, ...set(rows, { declarationId: 'said' }).events)).toBe(false);
    expect(asked(...entered(sharing), charge(sharing))).toBe(false);
    expect(asked(...entered(dealt), charge(dealt))).toBe(false);
    const nothing: AllowanceEvent = { kind: 'allowance', id: 'a', allowanceId: 'a', cohortIds: earlier.events.map(({ cohortId }) => cohortId), epsilon: 0, delta: 1e-5, givenBy: [] };
    expect(asked(...entered(earlier), nothing)).toBe(true);
  });
});

describe('rows that are about nobody', () => {
  const made = set(notes('made up'), { isAboutNobody: true });
  const real = set(notes('real'));

  it('count against no one, and no one against them, in either order', () => {
    for (const events of [[...made.events, ...real.events], [...real.events, ...made.events]]) expect(new LedgerState(events).counts(made.splitId, real.splitId)).toBe(false);
  });

  it('count where a row or a person is found in both', () => {
    for (const shared of [note('made up 1', 'somebody'), note('a text', 'made up 1')]) {
      const other = set([...notes('real'), shared]);
      expect(new LedgerState([...made.events, ...other.events]).counts(made.splitId, other.splitId)).toBe(true);
    }
  });

  it('are known as such also where an earlier version entered them', () => {
    const unmarked = set(notes('made up'));
    expect(unmarked.splitId).toBe(made.splitId);
    expect(new LedgerState([...unmarked.events, ...real.events]).counts(made.splitId, real.splitId)).toBe(true);
    for (const events of [[...unmarked.events, ...made.events], [...made.events, ...unmarked.events]]) expect(new LedgerState([...events, ...real.events]).counts(made.splitId, real.splitId)).toBe(false);
  });

  it('make nobody of other rows of their cohort, nor of those that are not at hand', () => {
    const claimed = (event: CohortEvent, rowHashes: readonly string[], keyId = event.keyId): CohortEvent => ({ ...event, id: `${event.id} claimed`, rowHashes, personHashes: [], keyId, isAboutNobody: true });
    const rows = notes('made up').map(({ row }) => row);
    const other = set(notes('other'));
    for (const events of [
      real.events.flatMap((event) => [event, claimed(event, rows)]),
      real.events.flatMap((event) => [claimed(event, rows), event]),
      real.events.flatMap((event) => [{ ...event, rowHashes: [], personHashes: [], keyId: 'elsewhere' }, claimed(event, rows)]),
    ]) expect(new LedgerState([...events, ...other.events]).counts(real.splitId, other.splitId)).toBe(true);
  });
});

describe('an allowance after the person column was changed', () => {
  const allowance = (id: string, { events }: DataSet, epsilon: number): AllowanceEvent => ({ kind: 'allowance', id, allowanceId: id, cohortIds: events.map(({ cohortId }) => cohortId), epsilon, delta: 1e-5, givenBy: [] });
  const texts = notes('shared');
  const byPatient = set(texts);
  const otherwise = (rows: readonly HashedRow[], personNaming: string | null) => set(rows.map(({ row }, index) => ({ row, person: unitHash(key, 'person', `c${index % 2}`) })), { personNaming });
  const inForce = (first: DataSet, second: DataSet) => new LedgerState([...entered(first), ...entered(second), allowance('first', first, 0), allowance('second', second, 1)]).allowances(second.splitId).map(({ allowanceId }) => allowanceId);

  it('gives way to a later one for the same rows', () => {
    for (const naming of ['clinician', null]) {
      expect(inForce(byPatient, otherwise(texts, naming))).toEqual(['second']);
      expect(inForce(otherwise(texts, naming), byPatient)).toEqual(['second']);
    }
  });

  it('stays where rows are missing, or where one column names other persons for the same texts', () => {
    expect(inForce(byPatient, otherwise(texts.slice(1), 'clinician'))).toEqual(['first', 'second']);
    expect(inForce(byPatient, otherwise(texts, 'patient'))).toEqual(['first', 'second']);
  });
});
