import { describe, expect, it } from 'vitest';
import { agreeTo, fitUpdate, sharedEpsilon } from '../federation/agreement.ts';
import type { Task } from '../federation/task.ts';
import { cohortsOf } from '../privacy/cohort.ts';
import { Ledger } from '../privacy/ledger.ts';
import { createMemoryLedgerStore } from '../privacy/memory-ledger-store.ts';
import { unitHash } from '../privacy/unit-hash.ts';
import { createTrainer } from '../training/in-process-trainer.ts';
import { coordinates, model, task as federatedTask, terms } from '../training/testing/federated-scene.ts';
import { nanoClasses, nanoEngine, nanoUnits } from '../training/testing/nano-session.ts';
import { guardedSource } from './federation-source.ts';

const task: Task = { ...federatedTask, name: 'Test', coordinator: 'Nobody', labelSentences: ['An a.', 'A b.', 'A c.'] };
const agreement = agreeTo(task, 'cd'.repeat(32), 10);
const units = nanoUnits(8, nanoClasses, 1);
const request = (round: number, change: Partial<ReturnType<typeof terms>> = {}) => ({ terms: { ...terms(round, change), clamps: [] }, model });

const hash = (text: string) => ({ row: unitHash(new Uint8Array(32).fill(1), 'row', text), person: null });
const { events: cohorts, splitId } = cohortsOf({ unit: 'row', keyId: 'key', training: units.map((_, i) => hash(`note ${i}`)), heldOut: [hash('held out')], declarationId: null, personNaming: null });
const cohortIds = { training: cohorts[0].cohortId, 'held-out': cohorts[1].cohortId };

/** A device's storage with a limit; `load` is what a page makes of it. */
async function device(epsilonLimit: number) {
  const store = createMemoryLedgerStore();
  await (await Ledger.open(store, () => 0)).append([...cohorts, { kind: 'budget', id: 'budget', cohortIds: Object.values(cohortIds), epsilonLimit, delta: 1e-5 }]);
  return {
    store,
    load: async () => {
      const ledger = await Ledger.open(store, () => 0);
      return { ledger, source: guardedSource({ agreement, ledger, cohortIds, training: units, unit: 'row', baseModel: task.baseModel, trainers: [createTrainer(nanoEngine())], onProgress: () => undefined }) };
    },
  };
}

describe('the guard\'s source of updates', () => {
  it('charges what the node counts, gives what the node sends, and takes part until the limit', async () => {
    const limit = sharedEpsilon(task, [4, 4]);
    const { ledger, source } = await (await device(limit)).load();
    for (const round of [1, 2]) {
      const { value } = await source.train(request(round, { updateNormBound: 0.5 }));
      expect(fitUpdate(value.delta, coordinates, 0.5)).toEqual(value.delta);
    }
    expect(ledger.balance(splitId)!.epsilonTraining).toBeCloseTo(limit, 12);
    await expect(source.train(request(3))).rejects.toMatchObject({ code: 'training/federated-budget', family: 'budget' });
    expect(ledger.entries.filter(({ event }) => event.kind === 'charge')).toHaveLength(2);
  });

  it('releases nothing whose charge could not be written, and trains no charged round again after a reload', async () => {
    const { store, load } = await device(10);
    const first = await load();
    await first.source.train(request(1));
    store.afterAppend = () => Promise.reject(new Error('power cut'));
    await expect(first.source.train(request(2))).rejects.toThrow();
    store.afterAppend = () => undefined;

    const second = await load();
    for (const round of [1, 2]) await expect(second.source.train(request(round))).rejects.toMatchObject({ code: 'training/federated-repeated', values: { round } });
    await second.source.train(request(3));
    expect(second.ledger.entries.flatMap(({ event }) => (event.kind === 'charge' ? [event.step] : []))).toEqual([1, 2, 3]);
  });

  it('draws another key on another device, or after another start', async () => {
    const updates = await Promise.all([1, 2].map(async () => (await (await (await device(10)).load()).source.train(request(1))).value.delta));
    // Same notes, same round, same model: what differs is the noise, of deviation 0.15 in each of 195 coordinates.
    const apart = Math.hypot(...Array.from(updates[0]!, (value, i) => value - updates[1]![i]!));
    expect(apart).toBeGreaterThan(1);
  });
});
