import { describe, expect, it } from 'vitest';
import { cohortsOf, type HashedRow } from '../privacy/cohort.ts';
import type { LedgerEvent } from '../privacy/events.ts';
import { Ledger } from '../privacy/ledger.ts';
import { createMemoryLedgerStore } from '../privacy/memory-ledger-store.ts';
import { keyIdOf, unitHash } from '../privacy/unit-hash.ts';
import { eventsOfShare, olderAllowance, shareLedger, type SharedAllowance, type SharedLedger } from './ledger-share.ts';

const texts = ['one', 'two', 'three', 'four', 'five'];
const persons = ['a', 'a', 'b', 'b', 'c'];
const namingHere = 'a'.repeat(32);
const namingThere = 'b'.repeat(32);
const [here, there] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

function hashed(key: Uint8Array): HashedRow[] {
  return texts.map((text, index) => ({ row: unitHash(key, 'row', text), person: unitHash(key, 'person', persons[index]!) }));
}

function cohorts(key: Uint8Array, rows: readonly HashedRow[]) {
  return cohortsOf({ unit: 'person', keyId: keyIdOf(key), training: rows.slice(0, 4), heldOut: rows.slice(4), declarationId: null, personNaming: key === here ? namingHere : namingThere });
}

async function spentLedger(): Promise<{ ledger: Ledger; splitId: string }> {
  const ledger = await Ledger.open(createMemoryLedgerStore(), () => 0);
  const { splitId, events } = cohorts(here, hashed(here));
  await ledger.append([...events, { kind: 'budget', id: 'budget-1', cohortIds: events.map(({ cohortId }) => cohortId), epsilonLimit: 4, delta: 1e-5 }, { kind: 'run', id: 'run-event', runId: 'run-1', state: 'started' }]);
  for (let step = 1; step <= 3; step++) {
    await ledger.charge({ kind: 'charge', id: `charge-${step}`, cohortId: events[0].cohortId, runId: 'run-1', step, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: 6 } });
  }
  return { ledger, splitId };
}

function share(ledger: Ledger, allowance: SharedAllowance | null = null): SharedLedger {
  return { ...shareLedger(ledger.entries.map(({ event }) => event), new Set(ledger.cohortIds), hashed(here), namingHere), allowance };
}

describe('a ledger that travels with its notes', () => {
  it('carries no hash and no trace of the key', async () => {
    const { ledger } = await spentLedger();
    const text = JSON.stringify(share(ledger));
    for (const { row, person } of hashed(here)) {
      expect(text).not.toContain(row);
      expect(text).not.toContain(person);
    }
    expect(text).not.toContain(namingHere);
  });

  it('spends elsewhere what was spent here, on the same notes dealt anew', async () => {
    const { ledger, splitId } = await spentLedger();
    const elsewhere = await Ledger.open(createMemoryLedgerStore(), () => 0);
    await elsewhere.merge(eventsOfShare(share(ledger), hashed(there), keyIdOf(there), namingThere));
    const dealt = cohorts(there, hashed(there));
    const budget: LedgerEvent = { kind: 'budget', id: 'budget-2', cohortIds: dealt.events.map(({ cohortId }) => cohortId), epsilonLimit: 4, delta: 1e-5 };
    const balance = elsewhere.preview([...dealt.events, budget]).balance(dealt.splitId);
    expect(balance?.epsilonSpent).toBe(ledger.balance(splitId)?.epsilonSpent);
    expect(balance!.epsilonSpent).toBeGreaterThan(0);
  });

  it('counts as persons of another naming where nobody says that it is the same', async () => {
    const { ledger, splitId } = await spentLedger();
    const { cohorts: shared, ...rest } = share(ledger);
    const older = { ...rest, cohorts: shared.map(({ isNamedAlike: _, ...cohort }) => cohort) };
    const elsewhere = await Ledger.open(createMemoryLedgerStore(), () => 0);
    await elsewhere.merge(eventsOfShare(older, hashed(there), keyIdOf(there), namingThere));
    const dealt = cohorts(there, hashed(there));
    const budget: LedgerEvent = { kind: 'budget', id: 'budget-2', cohortIds: dealt.events.map(({ cohortId }) => cohortId), epsilonLimit: 4, delta: 1e-5 };
    expect(elsewhere.preview([...dealt.events, budget]).balance(dealt.splitId)!.epsilonSpent).toBeGreaterThan(ledger.balance(splitId)!.epsilonSpent);
  });

  it('changes nothing where it came from, and nothing when it comes twice', async () => {
    const { ledger, splitId } = await spentLedger();
    const [count, before] = [ledger.entries.length, ledger.balance(splitId)];
    await ledger.merge(eventsOfShare(share(ledger), hashed(here), keyIdOf(here)));
    expect(ledger.entries).toHaveLength(count);
    expect(ledger.balance(splitId)).toEqual(before);
  });

  it('brings its allowance to the notes at hand, and none to an installation that gave it', async () => {
    const { ledger } = await spentLedger();
    const allowance = { id: 'share-1', epsilon: 1, delta: 5e-6, givenBy: [keyIdOf(here)] };
    const arrived = (key: Uint8Array) => eventsOfShare(share(ledger, allowance), hashed(key), keyIdOf(key)).filter(({ kind }) => kind === 'allowance');
    expect(arrived(there)).toEqual([{ kind: 'allowance', ...allowance, allowanceId: 'share-1', cohortIds: cohorts(here, hashed(here)).events.map(({ cohortId }) => cohortId) }]);
    expect(arrived(here)).toEqual([]);
  });

  it('leaves at home what was given away and what was brought along', async () => {
    const { ledger, splitId } = await spentLedger();
    await ledger.share(splitId, { id: 'share-1', epsilon: 1 }, []);
    await ledger.merge([{ kind: 'allowance', id: 'from-elsewhere', allowanceId: 'from-elsewhere', cohortIds: ledger.cohortIds, epsilon: 1, delta: 1e-6, givenBy: ['k'] }]);
    const budgets = share(ledger).events.filter(({ kind }) => kind === 'budget' || kind === 'allowance');
    expect(budgets.map(({ id }) => id)).toEqual(['budget-1']);
  });

  it('takes a file of the first version for a copy that brought nothing, known at home by its key', async () => {
    const { ledger } = await spentLedger();
    const older = olderAllowance(share(ledger));
    expect(older).toMatchObject({ epsilon: 0, delta: 1e-5, givenBy: [keyIdOf(here)] });
    expect(olderAllowance(share(ledger))).toEqual(older);
    expect(olderAllowance({ cohorts: [], events: [] })).toBeNull();
  });

  it('adds what was spent elsewhere to what was spent here', async () => {
    const { ledger, splitId } = await spentLedger();
    const shared = share(ledger);
    const further = shared.events.map((event) => (event.kind === 'charge' ? { ...event, id: `${event.id}-elsewhere` } : event));
    const before = ledger.balance(splitId)!.epsilonSpent;
    await ledger.merge(eventsOfShare({ ...shared, events: further }, hashed(here), keyIdOf(here)));
    expect(ledger.balance(splitId)!.epsilonSpent).toBeGreaterThan(before);
  });

  it('keeps the key of where it was made beside, where not all of its notes are at hand', async () => {
    const { ledger } = await spentLedger();
    const known = ledger.entries.map(({ event }) => event);
    const [few, foreign] = [hashed(here).slice(0, 2), hashed(there).slice(0, 2)];
    const part = { ...shareLedger(known, new Set(ledger.cohortIds), few, namingHere), allowance: null };
    const whole = share(ledger);
    const keysOf = (from: SharedLedger, notes: readonly HashedRow[], isKnown = (_: string) => false) =>
      eventsOfShare(from, notes, keyIdOf(there), namingThere, isKnown).flatMap((event) => (event.kind === 'cohort' && event.part === 'training' ? [event.keyId] : []));
    expect(keysOf(whole, hashed(there))).toEqual([keyIdOf(there)]);
    expect(keysOf(part, foreign)).toEqual([keyIdOf(there), keyIdOf(here)]);
    // Files of before it was told; and what was entered before is not entered as less.
    expect(keysOf({ ...whole, cohorts: whole.cohorts.map(({ isWhole: _, ...cohort }) => cohort) }, hashed(there))).toEqual([keyIdOf(there), keyIdOf(here)]);
    expect(keysOf(part, foreign, () => true)).toEqual([keyIdOf(there)]);
  });

  it('of which a part is at hand counts for other notes whatever is declared, and the rest of it is found when it comes', async () => {
    const { ledger } = await spentLedger();
    const known = ledger.entries.map(({ event }) => event);
    const part: SharedLedger = { ...shareLedger(known, new Set(ledger.cohortIds), hashed(here).slice(0, 2), namingHere), allowance: null };
    const others = cohortsOf({ unit: 'person', keyId: keyIdOf(there), training: hashed(there).slice(2, 4), heldOut: hashed(there).slice(4), declarationId: 'other people', personNaming: namingThere });
    const budget: LedgerEvent = { kind: 'budget', id: 'budget-2', cohortIds: others.events.map(({ cohortId }) => cohortId), epsilonLimit: 4, delta: 1e-5 };
    const elsewhere = await Ledger.open(createMemoryLedgerStore(), () => 0);
    const spent = () => elsewhere.preview([...others.events, budget]).balance(others.splitId)!.epsilonSpent;
    await elsewhere.merge(eventsOfShare(part, hashed(there).slice(0, 2), keyIdOf(there), namingThere));
    expect(spent()).toBeGreaterThan(0);
    for (let time = 0; time < 2; time++) await elsewhere.merge(eventsOfShare(share(ledger), hashed(there), keyIdOf(there), namingThere));
    expect(spent()).toBeGreaterThan(0);
    const held = new Set(elsewhere.entries.flatMap(({ event }) => (event.kind === 'cohort' ? [...(event.rowHashes ?? [])] : [])));
    expect(held).toEqual(new Set(hashed(there).map(({ row }) => row)));
  });
});
