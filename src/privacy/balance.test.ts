import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, utf8ToBytes } from '../ground/bytes.ts';
import { isWithin, LedgerState } from './balance.ts';
import { createGradientAccumulator } from './clipping.ts';
import { cohortsOf, type HashedRow } from './cohort.ts';
import { composedEpsilon, type Charge } from './composition.ts';
import type { ChargeEvent, CohortEvent, DataPart, LedgerEvent, Mechanism, PrivacyUnit } from './events.ts';
import { forSeveralUnits } from './exposure.ts';

const hash = (text: string) => bytesToHex(sha256(utf8ToBytes(text))).slice(0, 32);
const gaussian = (noiseMultiplier: number): Mechanism => ({ kind: 'gaussian', noiseMultiplier });
const delta = 1e-5;
const epsilonOf = (...charges: readonly Charge[]) => composedEpsilon(charges, delta).epsilon;
const once = (noiseMultiplier: number): Charge => ({ mechanism: gaussian(noiseMultiplier), count: 1 });

let counter = 0;
const newId = () => `id ${++counter}`;

/** A note with what every column says of it. */
interface Truth {
  readonly text: string;
  readonly patient: string;
  readonly encounter: string;
}
type Naming = 'patient' | 'encounter' | 'nobody';
interface Deal {
  readonly naming: Naming;
  readonly unit: PrivacyUnit;
  readonly share: number;
}

/** As the shell deals: by the person where one is named, else by the text. */
const isHeldOut = (unit: string, share: number) => Number.parseInt(hash(`split ${unit}`).slice(0, 6), 16) / 2 ** 24 < share;
const personOf = ({ naming }: Deal, note: Truth) => (naming === 'nobody' ? null : note[naming]);
const dealtBy = (deal: Deal, note: Truth) => personOf(deal, note) ?? note.text;

interface DataSet {
  readonly splitId: string;
  readonly events: readonly [CohortEvent, CohortEvent];
}
function dealt(deal: Deal, notes: readonly Truth[]): DataSet {
  const hashed = (part: readonly Truth[]) => part.map((note): HashedRow => ({ row: hash(`row ${note.text}`), person: deal.naming === 'nobody' ? null : hash(`person ${personOf(deal, note)}`) }));
  const [training, heldOut] = [false, true].map((isOut) => hashed(notes.filter((note) => isHeldOut(dealtBy(deal, note), deal.share) === isOut)));
  return cohortsOf({ unit: deal.unit, keyId: 'key', training: training!, heldOut: heldOut!, declarationId: null, personNaming: deal.naming === 'nobody' ? null : hash(deal.naming) });
}
const budget = (set: DataSet, epsilonLimit = 1e6): LedgerEvent => ({ kind: 'budget', id: newId(), cohortIds: set.events.map(({ cohortId }) => cohortId), epsilonLimit, delta });
const charge = (set: DataSet, part: DataPart, mechanism: Mechanism): ChargeEvent => ({ kind: 'charge', id: newId(), cohortId: set.events[part === 'training' ? 0 : 1].cohortId, runId: 'run', step: 1, purpose: 'gradient', mechanism });
const stateOf = (sets: readonly DataSet[], charges: readonly ChargeEvent[] = []) => new LedgerState([...sets.flatMap((set) => [...set.events, budget(set)]), ...charges]);

/** Patients of one to three encounters with one or two notes each. */
function notesOf(patients: number): Truth[] {
  return Array.from({ length: patients }, (_, p) => p).flatMap((p) =>
    Array.from({ length: 1 + (p % 3) }, (_, e) => e).flatMap((e) => Array.from({ length: 1 + ((p + e) % 2) }, (_, n) => ({ text: `${p} ${e} ${n}`, patient: `p${p}`, encounter: `e${p} ${e}` }))));
}

describe('one file whose person column is switched', () => {
  const notes = notesOf(12);
  const byPatient: Deal = { naming: 'patient', unit: 'person', share: 0.4 };
  const byEncounter: Deal = { naming: 'encounter', unit: 'person', share: 0.4 };
  const [patients, encounters] = [dealt(byPatient, notes), dealt(byEncounter, notes)];
  const rowsOfAPatient = patients.events[0].maximumRowsPerPerson!;

  it('lets the worst patient pay for training under the one naming and for validation under the other', () => {
    const straddles = notes.some((a) => notes.some((b) => a.patient === b.patient && isHeldOut(dealtBy(byEncounter, a), 0.4) && !isHeldOut(dealtBy(byEncounter, b), 0.4)));
    expect(straddles).toBe(true);
    const state = stateOf([patients, encounters], [charge(patients, 'training', gaussian(20)), charge(encounters, 'held-out', gaussian(30))]);
    // An encounter of several notes may be of other patients too, as far as hashes say: it counts as two.
    const asParts = 2 * rowsOfAPatient;
    const both = epsilonOf(once(20), { mechanism: forSeveralUnits(gaussian(30), asParts), count: 1 });
    expect(state.balance(patients.splitId)).toMatchObject({ epsilonTraining: both, isUnitMixed: true });
    // Both parts of the other dealing as well, though an encounter lies in one of them.
    const more = new LedgerState([charge(encounters, 'training', gaussian(40))], state);
    expect(more.balance(patients.splitId)!.epsilonTraining).toBe(epsilonOf(once(20), { mechanism: forSeveralUnits(gaussian(30), asParts), count: 1 }, { mechanism: forSeveralUnits(gaussian(40), asParts), count: 1 }));
    // And an encounter may be of any patient of hers: one that trains there.
    expect(more.balance(encounters.splitId)!.epsilonHeldOut).toBe(epsilonOf(once(30), { mechanism: forSeveralUnits(gaussian(20), 2 * encounters.events[1].maximumRowsPerPerson!), count: 1 }));
  });

  it('refuses the charge under the one naming that the other has no room for', () => {
    const sets = [patients, encounters];
    const state = new LedgerState([...sets.flatMap((set) => set.events), budget(patients, epsilonOf(once(20)) * 1.0001), budget(encounters), charge(patients, 'training', gaussian(20))]);
    expect(state.refusal(encounters.splitId, { 'held-out': [once(30)] })).toMatchObject({ kind: 'limit', splitId: patients.splitId });
    expect(state.refusal(encounters.splitId, { 'held-out': [once(1e6)] })).toBeNull();
  });

  it('keeps the parts parallel where the naming stays and the share or the unit changes', () => {
    const [wider, byRow] = [dealt({ ...byPatient, share: 0.6 }, notes), dealt({ ...byPatient, unit: 'row' }, notes)];
    for (const other of [wider, byRow]) {
      const state = stateOf([patients, other], [charge(other, 'training', gaussian(200)), charge(other, 'held-out', gaussian(20))]);
      const rows = other === byRow ? byRow.events[1].maximumRowsPerPerson! : 1;
      expect(state.balance(patients.splitId)).toMatchObject({ epsilonSpent: epsilonOf({ mechanism: forSeveralUnits(gaussian(20), rows), count: 1 }), isUnitMixed: false });
    }
  });

  it('adds the parts where some rows of the other data set name nobody', () => {
    const partly = cohortsOf({ unit: 'person', keyId: 'key', training: [{ row: hash('row x'), person: hash('person p0') }], heldOut: [{ row: hash('row y'), person: null }], declarationId: null, personNaming: hash('patient') });
    const state = stateOf([patients, partly], [charge(partly, 'training', gaussian(30)), charge(partly, 'held-out', gaussian(20))]);
    // All her rows may be among those that name nobody.
    expect(state.balance(patients.splitId)).toMatchObject({ epsilonTraining: epsilonOf(once(30), { mechanism: forSeveralUnits(gaussian(20), rowsOfAPatient), count: 1 }), isUnitMixed: true });
  });

  it('counts every row of a patient where the same notes come again with most of their persons blank', () => {
    const visits = Array.from({ length: 80 }, (_, p) => Array.from({ length: 5 }, (_, n) => ({ row: hash(`row ${p} ${n}`), person: hash(`person ${p}`) }))).flat();
    const set = (rows: readonly HashedRow[]) => cohortsOf({ unit: 'person', keyId: 'key', training: rows, heldOut: [], declarationId: null, personNaming: hash('patient') });
    const [named, blank] = [set(visits), set(visits.map(({ row, person }, index) => ({ row, person: index % 5 === 0 ? person : null })))];
    const state = stateOf([named, blank], [charge(named, 'training', gaussian(20)), charge(blank, 'training', gaussian(30))]);
    expect(state.balance(named.splitId)).toMatchObject({ epsilonSpent: epsilonOf(once(20), once(30 / 5)), isUnitMixed: true });
  });

  it('takes persons of one header for different ones where the rows that are in both files say so', () => {
    const five = Array.from({ length: 10 }, (_, p) => Array.from({ length: 5 }, (_, n) => ({ row: hash(`row ${p} ${n}`), person: hash(`person ${p}`) }))).flat();
    const set = (rows: readonly HashedRow[]) => cohortsOf({ unit: 'person', keyId: 'key', training: rows, heldOut: [], declarationId: null, personNaming: hash('id') });
    const spentBy = (rows: readonly HashedRow[]) => {
      const [first, second] = [set(five), set(rows)];
      return stateOf([first, second], [charge(second, 'training', gaussian(30))]).balance(first.splitId)!;
    };
    const once30 = epsilonOf(once(30));
    const fiveTimes = epsilonOf(once(30 / 5));
    // Visits; and visits whose numbers are in part those of patients.
    expect(spentBy(five.map(({ row }, index) => ({ row, person: hash(`visit ${index}`) })))).toMatchObject({ epsilonSpent: fiveTimes, isUnitMixed: true });
    expect(spentBy(five.map(({ row }, index) => ({ row, person: hash(`person ${index}`) })))).toMatchObject({ epsilonSpent: fiveTimes, isUnitMixed: true });
    // The file of a later day, a part of it, and a file about others.
    for (const rows of [[...five, { row: hash('row new'), person: hash('person new') }], five.slice(0, 7), [{ row: hash('row new'), person: hash('person new') }]]) {
      expect(spentBy(rows)).toMatchObject({ epsilonSpent: once30, isUnitMixed: false });
    }
  });

  it('takes a text that stands in several rows for one unit among rows, and for several persons', () => {
    const lines = Array.from({ length: 30 }, (_, i) => ({ row: hash(`row ${i % 10}`), person: null }));
    const [byRow, other] = [{ unit: 'row' as const, rows: lines }, { unit: 'row' as const, rows: lines.slice(0, 10) }].map(({ unit, rows }) => cohortsOf({ unit, keyId: 'key', training: rows, heldOut: [], declarationId: null }));
    const persons = cohortsOf({ unit: 'person', keyId: 'key', training: lines.map(({ row }, i) => ({ row, person: hash(`person ${i}`) })), heldOut: [], declarationId: null, personNaming: hash('patient') });
    const spent = (sets: readonly DataSet[], charged: DataSet) => stateOf(sets, [charge(charged, 'training', gaussian(30))]).balance(sets[0]!.splitId)!.epsilonSpent;
    expect(spent([byRow!], byRow!)).toBe(epsilonOf(once(30)));
    expect(spent([byRow!, other!], other!)).toBe(epsilonOf(once(30)));
    // Three persons, of whom nobody knows that they have no other rows: a text shared by several makes its persons' rows count as two.
    expect(spent([byRow!, persons], persons)).toBe(epsilonOf(once(5)));
    expect(spent([other!, persons], persons)).toBe(epsilonOf(once(5)));
  });

  it('adds the parts for a text that two persons bring into both of them', () => {
    const set = cohortsOf({ unit: 'row', keyId: 'key', training: [{ row: hash('row x'), person: hash('person a') }], heldOut: [{ row: hash('row x'), person: hash('person b') }], declarationId: null, personNaming: hash('patient') });
    const state = stateOf([set], [charge(set, 'training', gaussian(30)), charge(set, 'held-out', gaussian(20))]);
    expect(state.balance(set.splitId)!.epsilonTraining).toBe(epsilonOf(once(30), once(20)));
  });

  it('adds the parts where persons lie in both of them', () => {
    const rows = [{ row: hash('row x'), person: hash('person q') }, { row: hash('row y'), person: hash('person q') }];
    const overlapping = cohortsOf({ unit: 'row', keyId: 'key', training: [rows[0]!], heldOut: [rows[1]!], declarationId: null, personNaming: hash('patient') });
    const state = stateOf([patients, overlapping], [charge(overlapping, 'training', gaussian(30)), charge(overlapping, 'held-out', gaussian(20))]);
    expect(state.balance(patients.splitId)!.epsilonTraining).toBe(epsilonOf(once(30), once(20)));
  });
});

describe('events of before rows and persons were told apart', () => {
  const notes = notesOf(8);
  const deal: Deal = { naming: 'patient', unit: 'person', share: 0.4 };
  const now = dealt(deal, notes);
  const older = (event: CohortEvent): CohortEvent => {
    const { rowHashes = [], personHashes = [], personNaming: _, hasUnnamedRows: __, ...rest } = event;
    return { ...rest, hashes: [...rowHashes, ...personHashes].sort() };
  };
  const old: DataSet = { splitId: now.splitId, events: [older(now.events[0]), older(now.events[1])] };

  it('go on being paid from by the same data set', () => {
    const state = stateOf([old], [charge(old, 'training', gaussian(20))]);
    const again = new LedgerState([...now.events, charge(now, 'training', gaussian(20))], state);
    expect(again.balance(now.splitId)!.epsilonTraining).toBe(epsilonOf({ mechanism: gaussian(20), count: 2 }));
  });

  it('never cost another data set less than events that say more', () => {
    const wider = dealt({ ...deal, share: 0.6 }, notes);
    const charges = [charge(now, 'training', gaussian(20)), charge(now, 'held-out', gaussian(30))];
    const [said, unsaid] = [stateOf([now, wider], charges), stateOf([old, wider], charges)].map((state) => state.balance(wider.splitId)!.epsilonSpent);
    expect(unsaid).toBeGreaterThan(said!);
  });

  it('prove a declaration wrong by a row as by a person', () => {
    const declared = (rows: readonly HashedRow[]) => cohortsOf({ unit: 'person', keyId: 'key', training: rows, heldOut: [], declarationId: newId(), personNaming: hash('patient') });
    const stranger = { row: hash('row elsewhere'), person: hash('person elsewhere') };
    for (const [rows, counts] of [[[stranger], false], [[{ ...stranger, row: now.events[0].rowHashes![0]! }], true], [[{ ...stranger, person: now.events[0].personHashes![0]! }], true]] as const) {
      const set = declared(rows);
      expect(stateOf([old, set]).counts(old.splitId, set.splitId)).toBe(counts);
      expect(stateOf([now, set]).counts(now.splitId, set.splitId)).toBe(counts);
    }
  });
});

const deals = fc.record<Deal>({ naming: fc.constantFrom('patient', 'encounter', 'nobody'), unit: fc.constantFrom('row', 'person'), share: fc.constantFrom(0.2, 0.4, 0.6) }).filter(({ naming, unit }) => naming !== 'nobody' || unit === 'row');
const mechanisms: fc.Arbitrary<Mechanism> = fc.oneof(
  fc.constantFrom(20, 60).map(gaussian),
  fc.constantFrom(4, 9).map((noiseMultiplier): Mechanism => ({ kind: 'poisson-gaussian', noiseMultiplier, samplingRate: 0.1 })),
);
const world = fc.record({
  patients: fc.integer({ min: 2, max: 8 }),
  deals: fc.uniqueArray(deals, { minLength: 1, maxLength: 4, selector: (deal) => JSON.stringify(deal) }),
  charges: fc.array(fc.record({ deal: fc.nat(), part: fc.constantFrom<DataPart>('training', 'held-out'), mechanism: mechanisms }), { maxLength: 6 }),
});

/** What was charged to one unit: to every cohort once for each of its units that the unit takes along whole, twice for each that it is a part of. Known here, where every column is. */
function truth(own: Deal, unit: string, notes: readonly Truth[], all: readonly Deal[], charges: readonly { readonly deal: Deal; readonly part: DataPart; readonly mechanism: Mechanism }[]): Charge[] {
  const unitOf = (deal: Deal, note: Truth) => (deal.unit === 'row' ? note.text : personOf(deal, note)!);
  const mine = notes.filter((note) => unitOf(own, note) === unit);
  return charges.flatMap(({ deal, part, mechanism }) => {
    const inPart = notes.filter((note) => isHeldOut(dealtBy(deal, note), deal.share) === (part === 'held-out'));
    const there = new Set(mine.filter((note) => inPart.includes(note)).map((note) => unitOf(deal, note)));
    const weight = [...there].reduce((sum, name) => sum + (inPart.every((note) => unitOf(deal, note) !== name || mine.includes(note)) ? 1 : 2), 0);
    return all.includes(deal) && weight > 0 ? [{ mechanism: forSeveralUnits(mechanism, weight), count: 1 }] : [];
  });
}

describe('a balance', () => {
  it('is at least what every unit has really spent, however one file is dealt', () => {
    fc.assert(fc.property(world, ({ patients, deals: all, charges }) => {
      const notes = notesOf(patients);
      const sets = all.map((deal) => dealt(deal, notes));
      const made = charges.map((one) => ({ ...one, index: one.deal % all.length, deal: all[one.deal % all.length]! }));
      const state = stateOf(sets, made.map(({ index, part, mechanism }) => charge(sets[index]!, part, mechanism)));
      all.forEach((own, index) => {
        const units = new Set(notes.map((note) => (own.unit === 'row' ? note.text : personOf(own, note)!)));
        const { epsilonSpent } = state.balance(sets[index]!.splitId)!;
        // The order of a sum may differ.
        for (const unit of units) expect(epsilonOf(...truth(own, unit, notes, all, made))).toBeLessThanOrEqual(epsilonSpent * (1 + 1e-12));
      });
    }), { numRuns: 60 });
  });

  it('never falls by any event', () => {
    fc.assert(fc.property(world, fc.integer({ min: 0, max: 100 }), ({ patients, deals: all, charges }, order) => {
      const notes = notesOf(patients);
      const sets = all.map((deal) => dealt(deal, notes));
      const later: LedgerEvent[] = [...sets.slice(1).flatMap((set) => [...set.events, budget(set)]), ...charges.map((one) => charge(sets[0]!, one.part, one.mechanism))];
      const state = stateOf([sets[0]!]);
      let before = 0;
      for (let step = 0; step < later.length; step++) {
        const [event] = later.splice(order % later.length, 1);
        if (event!.kind !== 'budget') state.add(event!);
        const { epsilonSpent } = state.balance(sets[0]!.splitId)!;
        expect(epsilonSpent).toBeGreaterThanOrEqual(before);
        before = epsilonSpent;
      }
    }), { numRuns: 60 });
  });

  it('is the same however the events were taken in, and a preview leaves its origin alone', () => {
    fc.assert(fc.property(world, ({ patients, deals: all, charges }) => {
      const notes = notesOf(patients);
      const sets = all.map((deal) => dealt(deal, notes));
      const events: LedgerEvent[] = [...sets.flatMap((set) => [...set.events, budget(set)]), ...charges.map((one) => charge(sets[one.deal % sets.length]!, one.part, one.mechanism))];
      const whole = new LedgerState(events);
      const half = new LedgerState(events.slice(0, events.length >> 1));
      const before = sets.map(({ splitId }) => half.balance(splitId));
      const continued = new LedgerState(events.slice(events.length >> 1), half);
      expect(sets.map(({ splitId }) => continued.balance(splitId))).toEqual(sets.map(({ splitId }) => whole.balance(splitId)));
      expect(sets.map(({ splitId }) => half.balance(splitId))).toEqual(before);
    }), { numRuns: 60 });
  });
});

describe('a unit that is only a part of another data set\'s', () => {
  const persons = Array.from({ length: 6 }, (_, p) => [0, 1].map((n) => ({ row: hash(`row ${p} ${n}`), person: hash(`person ${p}`) }))).flat();
  const set = (unit: PrivacyUnit, rows: readonly HashedRow[], naming: string | null) => cohortsOf({ unit, keyId: 'key', training: rows, heldOut: [], declarationId: null, personNaming: naming === null ? null : hash(naming) });
  const spentBy = (own: DataSet, other: DataSet) => stateOf([own, other], [charge(other, 'training', gaussian(30))]).balance(own.splitId)!.epsilonSpent;
  const twice = epsilonOf(once(15));

  it('moves the clipped sum by two clip norms, not one', () => {
    const sumOf = (rows: readonly (readonly number[])[]) => {
      const sum = createGradientAccumulator({ length: 2, clipNorm: 1 });
      sum.addUnit(Float64Array.from(rows.flat()), 0, rows.length);
      return sum.result();
    };
    const [whole, rest] = [sumOf([[10, 0], [-20, 0]]), sumOf([[10, 0], [0, 0]])];
    expect(Math.hypot(...whole.sum.map((value, i) => value - rest.sum[i]!)) / whole.sensitivity).toBeCloseTo(2, 5);
  });

  it('pays twice: a row of a person', () => {
    expect(spentBy(set('row', persons, 'patient'), set('person', persons, 'patient'))).toBe(twice);
    // Whoever is a single row goes whole.
    const single = persons.filter((_, index) => index % 2 === 0);
    expect(spentBy(set('row', single, 'patient'), set('person', single, 'patient'))).toBe(epsilonOf(once(30)));
  });

  it('pays twice: a patient of a ward', () => {
    const patients = persons.filter((_, index) => index % 2 === 0);
    const wards = patients.map(({ row }, index) => ({ row, person: hash(`ward ${index % 2}`) }));
    expect(spentBy(set('person', patients, 'patient'), set('person', wards, 'ward'))).toBe(twice);
  });

  it('pays twice: a person whose text is another one\'s too', () => {
    const one = [{ row: hash('row x'), person: hash('person a') }];
    const both = [0, 1].map(() => ({ row: hash('row x'), person: null }));
    expect(spentBy(set('person', one, 'patient'), set('row', both, null))).toBe(twice);
  });
});

describe('a refusal', () => {
  it('is forecast exactly where some balance would pass its limit, and where the last of the charges would be refused', () => {
    const limits = fc.array(fc.double({ min: 0.2, max: 6, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(fc.property(world, limits, mechanisms, fc.integer({ min: 1, max: 12 }), ({ patients, deals: all, charges }, epsilonLimits, mechanism, count) => {
      const notes = notesOf(patients);
      const sets = all.map((deal) => dealt(deal, notes));
      const state = new LedgerState([...sets.flatMap((set, index) => [...set.events, budget(set, epsilonLimits[index]!)]), ...charges.map((one) => charge(sets[one.deal % sets.length]!, one.part, one.mechanism))]);
      const own = sets[0]!;
      const extra = { training: [{ mechanism, count }] };
      const isOver = sets.some(({ splitId }) => {
        const after = state.bounds.tightly(() => state.balance(splitId, extra, own.splitId))!;
        return !isWithin(after.epsilonSpent, after.epsilonLimit);
      });
      expect(state.refusal(own.splitId, extra) !== null).toBe(isOver);
      for (let step = 1; step < count; step++) state.add(charge(own, 'training', mechanism));
      expect(state.refusal(own.splitId, { training: [{ mechanism, count: 1 }] }) !== null).toBe(isOver);
    }), { numRuns: 40 });
  });

  it('speaks of the data set itself first', () => {
    const notes = notesOf(6);
    const [own, other] = [dealt({ naming: 'patient', unit: 'person', share: 0.4 }, notes), dealt({ naming: 'patient', unit: 'person', share: 0.2 }, notes)];
    const state = new LedgerState([...other.events, budget(other, 0.1), ...own.events, budget(own, 0.1)]);
    expect(state.refusal(own.splitId, { training: [once(5)] })).toMatchObject({ kind: 'limit', splitId: own.splitId });
    expect(new LedgerState([budget(own, 100)], state).refusal(own.splitId, { training: [once(5)] })).toMatchObject({ kind: 'limit', splitId: other.splitId });
    expect(state.tighterThan(own.splitId)).toBeNull();
    expect(new LedgerState([budget(own, 100)], state).tighterThan(own.splitId)).toBe(other.splitId);
  });

  it('finds the splits that hold the same rows, whatever names their persons', () => {
    const notes = notesOf(6);
    const sets = (['patient', 'encounter', 'nobody'] as const).map((naming) => dealt({ naming, unit: 'row', share: 0.4 }, notes));
    const fewer = dealt({ naming: 'patient', unit: 'row', share: 0.4 }, notes.slice(1));
    const state = stateOf([...sets, fewer]);
    expect(state.splitsOfRows(new Set(notes.map(({ text }) => hash(`row ${text}`))))).toEqual(sets.map(({ splitId }) => splitId));
    expect(state.splitsOfRows(new Set())).toEqual([]);
  });
});
