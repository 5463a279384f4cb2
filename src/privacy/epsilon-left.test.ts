import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LedgerState } from './balance.ts';
import { cohortsOf } from './cohort.ts';
import { epsilonLeft, type LeftOptions } from './epsilon-left.ts';
import type { AllowanceEvent, BudgetEvent, ChargeEvent, LedgerEvent, Mechanism } from './events.ts';
import { gaussianMu } from './gaussian.ts';
import { KnownBounds } from './known-bounds.ts';

const delta = 1e-5;
const keyOf = (text: string) => text.padStart(32, '0');
const setOf = (name: string) => cohortsOf({ unit: 'row', keyId: 'key', training: [1, 2, 3].map((row) => ({ row: keyOf(`${name}${row}`), person: null })), heldOut: [{ row: keyOf(`${name}4`), person: null }], declarationId: null, personNaming: null });
const [own, other] = [setOf('a'), setOf('b')];
type DataSet = typeof own;
const cohortIds = (set: DataSet) => set.events.map(({ cohortId }) => cohortId);

let counter = 0;
const newId = () => `id ${++counter}`;
const budget = (set: DataSet, epsilonLimit: number): BudgetEvent => ({ kind: 'budget', id: newId(), cohortIds: cohortIds(set), epsilonLimit, delta });
const charge = (set: DataSet, mechanism: Mechanism): ChargeEvent => ({ kind: 'charge', id: newId(), cohortId: cohortIds(set)[0]!, runId: 'run', step: 1, purpose: 'gradient', mechanism });
const allowance = (epsilon: number): AllowanceEvent => ({ kind: 'allowance', id: newId(), allowanceId: 'brought', cohortIds: cohortIds(own), epsilon, delta: delta / 2, givenBy: ['another key'] });

/** RDP alone: thousands of ledgers a second. The search knows nothing of how epsilon is worked out. */
class LooseBounds extends KnownBounds {
  override tightly<T>(ask: () => T): T {
    return ask();
  }
}
const stateOf = (events: readonly LedgerEvent[], bounds: KnownBounds = new LooseBounds()) => new LedgerState([...own.events, ...other.events, ...events], undefined, bounds);
const release = (epsilon: number) => ({ training: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 1 / gaussianMu(epsilon, delta) } as const, count: 1 }] });
const isRefused = (state: LedgerState, epsilon: number) => state.refusal(own.splitId, release(epsilon)) !== null;

/** What is left, and how many tries it took. */
function leftOf(state: LedgerState, options: LeftOptions) {
  const tries = vi.spyOn(state, 'refusal');
  const left = epsilonLeft(state, own.splitId, delta, options);
  const made = tries.mock.calls.length;
  tries.mockRestore();
  return { left, made };
}
afterEach(() => vi.restoreAllMocks());

const noise = fc.double({ min: 0.8, max: 40, noNaN: true });
const mechanisms = fc.oneof(
  noise.map((noiseMultiplier): Mechanism => ({ kind: 'gaussian', noiseMultiplier })),
  fc.record({ noiseMultiplier: noise, samplingRate: fc.double({ min: 0.001, max: 0.9, noNaN: true }) }).map((one): Mechanism => ({ kind: 'poisson-gaussian', ...one })),
  noise.map((noiseMultiplier): Mechanism => ({ kind: 'discrete-gaussian', noiseMultiplier })),
  fc.record({ noiseMultiplier: noise, mean: fc.double({ min: 1, max: 20, noNaN: true }) }).map(({ noiseMultiplier, mean }): Mechanism => ({ kind: 'repeat-and-select', noiseMultiplier, law: { kind: 'poisson', mean } })),
);
const ledgers = fc.record({
  limit: fc.double({ min: 0.2, max: 12, noNaN: true }),
  otherLimit: fc.option(fc.double({ min: 0.2, max: 12, noNaN: true })),
  brought: fc.option(fc.double({ min: 0.2, max: 12, noNaN: true })),
  charges: fc.array(fc.record({ mechanism: mechanisms, count: fc.integer({ min: 1, max: 40 }), isOther: fc.boolean() }), { maxLength: 4 }),
});
const eventsOf = ({ limit, otherLimit, brought, charges }: typeof ledgers extends fc.Arbitrary<infer Ledger> ? Ledger : never): readonly LedgerEvent[] => [
  budget(own, limit), ...(otherLimit === null ? [] : [budget(other, otherLimit)]), ...(brought === null ? [] : [allowance(brought)]),
  ...charges.flatMap(({ mechanism, count, isOther }) => Array.from({ length: count }, () => charge(isOther ? other : own, mechanism))),
];

describe('what is left for one more release', () => {
  it('is never refused, and hardly more of it would be: any charges, limits of other data sets and copies', () => {
    fc.assert(
      fc.property(ledgers, fc.constantFrom(0.002, 0.01, 0.1), (ledger, within) => {
        const state = stateOf(eventsOf(ledger));
        const { left } = leftOf(state, { atMost: 3, within });
        if (left > 0) expect(isRefused(state, left)).toBe(false);
        // A plan asks for it rounded down, as the page shows it.
        if (left >= 0.01) expect(isRefused(state, Math.floor(left * 100) / 100)).toBe(false);
        // The width is kept to rounding.
        if (left + within * (1 + 2e-9) < Math.min(3, ledger.limit)) expect(isRefused(state, left + within * (1 + 2e-9))).toBe(true);
      }),
      { numRuns: 60, seed: 12 },
    );
  });

  it('takes few tries: three or four where samples are among the charges', () => {
    const made: number[] = [];
    fc.assert(fc.property(ledgers, (ledger) => void made.push(leftOf(stateOf(eventsOf(ledger)), { atMost: 3, within: 0.005 }).made)), { numRuns: 60, seed: 5 });
    expect(Math.max(...made)).toBeLessThan(12);
    expect(made.reduce((sum, one) => sum + one, 0) / made.length).toBeLessThan(4);
  });

  /** What was spent before, in every way that kinds of charges may be mixed. */
  const poisson = (noiseMultiplier: number, samplingRate: number): Mechanism => ({ kind: 'poisson-gaussian', noiseMultiplier, samplingRate });
  it.each<readonly [string, readonly (readonly [Mechanism, number])[]]>([
    ['full batches', [[{ kind: 'gaussian', noiseMultiplier: 9 }, 1], [{ kind: 'gaussian', noiseMultiplier: 7 }, 20]]],
    ['samples of a run that went on', [[poisson(1.3, 0.1), 20], [poisson(1.3, 0.1), 10]]],
    ['samples of two runs', [[poisson(1.3, 0.1), 20], [poisson(1.8, 0.2), 15]]],
    ['samples and full batches', [[poisson(1.5, 0.1), 20], [{ kind: 'gaussian', noiseMultiplier: 12 }, 8]]],
    ['discrete noise and full batches', [[{ kind: 'discrete-gaussian', noiseMultiplier: 9 }, 20], [{ kind: 'gaussian', noiseMultiplier: 12 }, 8]]],
    ['a search, samples and discrete noise', [[{ kind: 'repeat-and-select', noiseMultiplier: 4, law: { kind: 'poisson', mean: 5 } }, 1], [poisson(2, 0.1), 20], [{ kind: 'discrete-gaussian', noiseMultiplier: 20 }, 8]]],
  ])('beside %s, counted as charges are: once charged it is within the limit, and a hundredth more would not be', (_, spent) => {
    const charges = spent.flatMap(([mechanism, count]) => Array.from({ length: count }, () => charge(own, mechanism)));
    const spentOf = (state: LedgerState, epsilon: number) => state.bounds.tightly(() => state.balance(own.splitId, epsilon > 0 ? release(epsilon) : {})!.epsilonSpent);
    const bounds = new KnownBounds();
    const limit = 1.5 * spentOf(stateOf([budget(own, 4), ...charges], bounds), 0);
    const state = stateOf([budget(own, limit), ...charges], bounds);
    const { left } = leftOf(state, { within: 0.01 });
    expect(left).toBeGreaterThan(0.1);
    expect(spentOf(state, left)).toBeLessThanOrEqual(limit * (1 + 1e-9));
    // The width is kept to rounding.
    expect(spentOf(state, left + 0.01 * (1 + 2e-9))).toBeGreaterThan(limit);
  });

  it('is all of the limit where nothing was spent, in one try', () => {
    expect(leftOf(stateOf([budget(own, 4)]), {})).toEqual({ left: 4, made: 1 });
    expect(leftOf(stateOf([budget(own, 4)]), { atMost: 3, within: 0.005 })).toEqual({ left: 3, made: 1 });
  });

  it('is what makes up the limit, by the exact law of Gaussians', () => {
    const spent: Mechanism = { kind: 'gaussian', noiseMultiplier: 1 / gaussianMu(3, delta) };
    const { left, made } = leftOf(stateOf([budget(own, 4), charge(own, spent)]), { within: 1e-3 });
    const mu = Math.sqrt(gaussianMu(4, delta) ** 2 - gaussianMu(3, delta) ** 2);
    expect(gaussianMu(left, delta)).toBeLessThanOrEqual(mu);
    expect(gaussianMu(left + 1e-3, delta)).toBeGreaterThan(mu);
    expect(made).toBeLessThanOrEqual(3);
  });

  it('is nothing where a limit is reached or passed, a copy brought nothing, charges fit no data set, or none has a limit', () => {
    const spent: Mechanism = { kind: 'gaussian', noiseMultiplier: 1 / gaussianMu(4, delta) };
    expect(leftOf(stateOf([budget(own, 4), charge(own, spent)]), {}).left).toBe(0);
    expect(leftOf(stateOf([budget(own, 4), charge(own, { kind: 'gaussian', noiseMultiplier: 0.1 })]), {}).left).toBe(0);
    expect(leftOf(stateOf([budget(own, 8), budget(other, 2), charge(other, spent)]), {}).left).toBe(0);
    expect(leftOf(stateOf([budget(own, 4), allowance(0)]), {}).left).toBe(0);
    expect(leftOf(stateOf([budget(own, 4), { ...charge(own, spent), cohortId: 'unknown' }]), {}).left).toBe(0);
    expect(leftOf(stateOf([]), {}).left).toBe(0);
  });

  it('beside samples counted by PLD: three tries for what is left to a hundredth', () => {
    const sample: Mechanism = { kind: 'poisson-gaussian', samplingRate: 0.1, noiseMultiplier: 1.2 };
    const state = stateOf([budget(own, 4), ...Array.from({ length: 40 }, () => charge(own, sample))], new KnownBounds());
    const { left, made } = leftOf(state, { atMost: 3, within: 0.01 });
    expect(made).toBeLessThanOrEqual(3);
    expect(left).toBeGreaterThan(0.5);
    expect([isRefused(state, left), isRefused(state, left + 0.011)]).toEqual([false, true]);
  });
});
