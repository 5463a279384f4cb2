import { describe, expect, it } from 'vitest';
import { cohortsOf, type HashedRow } from './cohort.ts';
import type { BudgetEvent, ChargeEvent, CohortEvent, LedgerEvent } from './events.ts';
import { Ledger } from './ledger.ts';
import { createMemoryLedgerStore } from './memory-ledger-store.ts';
import { unitHash } from './unit-hash.ts';

const key = new Uint8Array(32).fill(1);
const row = (text: string): HashedRow => ({ row: unitHash(key, 'row', text), person: null });
type DataSet = ReturnType<typeof cohortsOf>;
const dataSet = (training: readonly string[], heldOut: readonly string[], declarationId: string | null = null): DataSet =>
  cohortsOf({ unit: 'row', keyId: 'key', training: training.map(row), heldOut: heldOut.map(row), declarationId });

let counter = 0;
const newId = () => `id ${++counter}`;
const idsOf = (...sets: readonly DataSet[]) => sets.flatMap(({ events }) => events.map(({ cohortId }) => cohortId));
const budget = (cohortIds: readonly string[], epsilonLimit: number, delta: number): BudgetEvent => ({ kind: 'budget', id: newId(), cohortIds, epsilonLimit, delta });
const charge = (set: DataSet): ChargeEvent => ({ kind: 'charge', id: newId(), cohortId: set.events[0].cohortId, runId: 'run', step: 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: 3 } });
const ownBudget = (ledger: Ledger, { splitId }: DataSet) => ledger.preview([]).budget(splitId);

const first = dataSet(['a', 'b', 'c'], ['d', 'e']);
const second = dataSet(['u', 'v'], ['w']);

async function ledgerOf(...events: readonly LedgerEvent[]): Promise<Ledger> {
  const ledger = await Ledger.open(createMemoryLedgerStore(), () => 0);
  await ledger.append(events);
  return ledger;
}
const origin = () => ledgerOf(...first.events, budget(idsOf(first), 4, 1e-5));

describe('a limit that a file names', () => {
  it('leaves the limit and the delta of a data set that has a budget here, and the share that it lost', async () => {
    const ledger = await origin();
    await ledger.share(first.splitId, { id: 'share', epsilon: 2 }, []);
    const count = ledger.entries.length;
    for (const [limit, delta] of [[20, 5e-6], [4, 1e-5], [0.5, 1e-9]] as const) {
      await ledger.merge([...first.events, budget(idsOf(first), limit, delta)]);
      // One of its two cohorts named alone is the same data set.
      await ledger.merge([budget(idsOf(first).slice(1), limit, delta)]);
    }
    expect(ownBudget(ledger, first)).toEqual({ epsilonLimit: 2, delta: 5e-6 });
    expect(ledger.entries).toHaveLength(count);
  });

  it('is taken by a data set that has none, as the least that the file names', async () => {
    const ledger = await origin();
    const file = [...first.events, ...second.events, budget(idsOf(second), 3, 1e-6), budget(idsOf(first, second), 20, 1e-7), budget(idsOf(second), 9, 1e-6)];
    await ledger.merge(file);
    expect(ownBudget(ledger, first)).toEqual({ epsilonLimit: 4, delta: 1e-5 });
    expect(ownBudget(ledger, second)).toEqual({ epsilonLimit: 3, delta: 1e-7 });
    const count = ledger.entries.length;
    await ledger.merge(file);
    expect(ledger.entries).toHaveLength(count);
  });

  it('reaches a data set that is held without a budget by an event that is known for another', async () => {
    const both = budget(idsOf(first, second), 3, 1e-6);
    const ledger = await ledgerOf(...first.events, { ...both, cohortIds: idsOf(first) });
    await ledger.merge([...second.events, both]);
    expect(ownBudget(ledger, second)).toEqual({ epsilonLimit: 3, delta: 1e-6 });
  });

  it('stays the event that it was where nothing had to be changed', async () => {
    const ledger = await origin();
    const set = budget(idsOf(second), 3, 1e-6);
    await ledger.merge([...second.events, set]);
    expect(ledger.entries.map(({ event }) => event.id)).toContain(set.id);
  });
});

describe('hashes of a cohort that is known', () => {
  const part = (event: CohortEvent, texts: readonly string[]): CohortEvent => ({ ...event, rowHashes: texts.map((text) => row(text).row).sort() });
  const [training, heldOut] = first.events;

  it('are added to those that are held, once', async () => {
    const ledger = await ledgerOf();
    const set = budget(idsOf(first), 4, 1e-5);
    await ledger.merge([part(training, ['a']), part(heldOut, []), set, charge(first)]);
    await ledger.merge([training, heldOut, set]);
    const count = ledger.entries.length;
    await ledger.merge([training, part(training, ['b']), heldOut, set]);
    expect(ledger.entries).toHaveLength(count);
    // What came later is found to be the same notes.
    const other = dataSet(['b'], ['x'], 'declared');
    await ledger.append([...other.events, budget(idsOf(other), 4, 1e-5)]);
    expect(ledger.balance(other.splitId)!.epsilonSpent).toBeGreaterThan(0);
    const strangers = dataSet(['y'], ['z'], 'also declared');
    await ledger.append([...strangers.events, budget(idsOf(strangers), 4, 1e-5)]);
    expect(ledger.balance(strangers.splitId)!.epsilonSpent).toBe(0);
  });
});

describe('two instances over one store', () => {
  it('decide by what the other has written, though they name the same cohorts', async () => {
    const store = createMemoryLedgerStore();
    const [here, there] = [await Ledger.open(store, () => 0), await Ledger.open(store, () => 0)];
    await there.share(first.splitId, { id: 'share', epsilon: 2 }, [...first.events, budget(idsOf(first), 4, 1e-5)]);
    await here.append((state) => [...first.events, ...(state.budget(first.splitId) ? [] : [budget(idsOf(first), 4, 1e-5)]), { kind: 'run', id: newId(), runId: 'run', state: 'started' }]);
    expect(ownBudget(here, first)).toEqual({ epsilonLimit: 2, delta: 5e-6 });
    expect(here.isChainIntact).toBe(true);
  });
});
