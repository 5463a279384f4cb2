import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareable } from './budget-share.ts';
import { cohortsOf, type HashedRow } from './cohort.ts';
import { composedEpsilon } from './composition.ts';
import type { AllowanceEvent, BudgetEvent, ChargeEvent, CohortEvent, LedgerEvent, Mechanism } from './events.ts';
import { Ledger } from './ledger.ts';
import { createMemoryLedgerStore, type MemoryLedgerStore } from './memory-ledger-store.ts';
import { unitHash } from './unit-hash.ts';

const LIMIT = 4;
const DELTA = 1e-5;
const gaussian = (noiseMultiplier: number): Mechanism => ({ kind: 'gaussian', noiseMultiplier });
const epsilonOf = (noises: readonly number[], delta: number) => composedEpsilon(noises.map((noise) => ({ mechanism: gaussian(noise), count: 1 })), delta).epsilon;
const naming = 'f'.repeat(32);

let counter = 0;
const newId = () => `id ${++counter}`;

/** One note a person; every installation names them by hashes of its own and deals them in its own way. */
function dealt(installation: number, texts = ['a', 'b', 'c', 'd', 'e'], declarationId: string | null = null) {
  const key = new Uint8Array(32).fill(installation + 1);
  const rows = texts.map((text): HashedRow => ({ row: unitHash(key, 'row', text), person: unitHash(key, 'person', text) }));
  const cut = 3 + (installation % 2);
  return cohortsOf({ unit: 'person', keyId: `key ${installation}`, training: rows.slice(0, cut), heldOut: rows.slice(cut), declarationId, personNaming: naming });
}
type DataSet = ReturnType<typeof dealt>;
const budget = (set: DataSet, epsilonLimit = LIMIT, delta = DELTA): BudgetEvent => ({ kind: 'budget', id: newId(), cohortIds: set.events.map(({ cohortId }) => cohortId), epsilonLimit, delta });
const charge = (set: DataSet, noise: number, part: 0 | 1 = 0): ChargeEvent => ({ kind: 'charge', id: newId(), cohortId: set.events[part].cohortId, runId: 'run', step: 1, purpose: 'gradient', mechanism: gaussian(noise) });

interface Installation {
  readonly number: number;
  readonly ledger: Ledger;
  readonly store: MemoryLedgerStore;
  readonly set: DataSet;
}

async function installation(number: number): Promise<Installation> {
  const store = createMemoryLedgerStore();
  return { number, store, ledger: await Ledger.open(store, () => 0), set: dealt(number) };
}

async function origin(): Promise<Installation> {
  const here = await installation(0);
  await here.ledger.append([...here.set.events, budget(here.set)]);
  return here;
}

/** What a file of all notes carries from one installation to another, as the shell enters it. */
function fileEvents(from: Installation, to: Installation, allowance: Pick<AllowanceEvent, 'id' | 'epsilon' | 'delta'>): LedgerEvent[] {
  const events = from.ledger.entries.map(({ event }) => event);
  const cohorts = events.flatMap((event): CohortEvent[] => {
    if (event.kind !== 'cohort') return [];
    const units = dealt(to.number).events.map(({ rowHashes = [], personHashes = [] }) => ({ rowHashes, personHashes }));
    // Positions tell which notes are in a part; here that of the same number of notes.
    const all = [...units[0]!.rowHashes, ...units[1]!.rowHashes].sort();
    const persons = [...units[0]!.personHashes, ...units[1]!.personHashes].sort();
    const [start, end] = event.part === 'training' ? [0, event.rowHashes?.length ?? 0] : [all.length - (event.rowHashes?.length ?? 0), all.length];
    return [{ ...event, keyId: `key ${to.number}`, rowHashes: all.slice(start, end), personHashes: persons.slice(start, end) }];
  });
  const rest = events.filter((event) => event.kind === 'charge' || (event.kind === 'budget' && !event.share));
  return [...cohorts, ...rest, { kind: 'allowance', allowanceId: allowance.id, cohortIds: cohorts.map(({ cohortId }) => cohortId), givenBy: [`key ${from.number}`], ...allowance }];
}

/** A copy elsewhere that brought `epsilon` along, taken from where it comes from. */
async function copyOf(from: Installation, number: number, epsilon: number): Promise<Installation> {
  const id = newId();
  const delta = epsilon > 0 ? await from.ledger.share(from.set.splitId, { id, epsilon }, []) : (from.ledger.balance(from.set.splitId)?.delta ?? DELTA);
  const copy = await installation(number);
  await copy.ledger.merge(fileEvents(from, copy, { id, epsilon, delta }));
  await copy.ledger.append([...copy.set.events, budget(copy.set, LIMIT, delta)]);
  return copy;
}

const left = ({ ledger, set }: Installation) => shareable(ledger.preview([]), set.splitId)!.epsilon;
const code = (promise: Promise<unknown>) => promise.then(() => null, (error: { code?: string }) => error.code ?? String(error));

describe('a share of the budget', () => {
  it('falls from the limit and halves delta, durably and at once', async () => {
    const here = await origin();
    await here.ledger.charge(charge(here.set, 5));
    let appends = 0;
    here.store.beforeAppend = () => void appends++;
    expect(await here.ledger.share(here.set.splitId, { id: 'share', epsilon: 1.5 }, [])).toBe(DELTA / 2);
    expect(appends).toBe(1);
    expect(here.store.entries.at(-1)!.event).toMatchObject({ kind: 'budget', epsilonLimit: 2.5, delta: DELTA / 2, share: { id: 'share', epsilon: 1.5 } });
    expect(here.ledger.balance(here.set.splitId)).toMatchObject({ epsilonLimit: 2.5, delta: DELTA / 2, epsilonSpent: epsilonOf([5], DELTA / 2) });
  });

  it('begins with the cohorts and the first budget where the ledger does not know the notes', async () => {
    const here = await installation(0);
    await here.ledger.share(here.set.splitId, { id: 'share', epsilon: 1 }, [...here.set.events, budget(here.set)]);
    expect(here.ledger.balance(here.set.splitId)).toMatchObject({ epsilonLimit: 3, epsilonSpent: 0 });
  });

  it('is at most what is left at half the delta; more is refused and nothing is written', async () => {
    const here = await origin();
    await here.ledger.charge(charge(here.set, 2));
    const most = LIMIT - epsilonOf([2], DELTA / 2);
    expect(left(here)).toBeCloseTo(most, 12);
    const before = here.store.entries.length;
    expect(await code(here.ledger.share(here.set.splitId, { id: 'a', epsilon: most + 1e-6 }, []))).toBe('settings/share-too-large');
    for (const epsilon of [0, -1, Number.NaN, Infinity]) expect(await code(here.ledger.share(here.set.splitId, { id: 'a', epsilon }, []))).toBe('settings/out-of-range');
    expect(here.store.entries.length).toBe(before);
    await here.ledger.share(here.set.splitId, { id: 'a', epsilon: most }, []);
    expect(left(here)).toBeCloseTo(0, 9);
    expect(await code(here.ledger.charge(charge(here.set, 20)))).toBe('budget/exhausted');
  });

  it('is looked up anew where another tab has spent in between', async () => {
    const here = await origin();
    const stale = await Ledger.open(here.store, () => 0);
    await here.ledger.charge(charge(here.set, 1.2));
    expect(await code(stale.share(here.set.splitId, { id: 'a', epsilon: 3 }, []))).toBe('settings/share-too-large');
  });

  it('is lost by every data set that may hold the same people', async () => {
    const here = await origin();
    const other = dealt(0, ['x', 'y', 'z', 'u']);
    await here.ledger.append([...other.events, budget(other, 2)]);
    // The other data set has less left, so no more than that can go.
    expect(left(here)).toBe(2);
    await here.ledger.share(here.set.splitId, { id: 'a', epsilon: 0.5 }, []);
    expect(here.ledger.balance(other.splitId)!.epsilonLimit).toBe(1.5);
    expect(here.ledger.balance(here.set.splitId)!.epsilonLimit).toBe(3.5);
    const declared = dealt(0, ['p', 'q', 'r', 's'], 'declared');
    await here.ledger.append([...declared.events, budget(declared)]);
    await here.ledger.share(here.set.splitId, { id: 'b', epsilon: 0.5 }, []);
    expect(here.ledger.balance(declared.splitId)!.epsilonLimit).toBe(LIMIT);
  });

  it('is refused where the store fails or the chain is broken', async () => {
    const here = await origin();
    here.store.beforeAppend = () => Promise.reject(new Error('no disk'));
    await expect(here.ledger.share(here.set.splitId, { id: 'a', epsilon: 1 }, [])).rejects.toThrow('no disk');
    here.store.head = null;
    expect(await code((await Ledger.open(here.store, () => 0)).share(here.set.splitId, { id: 'b', epsilon: 1 }, []))).toBe('budget/ledger-broken');
  });
});

describe('an allowance', () => {
  /** Noise that spends this much and not a hair more. */
  const noiseFor = (epsilon: number, delta: number) => {
    let [low, high] = [0.01, 1e6];
    for (let round = 0; round < 200; round++) {
      const middle = Math.sqrt(low * high);
      if (epsilonOf([middle], delta) <= epsilon) high = middle;
      else low = middle;
    }
    return high;
  };

  it('lets a copy spend what it brought, and no more, whatever the limit leaves', async () => {
    const here = await origin();
    await here.ledger.charge(charge(here.set, 6));
    const copy = await copyOf(here, 1, 1);
    expect(copy.ledger.balance(copy.set.splitId)).toMatchObject({ allowance: { epsilon: 1, epsilonSpent: 0 }, delta: DELTA / 2 });
    await copy.ledger.charge(charge(copy.set, noiseFor(1, DELTA / 2)));
    expect(copy.ledger.balance(copy.set.splitId)!.allowance!.epsilonSpent).toBeCloseTo(1, 9);
    expect(copy.ledger.balance(copy.set.splitId)!.epsilonSpent).toBeLessThan(LIMIT);
    expect(await code(copy.ledger.charge(charge(copy.set, 100)))).toBe('budget/allowance-exhausted');
    // Dealt in another way, the notes are the same.
    const again = dealt(1, ['e', 'd', 'c', 'b', 'a']);
    await copy.ledger.append([...again.events, budget(again, LIMIT, DELTA / 2)]);
    expect(await code(copy.ledger.charge(charge(again, 100)))).toBe('budget/allowance-exhausted');
  });

  it('of nothing refuses every charge, of these notes and of those that may be about the same people', async () => {
    const copy = await copyOf(await origin(), 1, 0);
    expect(await code(copy.ledger.charge(charge(copy.set, 1e6)))).toBe('budget/no-allowance');
    const other = dealt(1, ['x', 'y', 'z', 'u']);
    await copy.ledger.append([...other.events, budget(other)]);
    expect(await code(copy.ledger.charge(charge(other, 100)))).toBe('budget/no-allowance');
    await copy.ledger.append(dealt(1, ['x', 'y', 'z', 'u'], 'declared').events);
    await copy.ledger.charge(charge(other, 100));
  });

  it('gives way to a later one for the same notes, and not to a smaller one while more is left', async () => {
    const here = await origin();
    const copy = await copyOf(here, 1, 0);
    const file = async (epsilon: number) => {
      const id = newId();
      const delta = epsilon > 0 ? await here.ledger.share(here.set.splitId, { id, epsilon }, []) : DELTA;
      return fileEvents(here, copy, { id, epsilon, delta });
    };
    const withShare = await file(1);
    await copy.ledger.merge(withShare);
    const allowance = () => copy.ledger.balance(copy.set.splitId)!.allowance!;
    expect(allowance()).toEqual({ epsilon: 1, epsilonSpent: 0 });
    await copy.ledger.charge(charge(copy.set, 12));
    const spent = allowance().epsilonSpent;
    const count = copy.store.entries.length;
    await copy.ledger.merge(withShare);
    await copy.ledger.merge(await file(0));
    await copy.ledger.merge(await file(0.1));
    expect(copy.store.entries.length).toBe(count);
    expect(allowance()).toEqual({ epsilon: 1, epsilonSpent: spent });
    await copy.ledger.merge(await file(1));
    expect(allowance()).toEqual({ epsilon: 1, epsilonSpent: 0 });
    // Opened once more, the first file brings nothing anew.
    await copy.ledger.charge(charge(copy.set, noiseFor(1, DELTA / 8)));
    await copy.ledger.merge(withShare);
    expect(await code(copy.ledger.charge(charge(copy.set, 100)))).toBe('budget/allowance-exhausted');
  });

  it('does not give way to one for some of its notes', async () => {
    const copy = await copyOf(await origin(), 1, 0);
    const part = dealt(1, ['a', 'b', 'c', 'd']);
    await copy.ledger.merge([...part.events, { kind: 'allowance', id: 'part', allowanceId: 'part', cohortIds: part.events.map(({ cohortId }) => cohortId), epsilon: 2, delta: 1e-6, givenBy: ['key 9'] }]);
    expect(await code(copy.ledger.charge(charge(copy.set, 100)))).toBe('budget/no-allowance');
  });

  it('is not spent by what others charged and a file tells of', async () => {
    const here = await origin();
    const copy = await copyOf(here, 1, 1);
    await here.ledger.charge(charge(here.set, 3));
    const before = copy.ledger.balance(copy.set.splitId)!;
    await copy.ledger.merge(here.ledger.entries.flatMap(({ event }) => (event.kind === 'charge' ? [event] : [])));
    const after = copy.ledger.balance(copy.set.splitId)!;
    expect(after.epsilonSpent).toBeGreaterThan(before.epsilonSpent);
    expect(after.allowance).toEqual(before.allowance);
    // Nobody passes a charge of their own off as another's.
    expect(await code(copy.ledger.charge({ ...charge(copy.set, 100), isFromFile: true }))).toBe('internal/ledger-event');
  });

  it('falls with a further copy, and comes by a file or by a share alone', async () => {
    const here = await origin();
    const copy = await copyOf(here, 1, 1);
    await copy.ledger.charge(charge(copy.set, 12));
    const most = 1 - epsilonOf([12], DELTA / 4);
    expect(left(copy)).toBeCloseTo(most, 12);
    const second = await copyOf(copy, 2, most);
    expect(second.ledger.balance(second.set.splitId)!.allowance).toEqual({ epsilon: most, epsilonSpent: 0 });
    expect(await code(copy.ledger.charge(charge(copy.set, 100)))).toBe('budget/allowance-exhausted');
    expect(await code(second.ledger.charge(charge(second.set, noiseFor(most, DELTA / 4))))).toBeNull();
    const forged: AllowanceEvent = { kind: 'allowance', id: newId(), allowanceId: newId(), cohortIds: copy.ledger.cohortIds, epsilon: 50, delta: DELTA, givenBy: [] };
    expect(await code(copy.ledger.append([forged]))).toBe('internal/ledger-event');
  });

  it('is checked before it is written, and read back as it was', async () => {
    const here = await origin();
    const copy = await copyOf(here, 1, 1);
    const good: AllowanceEvent = { kind: 'allowance', id: newId(), allowanceId: 'x', cohortIds: copy.ledger.cohortIds, epsilon: 3, delta: DELTA, givenBy: ['k'] };
    const bad = [{ ...good, epsilon: -1 }, { ...good, epsilon: Number.NaN }, { ...good, delta: 0 }, { ...good, delta: 1 }, { ...good, cohortIds: [] }, { ...good, cohortIds: ['unknown'] }, { ...good, allowanceId: '' }];
    const count = copy.store.entries.length;
    for (const event of bad) expect(await code(copy.ledger.merge([event]))).not.toBeNull();
    expect(copy.store.entries.length).toBe(count);
    const reopened = await Ledger.open(copy.store, () => 0);
    expect(reopened.isChainIntact).toBe(true);
    expect(reopened.balance(copy.set.splitId)).toEqual(copy.ledger.balance(copy.set.splitId));
  });
});

describe('copies that train apart', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('charge' as const), who: fc.nat({ max: 11 }), noise: fc.integer({ min: 4, max: 40 }), times: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('share' as const), who: fc.nat({ max: 11 }), tenths: fc.integer({ min: 0, max: 10 }) }) },
  );

  it('spend no more than the limit together, however the budget was shared out and by whom', async () => {
    let copiesCharged = 0;
    let fullest = 0;
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 30, size: 'max' }), async (steps) => {
      const all = [await origin()];
      const charged: number[] = [];
      for (const one of steps) {
        const here = all[one.who % all.length]!;
        if (one.kind === 'share') {
          const most = left(here);
          if (all.length < 4) all.push(await copyOf(here, all.length, (most * one.tenths) / 10));
          continue;
        }
        for (let time = 0; time < one.times; time++) {
          if ((await code(here.ledger.charge(charge(here.set, one.noise / 2)))) !== null) break;
          charged.push(one.noise / 2);
          if (here.number > 0) copiesCharged++;
        }
      }
      // Exact composition of all that anybody charged, as if one person had been in every training part.
      const together = epsilonOf(charged, DELTA);
      fullest = Math.max(fullest, together);
      expect(together).toBeLessThanOrEqual(LIMIT * (1 + 1e-9));
    }), { numRuns: 25, seed: 7 });
    // The test would say nothing if copies had never charged, or never come near.
    expect(copiesCharged).toBeGreaterThan(60);
    expect(fullest).toBeGreaterThan(LIMIT * 0.7);
  });

  it('would spend more than the limit without the rule', async () => {
    const here = await origin();
    const twin = await origin();
    for (const one of [here, twin]) while ((await code(one.ledger.charge(charge(one.set, 3)))) === null);
    const noises = [here, twin].flatMap(({ ledger }) => ledger.entries.flatMap(({ event }) => (event.kind === 'charge' ? [event.mechanism.noiseMultiplier] : [])));
    expect(epsilonOf(noises, DELTA)).toBeGreaterThan(LIMIT);
  });
});
