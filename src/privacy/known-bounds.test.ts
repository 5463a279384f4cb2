import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cohortsOf } from './cohort.ts';
import { composedEpsilon, type Charge } from './composition.ts';
import type { ChargeEvent, Mechanism } from './events.ts';
import { checkpointsOf, KnownBounds } from './known-bounds.ts';
import { Ledger } from './ledger.ts';
import { createMemoryLedgerStore } from './memory-ledger-store.ts';
import { calibrateNoiseMultiplierPld } from './pld/calibrate.ts';
import { pldEpsilon } from './pld/pld.ts';
import { unitHash } from './unit-hash.ts';

const delta = 1e-5;
const sample = (samplingRate: number, noiseMultiplier: number, count: number): Charge => ({ mechanism: { kind: 'poisson-gaussian', samplingRate, noiseMultiplier }, count });
const gaussian = (noiseMultiplier: number, count: number): Charge => ({ mechanism: { kind: 'gaussian', noiseMultiplier }, count });
const rdp = (charges: readonly Charge[]) => composedEpsilon(charges, delta).epsilon;

/** A list of charges with few kinds of mechanism, so that lists often contain one another. */
const lists = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 })).map(([full, some, others]) => [gaussian(6, full), sample(0.1, 1.2, some), sample(0.02, 0.9, others)]);

describe('known bounds', () => {
  it('lie between the tight answer and RDP, whatever was asked before', () => {
    fc.assert(fc.property(fc.array(lists, { maxLength: 3 }), lists, fc.constantFrom(1e-6, 1e-5, 1e-4), (before, asked, learntAt) => {
      const bounds = new KnownBounds();
      bounds.tightly(() => before.forEach((charges) => bounds.epsilonOf(charges, learntAt)));
      const found = bounds.epsilonOf(asked, delta);
      expect(found).toBeLessThanOrEqual(rdp(asked));
      expect(found).toBeGreaterThanOrEqual(pldEpsilon(asked, delta).epsilon);
    }), { numRuns: 40 });
  });

  it('between two checkpoints are the later one\'s value, where RDP says no less', () => {
    const bounds = new KnownBounds();
    const at = (count: number) => bounds.epsilonOf([sample(0.02, 0.9, count)], delta);
    bounds.tightly(() => checkpointsOf(400).forEach(at));
    expect(at(400)).toBe(pldEpsilon([sample(0.02, 0.9, 400)], delta).epsilon);
    expect(at(351)).toBe(at(400));
    expect(at(350)).toBe(pldEpsilon([sample(0.02, 0.9, 350)], delta).epsilon);
    expect(at(350)).toBeLessThan(rdp([sample(0.02, 0.9, 350)]));
    expect(at(1)).toBeLessThanOrEqual(rdp([sample(0.02, 0.9, 1)]));
  });

  it('answer within 5 milliseconds of the processor a step', () => {
    const bounds = new KnownBounds();
    bounds.tightly(() => checkpointsOf(1000).forEach((count) => bounds.epsilonOf([sample(0.02, 0.9, count)], delta)));
    const begin = process.cpuUsage();
    for (let step = 1; step <= 200; step++) bounds.epsilonOf([sample(0.02, 0.9, step)], delta);
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 1000 / 200).toBeLessThan(5);
  });

  it('give the greatest of several lists, tightly too', () => {
    fc.assert(fc.property(fc.array(lists, { minLength: 1, maxLength: 4 }), (several) => {
      const bounds = new KnownBounds();
      expect(bounds.greatest(several, delta)).toBe(Math.max(...several.map(rdp)));
      expect(bounds.tightly(() => bounds.greatest(several, delta))).toBeCloseTo(Math.max(...several.map((charges) => pldEpsilon(charges, delta).epsilon)), 12);
    }), { numRuns: 15 });
  });

  it('know nothing of another noise, a larger rate, a smaller delta or a release more', () => {
    const bounds = new KnownBounds();
    bounds.tightly(() => bounds.epsilonOf([sample(0.02, 0.9, 100)], delta));
    for (const other of [[sample(0.02, 0.89, 100)], [sample(0.021, 0.9, 100)], [sample(0.02, 0.9, 101)], [sample(0.02, 0.9, 100), gaussian(50, 1)]]) {
      expect(bounds.epsilonOf(other, delta)).toBe(rdp(other));
    }
    expect(bounds.epsilonOf([sample(0.02, 0.9, 100)], delta / 2)).toBe(composedEpsilon([sample(0.02, 0.9, 100)], delta / 2).epsilon);
    expect(bounds.epsilonOf([sample(0.02, 0.9, 99)], 2 * delta)).toBeLessThan(composedEpsilon([sample(0.02, 0.9, 99)], 2 * delta).epsilon);
  });
});

it('stay with RDP, and throw nothing, for noise without measure and for more kinds of samples than any run has', () => {
  const bounds = new KnownBounds();
  const odd = [sample(0.1, 1e200, 1), sample(0.1, 1.2, 10)];
  expect(bounds.tightly(() => bounds.epsilonOf(odd, delta))).toBeLessThanOrEqual(rdp(odd));
  expect(bounds.epsilonOf(odd, delta)).toBeGreaterThanOrEqual(pldEpsilon([odd[1]!], delta).epsilon * (1 - 1e-3));
  const many = Array.from({ length: 40 }, (_, index) => sample(0.1, 4 + index / 10, 1));
  expect(bounds.tightly(() => bounds.epsilonOf(many, delta))).toBe(rdp(many));
});

describe('checkpoints', () => {
  it('end with the run, rise, and are no more than its steps', () => {
    expect(checkpointsOf(400)).toEqual([50, 100, 150, 200, 250, 300, 350, 400]);
    expect(checkpointsOf(3)).toEqual([1, 2, 3]);
    expect(checkpointsOf(0)).toEqual([0]);
  });
});

describe('a ledger', () => {
  it('takes every step of a plan calibrated by PLD, which RDP alone would refuse, and not one more', async () => {
    const [steps, samplingRate, epsilon] = [60, 0.2, 2];
    const noiseMultiplier = calibrateNoiseMultiplierPld({ epsilon, delta, samplingRate, steps });
    const mechanism: Mechanism = { kind: 'poisson-gaussian', samplingRate, noiseMultiplier };
    expect(rdp([{ mechanism, count: steps }])).toBeGreaterThan(epsilon);
    const rows = ['a', 'b', 'c'].map((text) => ({ row: unitHash(new Uint8Array(32), 'row', text), person: null }));
    const { splitId, events } = cohortsOf({ unit: 'row', keyId: 'key', training: rows, heldOut: [], declarationId: null, personNaming: null });
    const ledger = await Ledger.open(createMemoryLedgerStore(), () => 0);
    await ledger.append([...events, { kind: 'budget', id: 'budget', cohortIds: events.map(({ cohortId }) => cohortId), epsilonLimit: epsilon, delta }]);
    const charge = (step: number): ChargeEvent => ({ kind: 'charge', id: `step ${step}`, cohortId: events[0].cohortId, runId: 'run', step, purpose: 'gradient', mechanism });
    for (let step = 1; step <= steps; step++) await ledger.charge(charge(step));
    expect(ledger.bounds.tightly(() => ledger.balance(splitId))!.epsilonSpent).toBeLessThanOrEqual(epsilon);
    await expect(ledger.charge(charge(steps + 1))).rejects.toMatchObject({ family: 'budget' });
    // One that was opened anew, knowing nothing, comes to the same.
    expect(ledger.balance(splitId)!.epsilonSpent).toBe(pldEpsilon([{ mechanism, count: steps }], delta).epsilon);
  });
});
