import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../ground/random.ts';
import { LedgerState } from './balance.ts';
import { cohortsOf, type HashedRow } from './cohort.ts';
import type { ChargeEvent, PrivacyUnit } from './events.ts';
import { gaussianEpsilon } from './gaussian.ts';

const delta = 1e-5;
type Part = 'training' | 'held-out';
interface DealtRow extends HashedRow {
  readonly part: Part;
}
interface DataSet {
  readonly unit: PrivacyUnit;
  readonly rows: readonly DealtRow[];
  /** Noise multiplier of what each part was charged. */
  readonly noise: Readonly<Record<Part, number>>;
}
const parts = ['training', 'held-out'] as const;
const hash = (name: string) => name.padStart(32, '0');
const row = (text: string, person: string | null, part: Part): DealtRow => ({ row: hash(`a${text}`), person: person === null ? null : hash(`b${person}`), part });

/** The name of a row's unit of privacy. */
const unitOf = ({ row: text, person }: HashedRow, unit: PrivacyUnit): string => (unit === 'person' && person !== null ? person : text);

/** By how many clip norms the sum over a part moves at most without some rows: one for each unit that goes whole, two for each that loses some of its rows. */
function moved({ rows, unit }: DataSet, part: Part, isGone: (one: DealtRow) => boolean): number {
  const left = new Map<string, { rows: number; gone: number }>();
  for (const one of rows) {
    if (one.part !== part) continue;
    const count = left.get(unitOf(one, unit)) ?? { rows: 0, gone: 0 };
    left.set(unitOf(one, unit), { rows: count.rows + 1, gone: count.gone + (isGone(one) ? 1 : 0) });
  }
  return [...left.values()].reduce((sum, count) => sum + (count.gone === 0 ? 0 : count.gone === count.rows ? 1 : 2), 0);
}

/** What the charges to both data sets come to for the most exposed unit of the first: a person goes with every row that names her, and with those of her texts that name nobody. */
function released(first: DataSet, second: DataSet): number {
  const names = new Set(first.rows.map((one) => unitOf(one, first.unit)));
  const squared = [...names].map((name) => {
    const isOwn = (one: DealtRow) => unitOf(one, first.unit) === name;
    const texts = new Set(first.rows.filter(isOwn).map((one) => one.row));
    const isPerson = first.rows.some((one) => isOwn(one) && one.row !== name);
    const isHers = (one: DealtRow) => (isPerson ? one.person === name || (one.person === null && texts.has(one.row)) : one.row === name);
    return parts.reduce((sum, part) => sum + (moved(first, part, isOwn) / first.noise[part]) ** 2 + (moved(second, part, isHers) / second.noise[part]) ** 2, 0);
  });
  return gaussianEpsilon(Math.sqrt(Math.max(...squared)), delta);
}

/** What the ledger says that the first data set has spent; null where both are one to it. */
function counted(first: DataSet, second: DataSet): number | null {
  const [one, other] = [first, second].map(({ unit, rows }) => cohortsOf({ unit, keyId: 'key', training: rows.filter(({ part }) => part === 'training'), heldOut: rows.filter(({ part }) => part === 'held-out'), declarationId: null, personNaming: hash('patient') }));
  if (!one || !other || one.splitId === other.splitId) return null;
  const charge = (cohortId: string, noiseMultiplier: number): ChargeEvent => ({ kind: 'charge', id: cohortId, cohortId, runId: 'run', step: 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier } });
  const charges = [[one, first] as const, [other, second] as const].flatMap(([{ events }, { noise }]) => events.map(({ cohortId, part }) => charge(cohortId, noise[part])));
  const state = new LedgerState([...one.events, ...other.events, { kind: 'budget', id: 'budget', cohortIds: one.events.map(({ cohortId }) => cohortId), epsilonLimit: 1e6, delta }, ...charges]);
  return state.balance(one.splitId)!.epsilonSpent;
}

const noise = { training: 5, 'held-out': 9 };

describe('a person in two data sets, of which one has rows that name nobody', () => {
  it('pays for the rows that name her there and for those of her texts that name nobody, together', () => {
    const here: DataSet = { unit: 'person', noise, rows: [row('1', 'Ann', 'held-out'), row('0', 'Cy', 'held-out')] };
    const persons: DataSet = { unit: 'person', noise, rows: [row('1', null, 'training'), row('2', 'Ann', 'training')] };
    expect(counted(here, persons)).toBeGreaterThanOrEqual(gaussianEpsilon(Math.hypot(1 / 9, 2 / 5), delta) * (1 - 1e-12));
    const rows: DataSet = { unit: 'row', noise, rows: [row('1', null, 'training'), row('2', 'Ann', 'training'), row('3', 'Ann', 'training')] };
    expect(counted(here, rows)).toBeGreaterThanOrEqual(gaussianEpsilon(Math.hypot(1 / 9, 3 / 5), delta) * (1 - 1e-12));
  });

  it('pays for both where the same notes and persons come again, and other notes of them are blank', () => {
    const here: DataSet = { unit: 'person', noise: { training: 1e9, 'held-out': 1e9 }, rows: [row('1', 'Ann', 'training'), row('2', null, 'training')] };
    const there: DataSet = { unit: 'person', noise: { training: 5, 'held-out': 1e9 }, rows: [row('1', null, 'training'), row('2', 'Ann', 'training')] };
    expect(released(here, there)).toBeCloseTo(gaussianEpsilon(2 / 5, delta), 6);
    expect(counted(here, there)).toBeGreaterThanOrEqual(released(here, there) * (1 - 1e-9));
    const rows: DataSet = { ...there, unit: 'row', rows: [row('1', null, 'training'), ...[2, 3, 4].map((text) => row(String(text), 'Ann', 'training'))] };
    const same: DataSet = { ...here, rows: [row('1', 'Ann', 'training'), ...[2, 3, 4].map((text) => row(String(text), null, 'training'))] };
    expect(counted(same, rows)).toBeGreaterThanOrEqual(released(same, rows) * (1 - 1e-9));
  });

  it('pays for as many rows as she has where the same notes come again, dealt by another unit', () => {
    const rows = [row('1', 'Ann', 'training'), row('2', 'Ann', 'training')];
    const quiet = 1e9;
    const epsilonOf = (all: readonly DealtRow[]) => counted({ unit: 'person', noise: { training: quiet, 'held-out': quiet }, rows: all }, { unit: 'row', noise: { training: 5, 'held-out': quiet }, rows: all });
    expect(epsilonOf(rows)).toBeCloseTo(gaussianEpsilon(2 / 5, delta), 6);
    // Where one is blank, other rows may name her there: nobody knows that they are the same.
    expect(epsilonOf([...rows, row('3', null, 'training')])).toBeCloseTo(gaussianEpsilon(4 / 5, delta), 6);
  });

  it('never pays less than what was released of her, or of a note: 3,000 pairs of small data sets', () => {
    const random = mulberry32(1);
    const below = (count: number) => Math.floor(random() * count);
    const dataSet = (): DataSet => {
      const unnamedShare = below(2) === 0 ? 0 : 0.3;
      const dealt = new Map<string, Part>();
      const rows = Array.from({ length: 1 + below(6) }, () => {
        const one = row(String(below(4)), random() < unnamedShare ? null : String(below(3)), 'training');
        const part = dealt.get(one.person ?? one.row) ?? parts[below(2)]!;
        dealt.set(one.person ?? one.row, part);
        return { ...one, part };
      });
      return { unit: below(2) === 0 ? 'row' : 'person', rows, noise: { training: 2 + below(30), 'held-out': 2 + below(30) } };
    };
    let pairs = 0;
    for (let i = 0; i < 3000; i++) {
      const [first, second] = [dataSet(), dataSet()];
      const epsilon = counted(first, second);
      if (epsilon === null) continue;
      pairs++;
      if (epsilon < released(first, second) * (1 - 1e-9)) expect.fail(`${epsilon} is less than ${released(first, second)}: ${JSON.stringify([first, second])}`);
    }
    expect(pairs).toBeGreaterThan(2500);
  });
});
