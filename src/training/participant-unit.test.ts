import { describe, expect, it } from 'vitest';
import { headGrid } from '../privacy/clipping.ts';
import { gaussianEpsilon } from '../privacy/gaussian.ts';
import { gaussianIntegers } from '../privacy/noise.ts';
import { clipNormsMoved } from '../privacy/shared-unit.ts';
import { testStream } from '../privacy/testing/streams.ts';
import { previewUpdate } from './federated-preview.ts';
import { checkFederatedTask, federatedPlan, sharedUnits, type FederatedTask } from './federated-task.ts';
import { FederatedUpdates, type FederatedParts } from './federated-update.ts';
import { createTrainer } from './in-process-trainer.ts';
import { pooledHead, pooledStatement } from './received-model.ts';
import { streamTensors } from './stream-tensors.ts';
import { federatedScene, head, model, task as ofRows, terms, zeroNoise } from './testing/federated-scene.ts';
import { nanoClasses, nanoEngine, nanoUnits } from './testing/nano-session.ts';
import type { TokenizedUnit } from './trainer.ts';

const task: FederatedTask = { ...ofRows, unit: 'participant' };
const notes = nanoUnits(8, nanoClasses, 1);
const asOne = (units: readonly TokenizedUnit[]): readonly TokenizedUnit[] => [{ unit: 0, rows: units.flatMap(({ rows }) => rows) }];
const { sensitivity } = headGrid(task.clipNorm);
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
const difference = (one: Float32Array, other: Float32Array) => norm(one.map((value, i) => value - other[i]!));
const sent = async (changes: Parameters<typeof federatedScene>[0], round = 1) => Float32Array.from((await new FederatedUpdates(federatedScene({ task, ...changes }).parts).train({ terms: terms(round), model })).value.delta);
const unnoised = (training: readonly TokenizedUnit[], changes: Partial<FederatedParts> = {}) => sent({ keys: () => zeroNoise, training, ...changes });
/** All notes under one label. */
const labelled = (label: number): readonly TokenizedUnit[] => notes.map(({ unit, rows }) => ({ unit, rows: rows.map(({ ids }) => ({ ids, label })) }));

/** Root mean square of updates of notes that bring nothing. */
async function noiseOf(parts: Partial<FederatedParts>): Promise<number> {
  const scene = federatedScene(parts);
  const source = new FederatedUpdates(scene.parts);
  const values: number[] = [];
  for (let round = 1; round <= 8; round++) values.push(...(await source.train({ terms: terms(round), model })).value.delta);
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

describe('a participant as the unit', () => {
  it('has all rows meet before the clip, as those of one person do', async () => {
    const together = await unnoised(notes);
    const person = await unnoised(asOne(notes), { task: { ...task, unit: 'person' }, unit: 'person' });
    expect(together).toEqual(person);
    // Eight rows, and no longer than one may be.
    expect(norm(together)).toBeLessThanOrEqual(task.clipNorm);
    expect(norm(together)).toBeGreaterThan(0.99 * task.clipNorm);
  });

  it('is told from rows that are clipped one by one', async () => {
    const apart = await unnoised(notes, { task: ofRows });
    expect(difference(apart.map((value) => value * notes.length), await unnoised(notes))).toBeGreaterThan(task.clipNorm);
  });

  it('is of the same integers whatever units the ledger has and however many trainers there are', async () => {
    const one = await unnoised(notes);
    expect(await unnoised(nanoUnits(8, nanoClasses, 1), { unit: 'person' })).toEqual(one);
    expect(await sent({ keys: () => zeroNoise, training: notes, trainerCount: 3 })).toEqual(one);
  });

  it('moves by more than one clip norm with other notes, also where it is a single one, and never by more than two: noise for one would not do', async () => {
    const [first, second] = [await unnoised(labelled(0)), await unnoised(labelled(1))];
    const apart = difference(first, second);
    expect(apart).toBeGreaterThan(1.05 * task.clipNorm);
    expect(apart).toBeLessThanOrEqual(clipNormsMoved('participant') * task.clipNorm);
    const [single, other] = [await unnoised([labelled(0)[0]!]), await unnoised([labelled(1)[1]!])];
    expect(difference(single, other)).toBeGreaterThan(task.clipNorm);
  });

  it('charges what a person unit of one would, and draws twice the noise', async () => {
    const nothing = [{ unit: 0, rows: [] }];
    const [participant, person] = [federatedScene({ task, training: nothing }), federatedScene({ task: { ...task, unit: 'person' }, unit: 'person', training: nothing })];
    for (const { parts } of [participant, person]) await new FederatedUpdates(parts).train({ terms: terms(1), model });
    expect(participant.ledger.charges).toEqual([{ part: 'training', step: 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: task.noiseMultiplier } }]);
    expect(person.ledger.charges).toEqual(participant.ledger.charges);
    const [wide, narrow] = [await noiseOf({ task, training: nothing }), await noiseOf({ task: { ...task, unit: 'person' }, unit: 'person', training: nothing })];
    // 1,560 values: a standard error of 1.8 %, four of them allowed.
    expect(Math.abs(wide / (2 * task.noiseMultiplier * task.clipNorm) - 1)).toBeLessThan(0.072);
    expect(Math.abs(narrow / (task.noiseMultiplier * task.clipNorm) - 1)).toBeLessThan(0.072);
  });

  it('draws for the clip norm of the round, where a server asks for a smaller one', async () => {
    const scene = federatedScene({ task, training: notes, keys: testStream });
    const { value } = await new FederatedUpdates(scene.parts).train({ terms: terms(1, { clipNorm: 0.1 }), model });
    const grid = headGrid(0.1);
    const noise = await gaussianIntegers(testStream(1), 1, streamTensors.gradient, task.coordinates, 2 * task.noiseMultiplier * grid.sensitivity);
    const signal = Array.from(value.delta, (number, i) => number + noise[i]! / grid.gridScale);
    expect(norm(signal)).toBeLessThan(0.1 * (1 + 1e-3));
    expect(norm(signal)).toBeGreaterThan(0.09);
  });

  it('is previewed as it is sent', async () => {
    const { value } = await previewUpdate({ task, trainers: [createTrainer(nanoEngine())], training: notes, unit: 'row', baseModel: task.baseModel, model, keys: testStream(4), onRows: () => true });
    expect(value.before).toEqual(await unnoised(notes));
    const noise = await gaussianIntegers(testStream(4), 0, streamTensors.gradient, task.coordinates, 2 * task.noiseMultiplier * sensitivity);
    const { gridScale } = headGrid(task.clipNorm);
    value.after.forEach((number, i) => expect(number - value.before[i]!).toBeCloseTo(-noise[i]! / gridScale, 5));
  });

  it('takes notes of any unit; other units must be those of the ledger', () => {
    const data = { training: notes, baseModel: task.baseModel };
    const { shape } = createTrainer(nanoEngine());
    for (const unit of ['row', 'person'] as const) expect(checkFederatedTask(task, { ...data, unit }, shape)).toBe(head);
    expect(() => checkFederatedTask({ ...task, unit: 'person' }, { ...data, unit: 'row' }, shape)).toThrow(expect.objectContaining({ code: 'training/federated-task' }));
    expect([sharedUnits(task, notes).length, sharedUnits(ofRows, notes).length, sharedUnits(task, notes)[0]!.rows.length]).toEqual([1, 8, 8]);
  });

  it('is stated for each unit of the ledger, by what such a unit moves', () => {
    const charges = [{ mechanism: { kind: 'gaussian' as const, noiseMultiplier: 4 }, count: 3 }];
    const statement = pooledStatement(task, pooledHead(task, head, model), charges, 'person');
    expect(statement).toMatchObject({ isPrivate: true, unit: 'person', clipNorm: 2 * task.clipNorm, noiseMultiplier: 4, steps: 3 });
    if (!statement.isPrivate) throw new Error('expected a private one');
    expect(statement.epsilon).toBeCloseTo(gaussianEpsilon(Math.sqrt(3) / 4, task.delta), 10);
    expect(federatedPlan(task, head, 'person').unit).toBe('person');
  });
});
