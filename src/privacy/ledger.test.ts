import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { cohortsOf, type HashedRow } from './cohort.ts';
import { composedEpsilon, type Charge } from './composition.ts';
import type { BudgetEvent, ChargeEvent, CohortEvent, DataPart, LedgerEvent, Mechanism, PrivacyUnit } from './events.ts';
import { Ledger } from './ledger.ts';
import { createMemoryLedgerStore, type MemoryLedgerStore } from './memory-ledger-store.ts';
import { unitHash } from './unit-hash.ts';

const key = new Uint8Array(32).fill(1);
const gaussian = (noiseMultiplier: number): Mechanism => ({ kind: 'gaussian', noiseMultiplier });
const epsilonOf = (charges: readonly Charge[], delta = 1e-5) => composedEpsilon(charges, delta).epsilon;
const gaussians = (noiseMultiplier: number, count: number) => epsilonOf([{ mechanism: gaussian(noiseMultiplier), count }]);
const row = (text: string, person: string | null = null): HashedRow => ({ row: unitHash(key, 'row', text), person: person === null ? null : unitHash(key, 'person', person) });
const rows = (...texts: string[]) => texts.map((text) => row(text));

let counter = 0;
const newId = () => `id ${++counter}`;

interface DataSet {
  readonly splitId: string;
  readonly events: readonly [CohortEvent, CohortEvent];
}
function dataSet(training: readonly HashedRow[], heldOut: readonly HashedRow[], options: { unit?: PrivacyUnit; declarationId?: string; keyId?: string; naming?: string | null } = {}): DataSet {
  return cohortsOf({ unit: options.unit ?? 'row', keyId: options.keyId ?? 'key', training, heldOut, declarationId: options.declarationId ?? null, personNaming: options.naming === undefined ? 'the patient column' : options.naming });
}
const budget = (set: DataSet, epsilonLimit = 100, delta = 1e-5): BudgetEvent => ({ kind: 'budget', id: newId(), cohortIds: set.events.map(({ cohortId }) => cohortId), epsilonLimit, delta });
const charge = (set: DataSet, part: DataPart, mechanism: Mechanism): ChargeEvent => ({
  kind: 'charge', id: newId(), cohortId: set.events[part === 'training' ? 0 : 1].cohortId, runId: 'run', step: 1, purpose: 'gradient', mechanism,
});

async function ledgerWith(...sets: readonly DataSet[]): Promise<{ ledger: Ledger; store: MemoryLedgerStore }> {
  const store = createMemoryLedgerStore();
  const ledger = await Ledger.open(store, () => 0);
  for (const set of sets) await ledger.append([...set.events, budget(set)]);
  return { ledger, store };
}
async function errorOf(promise: Promise<unknown>): Promise<BedsideError> {
  const error = await promise.then(() => null, (reason: unknown) => reason);
  if (!(error instanceof BedsideError)) throw new Error(`expected a BedsideError, got ${String(error)}`);
  return error;
}

const first = dataSet(rows('a', 'b', 'c'), rows('d', 'e'));

describe('spending', () => {
  it('composes the steps of a part and keeps the parts parallel', async () => {
    const { ledger } = await ledgerWith(first);
    for (let step = 0; step < 9; step++) await ledger.charge(charge(first, 'training', gaussian(10)));
    await ledger.charge(charge(first, 'held-out', gaussian(5)));
    const balance = ledger.balance(first.splitId)!;
    expect(balance.epsilonTraining).toBe(gaussians(10, 9));
    expect(balance.epsilonHeldOut).toBe(gaussians(5, 1));
    expect(balance.epsilonSpent).toBe(gaussians(10, 9));
    expect(balance).toMatchObject({ epsilonLimit: 100, delta: 1e-5, isChainIntact: true, isUnitMixed: false });
  });

  it('charges the same in the same order whatever the clock says: set back, standing still, or of no sense', async () => {
    const underClock = async (...times: readonly number[]) => {
      const store = createMemoryLedgerStore();
      let look = 0;
      const now = () => times[Math.min(look++, times.length - 1)]!;
      const set: BudgetEvent = { kind: 'budget', id: 'budget', cohortIds: first.events.map(({ cohortId }) => cohortId), epsilonLimit: gaussians(10, 6) + 1e-9, delta: 1e-5 };
      const step = (index: number): ChargeEvent => ({ kind: 'charge', id: `charge ${index}`, cohortId: first.events[0].cohortId, runId: 'run', step: index, purpose: 'gradient', mechanism: gaussian(10) });
      const before = await Ledger.open(store, now);
      await before.append([...first.events, set]);
      for (let index = 1; index <= 3; index++) await before.charge(step(index));
      // Opened again, as after a night in which the clock was set.
      const after = await Ledger.open(store, now);
      for (let index = 4; index <= 6; index++) await after.charge(step(index));
      const refusal = await errorOf(after.charge(step(7)));
      const read = await Ledger.open(store, now);
      return { times: read.entries.map(({ recordedAtMs }) => recordedAtMs), kept: { head: read.head, entries: read.entries.map(({ recordedAtMs: _, ...entry }) => entry), balance: read.balance(first.splitId), isChainIntact: read.isChainIntact, refusal: refusal.code } };
    };
    const steady = await underClock(1000, 2000, 3000, 4000, 5000, 6000, 7000);
    expect(steady.kept.isChainIntact).toBe(true);
    expect(steady.kept.balance!.epsilonTraining).toBe(gaussians(10, 6));
    expect(steady.kept.entries.flatMap(({ event }) => (event.kind === 'charge' ? [event.step] : []))).toEqual([1, 2, 3, 4, 5, 6]);
    const jumpy = await underClock(9e12, 5000, 4000, 4000, -1, 8e12, 0);
    expect(jumpy.times).toEqual([9e12, 9e12, 9e12, 5000, 4000, 4000, -1, 8e12, 0]);
    expect(jumpy.kept).toEqual(steady.kept);
    expect((await underClock(0)).kept).toEqual(steady.kept);
    expect((await underClock(5000, NaN, -Infinity)).kept).toEqual(steady.kept);
  });

  it('says what more would cost, without charging it', async () => {
    const { ledger } = await ledgerWith(first);
    await ledger.charge(charge(first, 'training', gaussian(10)));
    const extra = [{ mechanism: gaussian(10), count: 8 }];
    expect(ledger.epsilonAfter(first.events[0].cohortId, extra)).toBe(gaussians(10, 9));
    expect(ledger.epsilonAfter(first.events[1].cohortId, extra)).toBe(gaussians(10, 8));
    expect(ledger.epsilonAfter('nobody', extra)).toBe(Infinity);
    expect(ledger.balanceAfter(first.splitId, { training: extra, 'held-out': [{ mechanism: gaussian(1), count: 1 }] })!.epsilonSpent).toBe(gaussians(1, 1));
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(gaussians(10, 1));
  });

  it('gives no new budget for the same rows in another order or file', async () => {
    const { ledger } = await ledgerWith(first);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    const again = dataSet(rows('c', 'a', 'b'), rows('e', 'd'));
    expect(again.splitId).toBe(first.splitId);
    await ledger.append(again.events);
    expect(ledger.balance(again.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
  });

  it('gives no new budget for added rows, even declared to be of other people', async () => {
    const { ledger } = await ledgerWith(first);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    const grown = dataSet(rows('a', 'b', 'c', 'f'), rows('d', 'e'), { declarationId: 'declared 1' });
    await ledger.append([...grown.events, budget(grown)]);
    await ledger.charge(charge(grown, 'training', gaussian(4)));
    const both = epsilonOf([{ mechanism: gaussian(3), count: 1 }, { mechanism: gaussian(4), count: 1 }]);
    expect(ledger.balance(grown.splitId)!.epsilonTraining).toBe(both);
    expect(ledger.balance(first.splitId)!.epsilonTraining).toBe(both);
  });
});

describe('data sets of one installation', () => {
  const other = dataSet(rows('x', 'y'), rows('z'));
  const declared = dataSet(rows('x', 'y'), rows('z'), { declarationId: 'declared 2' });

  it('add up where nobody said that they are about different people', async () => {
    const { ledger } = await ledgerWith(first, other);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    await ledger.charge(charge(other, 'training', gaussian(4)));
    const both = epsilonOf([{ mechanism: gaussian(3), count: 1 }, { mechanism: gaussian(4), count: 1 }]);
    for (const set of [first, other]) {
      expect(ledger.balance(set.splitId)!.epsilonTraining).toBe(both);
      // Someone held out here may be trained on there.
    }
    expect(ledger.balance(first.splitId)!.epsilonHeldOut).toBe(gaussians(4, 1));
  });

  it('take both parts of another data set for a unit that may be several there, and the worse where both mean the same by a person', async () => {
    const { ledger } = await ledgerWith(first, other);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    await ledger.charge(charge(first, 'held-out', gaussian(1)));
    // Nobody knows whose these texts are: one of these rows may be several there.
    expect(ledger.balance(other.splitId)!.epsilonSpent).toBe(epsilonOf([{ mechanism: gaussian(3), count: 1 }, { mechanism: gaussian(1), count: 1 }]));
    const [here, there] = [dataSet([row('a', 'Ann')], [row('b', 'Bob')]), dataSet([row('x', 'Xi')], [row('y', 'Yve')])];
    const { ledger: named } = await ledgerWith(here, there);
    await named.charge(charge(here, 'training', gaussian(3)));
    await named.charge(charge(here, 'held-out', gaussian(1)));
    expect(named.balance(there.splitId)!.epsilonSpent).toBe(gaussians(1, 1));
  });

  it('do not add up where they are declared different and no hash matches', async () => {
    const { ledger } = await ledgerWith(first, declared);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    await ledger.charge(charge(declared, 'training', gaussian(4)));
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
    expect(ledger.balance(declared.splitId)!.epsilonSpent).toBe(gaussians(4, 1));
  });

  it('add up as a whole where one person is found in both, whatever was declared', async () => {
    const one = dataSet([row('a', 'Ann'), row('b', 'Bob')], [row('c', 'Cy')], { unit: 'person' });
    const two = dataSet([row('x', 'Xi'), row('y', 'Ann')], [row('z', 'Zoe')], { unit: 'person', declarationId: 'declared 3' });
    const { ledger } = await ledgerWith(one, two);
    await ledger.charge(charge(one, 'training', gaussian(3)));
    expect(ledger.balance(two.splitId)!.epsilonTraining).toBe(gaussians(3, 1));
    // Zoe is not found in the first, but the declaration has proved wrong: she counts too.
    expect(ledger.balance(two.splitId)!.epsilonHeldOut).toBe(gaussians(3, 1));
  });

  it('a declaration speaks of earlier data sets alone, and may be made later', async () => {
    const { ledger } = await ledgerWith(declared, first);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    expect(ledger.balance(declared.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
    await ledger.append(dataSet(rows('x', 'y'), rows('z'), { declarationId: 'declared 4' }).events);
    expect(ledger.balance(declared.splitId)!.epsilonSpent).toBe(0);
  });

  it('are never told apart by hashes under different keys', async () => {
    const foreign = dataSet(rows('x'), rows('z'), { declarationId: 'declared 5', keyId: 'other key' });
    const { ledger } = await ledgerWith(first, foreign);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    expect(ledger.balance(foreign.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
  });

  it('place a unit by its hash: held out there, it does not pay for training there', async () => {
    // All units of the second are found in the first: 'a' in training, 'd' held out. Someone not found may be anywhere.
    const swapped = dataSet(rows('d'), rows('a'));
    const { ledger } = await ledgerWith(first, swapped);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    await ledger.charge(charge(swapped, 'training', gaussian(3)));
    // 'd': trained once here, held out there. But an unknown other text of the same person may have trained there: both.
    expect(ledger.balance(swapped.splitId)!.epsilonTraining).toBe(gaussians(3, 2));
    const both = dataSet(rows('d', 'q'), rows('a'));
    await ledger.append([...both.events, budget(both)]);
    expect(ledger.balance(both.splitId)!.epsilonTraining).toBe(gaussians(3, 2));
  });

  it('a unit found in both parts of another data set pays for both', async () => {
    const straddling = dataSet([row('a', 'Ann'), row('same', 'Bob')], [row('same', 'Cy')], { unit: 'person' });
    const later = dataSet([row('same', 'Cy')], [], { unit: 'person' });
    const { ledger } = await ledgerWith(straddling, later);
    await ledger.charge(charge(straddling, 'training', gaussian(3)));
    await ledger.charge(charge(straddling, 'held-out', gaussian(4)));
    expect(ledger.balance(later.splitId)!.epsilonTraining).toBe(epsilonOf([{ mechanism: gaussian(3), count: 1 }, { mechanism: gaussian(4), count: 1 }]));
    // Within its own data set the parts stay parallel: Bob and Cy are different persons with one text.
    expect(ledger.balance(straddling.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
  });

  it('weigh a charge for rows by the rows of a person, for persons', async () => {
    const byRow = dataSet([row('1', 'Ann'), row('2', 'Ann'), row('3', 'Ann'), row('4', 'Bob')], [row('5', 'Cy')]);
    const byPerson = dataSet([row('1', 'Ann'), row('2', 'Ann'), row('3', 'Ann'), row('4', 'Bob')], [row('5', 'Cy')], { unit: 'person' });
    const { ledger } = await ledgerWith(byRow, byPerson);
    await ledger.charge(charge(byRow, 'training', gaussian(12)));
    await ledger.charge(charge(byRow, 'training', { kind: 'poisson-gaussian', noiseMultiplier: 6, samplingRate: 0.1 }));
    expect(ledger.balance(byPerson.splitId)!.epsilonTraining).toBeCloseTo(
      epsilonOf([{ mechanism: gaussian(4), count: 1 }, { mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 2, samplingRate: 1 - 0.9 ** 3 }, count: 1 }]), 12);
    expect(ledger.balance(byPerson.splitId)!.isUnitMixed).toBe(false);
    // For rows it counts as it is.
    expect(ledger.balance(byRow.splitId)!.epsilonTraining).toBe(epsilonOf([{ mechanism: gaussian(12), count: 1 }, { mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 6, samplingRate: 0.1 }, count: 1 }]));
  });

  it('weigh a charge for rows of unknown persons by the rows that a person is known to have since', async () => {
    const byRow = dataSet(rows('1', '2', '3', '4'), rows('5'));
    const byPerson = dataSet([row('1', 'Ann'), row('2', 'Ann'), row('3', 'Ann'), row('4', 'Bob')], [row('5', 'Cy')], { unit: 'person' });
    const { ledger } = await ledgerWith(byRow, byPerson);
    await ledger.charge(charge(byRow, 'training', gaussian(12)));
    expect(ledger.balance(byPerson.splitId)!.epsilonTraining).toBe(gaussians(4, 1));
    // What the data set of persons does not hold may hold more of Ann.
    expect(ledger.balance(byPerson.splitId)!.isUnitMixed).toBe(true);
  });

  it('learn that the same texts have become more rows of a person', async () => {
    const [once, twice] = [[row('1', 'Ann'), row('2', 'Bob')], [row('1', 'Ann'), row('1', 'Ann'), row('2', 'Bob')]];
    const byPerson = dataSet(once, [], { unit: 'person' });
    const { ledger } = await ledgerWith(dataSet(once, []), byPerson);
    await ledger.append(dataSet(twice, []).events);
    await ledger.charge(charge(dataSet(twice, []), 'training', gaussian(12)));
    expect(ledger.balance(byPerson.splitId)!.epsilonTraining).toBe(gaussians(6, 1));
  });

  it('weigh by the persons that are known where some rows name none', async () => {
    const known = [row('1', 'Ann'), row('2', 'Ann'), row('3', 'Ann'), row('4')];
    const [byRow, byPerson] = [dataSet(known, [row('5', 'Cy')]), dataSet(known, [row('5', 'Cy')], { unit: 'person' })];
    expect(byRow.events.map(({ maximumRowsPerPerson }) => maximumRowsPerPerson)).toEqual([3, 1]);
    const { ledger } = await ledgerWith(byRow, byPerson);
    await ledger.charge(charge(byRow, 'training', gaussian(12)));
    // Ann's three rows, and as many that may name her there and nobody here: who is blank in which file is not known.
    expect(ledger.balance(byPerson.splitId)!.epsilonTraining).toBe(gaussians(2, 1));
  });

  it('say where charges for rows of unknown persons count for persons, and add both parts then', async () => {
    const byPerson = dataSet([row('a', 'Ann')], [row('d', 'Dee')], { unit: 'person' });
    const { ledger } = await ledgerWith(first, byPerson);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    await ledger.charge(charge(first, 'held-out', gaussian(4)));
    const balance = ledger.balance(byPerson.splitId)!;
    expect(balance.isUnitMixed).toBe(true);
    expect(balance.epsilonSpent).toBe(epsilonOf([{ mechanism: gaussian(3), count: 1 }, { mechanism: gaussian(4), count: 1 }]));
  });
});

describe('limits', () => {
  it('refuse the charge that would go past them, and leave the ledger as it was', async () => {
    const { ledger, store } = await ledgerWith(first);
    await ledger.append([budget(first, gaussians(10, 3), 1e-5)]);
    for (let step = 0; step < 3; step++) await ledger.charge(charge(first, 'training', gaussian(10)));
    const before = store.entries.length;
    const error = await errorOf(ledger.charge(charge(first, 'training', gaussian(10))));
    expect(error).toMatchObject({ code: 'budget/exhausted', family: 'budget' });
    expect(store.entries.length).toBe(before);
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(gaussians(10, 3));
    // The held-out part has its own.
    await ledger.charge(charge(first, 'held-out', gaussian(10)));
  });

  it('of every data set that shares people bind', async () => {
    const other = dataSet(rows('x'), rows('z'));
    const { ledger } = await ledgerWith(first, other);
    await ledger.append([budget(first, gaussians(3, 1))]);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    expect((await errorOf(ledger.charge(charge(other, 'training', gaussian(50))))).code).toBe('budget/exhausted-elsewhere');
  });

  it('must be set, and delta only falls', async () => {
    const store = createMemoryLedgerStore();
    const ledger = await Ledger.open(store, () => 0);
    await ledger.append(first.events);
    expect(ledger.balance(first.splitId)).toBeNull();
    expect((await errorOf(ledger.charge(charge(first, 'training', gaussian(3))))).code).toBe('settings/budget-not-set');
    await ledger.append([budget(first, 4, 1e-5)]);
    expect((await errorOf(ledger.append([budget(first, 4, 2e-5)]))).code).toBe('settings/delta-rises');
    await ledger.append([budget(first, 8, 1e-6)]);
    expect(ledger.balance(first.splitId)).toMatchObject({ epsilonLimit: 8, delta: 1e-6 });
    await ledger.append([budget(first, 2, 1e-6)]);
    expect(ledger.balance(first.splitId)!.epsilonLimit).toBe(2);
  });

  it('of one data set are judged at the least delta of all that count', async () => {
    const other = dataSet(rows('x'), rows('z'));
    const { ledger } = await ledgerWith(first);
    await ledger.append([...other.events, budget(other, 10, 1e-7)]);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    expect(ledger.balance(first.splitId)).toMatchObject({ delta: 1e-7, epsilonSpent: epsilonOf([{ mechanism: gaussian(3), count: 1 }], 1e-7) });
  });
});

describe('durability', () => {
  it('resolves a charge only after the store has', async () => {
    const { ledger, store } = await ledgerWith(first);
    let release: () => void = () => undefined;
    store.afterAppend = () => new Promise<void>((resolve) => { release = resolve; });
    let isDone = false;
    const charged = ledger.charge(charge(first, 'training', gaussian(3))).then(() => { isDone = true; });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(isDone).toBe(false);
    release();
    await charged;
    expect(isDone).toBe(true);
  });

  it('counts a charge whose answer was lost, and refuses a second try under the same id', async () => {
    const { ledger, store } = await ledgerWith(first);
    const lost = charge(first, 'training', gaussian(3));
    store.afterAppend = () => { throw new Error('power cut'); };
    await expect(ledger.charge(lost)).rejects.toThrow('power cut');
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
    store.afterAppend = () => undefined;
    expect((await errorOf(ledger.charge(lost))).code).toBe('internal/already-charged');
    expect((await Ledger.open(store, () => 0)).balance(first.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
  });

  it('does not count a charge that was never written', async () => {
    const { ledger, store } = await ledgerWith(first);
    store.beforeAppend = () => { throw new Error('disk full'); };
    await expect(ledger.charge(charge(first, 'training', gaussian(3)))).rejects.toThrow('disk full');
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(0);
    store.beforeAppend = () => undefined;
    await ledger.charge(charge(first, 'training', gaussian(3)));
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
  });

  it('counts everything as spent where the store can no longer be read', async () => {
    const { ledger, store } = await ledgerWith(first);
    store.beforeAppend = () => { throw new Error('gone'); };
    store.beforeRead = () => { throw new Error('gone'); };
    await expect(ledger.charge(charge(first, 'training', gaussian(3)))).rejects.toThrow('gone');
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(Infinity);
    expect(await errorOf(ledger.charge(charge(first, 'training', gaussian(3))))).toMatchObject({ code: 'storage/ledger-unreadable', family: 'storage' });
    expect(store.entries).toHaveLength(3);
  });

  it('goes on where the store could not be read for a moment, and counts what was written meanwhile', async () => {
    const { ledger, store } = await ledgerWith(first);
    store.afterAppend = () => { throw new Error('gone'); };
    store.beforeRead = () => { throw new Error('gone'); };
    await expect(ledger.charge(charge(first, 'training', gaussian(10)))).rejects.toThrow('gone');
    store.afterAppend = () => undefined;
    store.beforeRead = () => undefined;
    await ledger.charge(charge(first, 'training', gaussian(10)));
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(gaussians(10, 2));
  });

  it('two instances over one store see each other: none overwrites, both limits hold', async () => {
    const { ledger, store } = await ledgerWith(first);
    await ledger.append([budget(first, gaussians(10, 3))]);
    const second = await Ledger.open(store, () => 0);
    await ledger.charge(charge(first, 'training', gaussian(10)));
    await second.charge(charge(first, 'training', gaussian(10)));
    await ledger.charge(charge(first, 'training', gaussian(10)));
    expect((await errorOf(second.charge(charge(first, 'training', gaussian(10))))).code).toBe('budget/exhausted');
    expect((await Ledger.open(store, () => 0)).balance(first.splitId)!.epsilonSpent).toBe(gaussians(10, 3));
  });

  it('takes calls in turn: a hundred at once never pass the limit', async () => {
    const { ledger } = await ledgerWith(first);
    await ledger.append([budget(first, gaussians(10, 7))]);
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => ledger.charge(charge(first, 'training', gaussian(10)))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(7);
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(gaussians(10, 7));
  });
});

describe('the chain', () => {
  const damages: Record<string, (store: MemoryLedgerStore) => void> = {
    'an entry is missing at the end': (store) => { store.entries = store.entries.slice(0, -1); },
    'an entry is missing in the middle': (store) => { store.entries.splice(3, 1); },
    'all entries are missing': (store) => { store.entries = []; },
    'the head is missing': (store) => { store.head = null; },
    'the head is older': (store) => { store.head = { count: store.entries.length - 1, hash: store.entries.at(-2)!.hash }; },
    'a noise multiplier was raised': (store) => {
      const entry = store.entries.at(-1)!;
      if (entry.event.kind === 'charge') store.entries[store.entries.length - 1] = { ...entry, event: { ...entry.event, mechanism: gaussian(300) } };
    },
    'two entries changed places': (store) => { [store.entries[3], store.entries[4]] = [store.entries[4]!, store.entries[3]!]; },
    'a hash was changed': (store) => { store.entries[0] = { ...store.entries[0]!, hash: '0'.repeat(64) }; },
    'an event has a value that JSON lacks': (store) => {
      const entry = store.entries.at(-1)!;
      if (entry.event.kind === 'charge') store.entries[store.entries.length - 1] = { ...entry, event: { ...entry.event, mechanism: gaussian(NaN) } };
    },
  };

  it.each(Object.entries(damages))('counts everything as spent where %s', async (_, damage) => {
    const { ledger, store } = await ledgerWith(first);
    for (let step = 0; step < 3; step++) await ledger.charge(charge(first, 'training', gaussian(30)));
    expect((await Ledger.open(store, () => 0)).isChainIntact).toBe(true);
    damage(store);
    const opened = await Ledger.open(store, () => 0);
    expect(opened.isChainIntact).toBe(false);
    expect(opened.balance(first.splitId)).toMatchObject({ epsilonSpent: Infinity, epsilonTraining: Infinity, epsilonHeldOut: Infinity, isChainIntact: false });
    expect(opened.epsilonAfter(first.events[0].cohortId, [])).toBe(Infinity);
    expect((await errorOf(opened.charge(charge(first, 'training', gaussian(30))))).family).toBe('budget');
    expect((await errorOf(opened.append([budget(first)]))).family).toBe('budget');
    expect((await errorOf(opened.merge([budget(first)]))).family).toBe('budget');
  });

  it('is empty and sound at first', async () => {
    const ledger = await Ledger.open(createMemoryLedgerStore(), () => 0);
    expect(ledger).toMatchObject({ isChainIntact: true, head: null, entries: [] });
    expect(ledger.balance('nothing')).toBeNull();
  });
});

describe('merging a project file', () => {
  it('is a union by id that never lowers what is spent, in any order and repeated', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 2, max: 40 }), { maxLength: 6 }), fc.array(fc.integer({ min: 2, max: 40 }), { maxLength: 6 }), async (here, there) => {
      const { ledger } = await ledgerWith(first);
      const shared = ledger.entries.map(({ event }) => event);
      for (const noise of here) await ledger.charge(charge(first, 'training', gaussian(noise)));
      const before = ledger.balance(first.splitId)!.epsilonSpent;
      const foreign: LedgerEvent[] = there.map((noise) => charge(first, 'training', gaussian(noise)));
      await ledger.merge([...shared, ...foreign]);
      const after = ledger.balance(first.splitId)!.epsilonSpent;
      expect(after).toBeGreaterThanOrEqual(before);
      expect(after).toBe(epsilonOf([...here, ...there].map((noise) => ({ mechanism: gaussian(noise), count: 1 }))));
      await ledger.merge([...foreign, ...shared]);
      expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(after);
      expect(ledger.isChainIntact).toBe(true);
    }), { numRuns: 30 });
  });

  it('brings in what was spent past a limit', async () => {
    const { ledger } = await ledgerWith(first);
    await ledger.append([budget(first, 0.1)]);
    await ledger.merge([charge(first, 'training', gaussian(1))]);
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(gaussians(1, 1));
    expect((await errorOf(ledger.charge(charge(first, 'training', gaussian(100))))).code).toBe('budget/exhausted');
  });

  it('does not believe a declaration about data sets that it was not made about', async () => {
    const declared = dataSet(rows('x'), rows('z'), { declarationId: 'declared elsewhere' });
    const { ledger } = await ledgerWith(first);
    await ledger.charge(charge(first, 'training', gaussian(3)));
    await ledger.merge([...declared.events, budget(declared)]);
    expect(ledger.balance(declared.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
    // Where it was made about them, it stands.
    const { ledger: origin } = await ledgerWith(first, declared);
    const { ledger: fresh } = await ledgerWith();
    await fresh.merge(origin.entries.map(({ event }) => event));
    await fresh.charge(charge(first, 'training', gaussian(3)));
    expect(fresh.balance(declared.splitId)!.epsilonSpent).toBe(0);
  });

  it('takes a budget that names fewer of its cohorts as known', async () => {
    const { ledger, store } = await ledgerWith(first);
    const set = budget(first, 7);
    await ledger.append([set]);
    const before = store.entries.length;
    await ledger.merge([{ ...set, cohortIds: [first.events[0].cohortId] }]);
    expect(store.entries.length).toBe(before);
    expect((await errorOf(ledger.merge([{ ...set, epsilonLimit: 70 }]))).code).toBe('input/ledger-conflict');
  });

  it('never takes a cohort that came in pieces under two keys for different people', async () => {
    const pieces = dataSet(rows('x'), rows('z'));
    const { ledger } = await ledgerWith(pieces);
    await ledger.merge([{ ...pieces.events[0], id: newId(), keyId: 'elsewhere', rowHashes: rows('w').map((one) => one.row), personHashes: [] }]);
    await ledger.charge(charge(pieces, 'training', gaussian(3)));
    const declared = dataSet(rows('a'), rows('b'), { declarationId: 'declared of pieces' });
    await ledger.append([...declared.events, budget(declared)]);
    expect(ledger.balance(declared.splitId)!.epsilonTraining).toBe(gaussians(3, 1));
  });

  it('takes other hashes of the same cohort as known, and refuses another story under a known id', async () => {
    const { ledger } = await ledgerWith(first);
    const paid = charge(first, 'training', gaussian(3));
    await ledger.charge(paid);
    await ledger.merge([{ ...first.events[0], rowHashes: [], keyId: 'elsewhere' }]);
    const error = await errorOf(ledger.merge([{ ...paid, mechanism: gaussian(300) }]));
    expect(error.code).toBe('input/ledger-conflict');
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(gaussians(3, 1));
  });
});

describe('malformed events', () => {
  it('are refused and nothing is written', async () => {
    const { ledger, store } = await ledgerWith(first);
    const before = store.entries.length;
    const good = charge(first, 'training', gaussian(3));
    const bad: Promise<void>[] = [
      ledger.charge({ ...good, mechanism: gaussian(0) }), ledger.charge({ ...good, mechanism: gaussian(-1) }), ledger.charge({ ...good, mechanism: gaussian(NaN) }), ledger.charge({ ...good, mechanism: gaussian(Infinity) }),
      ledger.charge({ ...good, mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 1, samplingRate: 1.5 } }),
      ledger.charge({ ...good, cohortId: 'unknown' }), ledger.charge({ ...good, id: '' }),
      ledger.append([good]), ledger.append([{ ...budget(first), delta: 0 }]), ledger.append([{ ...budget(first), epsilonLimit: NaN }]), ledger.append([{ ...budget(first), epsilonLimit: -1 }]), ledger.append([{ ...budget(first), cohortIds: [] }]), ledger.append([{ ...budget(first), cohortIds: ['unknown'] }]),
      ledger.append([{ ...first.events[0], id: newId(), rowHashes: ['short'] }]), ledger.append([{ ...first.events[0], id: newId(), part: 'held-out' }]), ledger.append([{ ...first.events[0], id: newId(), unit: 'person' }]), ledger.append([{ ...first.events[0], id: newId(), maximumRowsPerPerson: 0 }]),
      ledger.merge([{ ...good, cohortId: 'unknown' }]),
    ];
    for (const outcome of await Promise.allSettled(bad)) expect(outcome.status).toBe('rejected');
    expect(store.entries.length).toBe(before);
    expect(ledger.balance(first.splitId)!.epsilonSpent).toBe(0);
  });

  it('of a file, of types that they should not have, are refused by name: what was taken in would stand in the chain for ever', async () => {
    const { ledger, store } = await ledgerWith(first);
    const before = store.entries.length;
    const good = charge(first, 'training', gaussian(3));
    const allowance = { kind: 'allowance', id: 'a', allowanceId: 'a', cohortIds: [good.cohortId], epsilon: 1, delta: 1e-5, givenBy: ['k'] };
    const forged: readonly object[] = [
      ...[undefined, null, 'gaussian', { kind: 'gaussian', noiseMultiplier: '3' }, { kind: 'another', noiseMultiplier: 3 }].map((mechanism) => ({ ...good, mechanism })),
      ...['0.1', true, [0.1], null].map((samplingRate) => ({ ...good, mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 3, samplingRate } })),
      ...[undefined, null, 'poisson', { kind: 'poisson', mean: '5' }].map((law) => ({ ...good, mechanism: { kind: 'repeat-and-select', noiseMultiplier: 3, law } })),
      ...[undefined, null, good.cohortId, [7]].flatMap((cohortIds) => [{ ...budget(first), cohortIds }, { ...allowance, cohortIds }]),
      ...[undefined, 'k', [7]].map((givenBy) => ({ ...allowance, givenBy })),
      ...[null, 'a'.repeat(32), [7], {}].map((rowHashes) => ({ ...first.events[0], id: newId(), rowHashes })),
    ];
    for (const event of forged) expect((await errorOf(ledger.merge([event as LedgerEvent]))).message, JSON.stringify(event)).toMatch(/expected|must|unknown/);
    expect(store.entries.length).toBe(before);
    expect(ledger.bounds.tightly(() => ledger.balance(first.splitId))!.epsilonSpent).toBe(0);
  });

  it('appending twice changes nothing', async () => {
    const { ledger, store } = await ledgerWith(first);
    const before = store.entries.length;
    await ledger.append(first.events);
    const run = { kind: 'run', id: newId(), runId: 'r', state: 'started' } as const;
    await ledger.append([run, run]);
    await ledger.append([run]);
    expect(store.entries.length).toBe(before + 1);
  });
});
