/** How much is computed for a step, counted and not timed: a profile with many data sets must not slow a run down. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cohortsOf } from './cohort.ts';
import * as composition from './composition.ts';
import type { ChargeEvent, LedgerEvent, Mechanism } from './events.ts';
import { Ledger } from './ledger.ts';
import { createMemoryLedgerStore } from './memory-ledger-store.ts';
import * as rdp from './rdp.ts';

vi.mock('./composition.ts', async (load) => {
  const real = await load<typeof composition>();
  return { ...real, composedEpsilon: vi.fn(real.composedEpsilon) };
});
vi.mock('./rdp.ts', async (load) => {
  const real = await load<typeof rdp>();
  return { ...real, rdpOfPoissonGaussian: vi.fn(real.rdpOfPoissonGaussian) };
});

const [setCount, rowCount, chargesEach] = [40, 500, 40];
// A few for each data set, none for each of its units.
const mostLookups = 10 * setCount;
const hex = (kind: string, index: number) => `${kind}${index.toString(16).padStart(31, '0')}`;
const sets = Array.from({ length: setCount }, (_, set) => {
  const rows = Array.from({ length: rowCount }, (_, index) => ({ row: hex('a', set * rowCount + index), person: hex('b', set * rowCount + (index >> 1)) }));
  return cohortsOf({ unit: 'person', keyId: 'key', training: rows.slice(0, 400), heldOut: rows.slice(400), declarationId: null, personNaming: hex('c', 0) });
});
// Every data set has noise and sampling of its own, so that no curve serves for two.
const mechanismOf = (set: number): Mechanism => ({ kind: 'poisson-gaussian', noiseMultiplier: 2 + set / 20, samplingRate: 0.05 });
let counter = 0;
const charge = (set: number, held: boolean): ChargeEvent => ({ kind: 'charge', id: `charge ${++counter}`, cohortId: sets[set]!.events[held ? 1 : 0].cohortId, runId: 'run', step: 1, purpose: 'gradient', mechanism: held ? { kind: 'gaussian', noiseMultiplier: 30 } : mechanismOf(set) });

describe('the work of a step beside 40 data sets', () => {
  let ledger: Ledger;
  const lookups = vi.spyOn(Set.prototype, 'has');
  const compositions = vi.mocked(composition.composedEpsilon);
  const orders = vi.mocked(rdp.rdpOfPoissonGaussian);
  const count = () => ({ compositions: compositions.mock.calls.length, orders: orders.mock.calls.length, lookups: lookups.mock.calls.length });
  async function workOf(step: () => Promise<void> | void): Promise<ReturnType<typeof count>> {
    vi.clearAllMocks();
    await step();
    return count();
  }

  beforeEach(async () => {
    ledger = await Ledger.open(createMemoryLedgerStore(), () => 0);
    const events: LedgerEvent[] = sets.flatMap((set, index): LedgerEvent[] => [...set.events, { kind: 'budget', id: `budget ${index}`, cohortIds: set.events.map(({ cohortId }) => cohortId), epsilonLimit: 1000, delta: 1e-5 }]);
    await ledger.append(events);
    await ledger.merge(sets.flatMap((_, set) => Array.from({ length: chargesEach }, (_, index) => charge(set, index === 0))));
    ledger.balance(sets[0]!.splitId);
    await ledger.charge(charge(0, false));
  });
  afterEach(() => vi.clearAllMocks());

  it('composes once a charge where the limits are far, and looks no unit up', async () => {
    const work = await workOf(() => ledger.charge(charge(0, false)));
    expect(work.compositions).toBe(1);
    expect(work.lookups).toBeLessThan(mostLookups);
    expect(work.orders).toBe(0);
  });

  it('composes once a part for a balance or a forecast', async () => {
    const work = await workOf(() => {
      ledger.balance(sets[0]!.splitId);
      ledger.balanceAfter(sets[0]!.splitId, { training: [{ mechanism: mechanismOf(0), count: 300 }] });
    });
    expect(work.compositions).toBe(4);
    expect(work.lookups).toBeLessThan(mostLookups);
    expect(work.orders).toBe(0);
  });

  it('looks no unit up twice for a preview that adds nothing', async () => {
    const work = await workOf(() => void ledger.preview(sets[0]!.events).balance(sets[0]!.splitId));
    expect(work.compositions).toBe(2);
    expect(work.lookups).toBeLessThan(mostLookups);
  });

  it('composes no more than each part once where a limit is near', async () => {
    const { epsilonSpent } = ledger.balance(sets[0]!.splitId)!;
    await ledger.append([{ kind: 'budget', id: 'near', cohortIds: sets[0]!.events.map(({ cohortId }) => cohortId), epsilonLimit: epsilonSpent * 1.001, delta: 1e-5 }]);
    const work = await workOf(async () => { await ledger.charge(charge(0, false)).catch(() => undefined); });
    expect(work.compositions).toBeLessThanOrEqual(3);
  });
});
