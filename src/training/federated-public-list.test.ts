import { describe, expect, it } from 'vitest';
import { testStream, watchedStream } from '../privacy/testing/streams.ts';
import { previewUpdate } from './federated-preview.ts';
import type { FederatedHead, FederatedTask } from './federated-task.ts';
import { FederatedUpdates } from './federated-update.ts';
import { createTrainer } from './in-process-trainer.ts';
import { federatedScene, head, length, model as wholeModel, task as rowTask, terms } from './testing/federated-scene.ts';
import { nanoClasses, nanoEngine, nanoUnits } from './testing/nano-session.ts';
import { WatchedUnits } from './testing/watched-units.ts';
import type { TokenizedUnit, Trainer } from './trainer.ts';

const dimension = 7;
const projected: FederatedHead = { ...head, projection: { dimension, seed: 3, directions: Int8Array.from({ length: 2 * length }, (_, i) => Math.round(90 * Math.cos(i * i))) } };
const tasks: Readonly<Record<string, FederatedTask>> = {
  'rows': rowTask,
  'a projection': { ...rowTask, head: projected, coordinates: nanoClasses * (dimension + 1) },
  'a participant as the unit': { ...rowTask, unit: 'participant' },
};
const modelOf = ({ coordinates }: FederatedTask) => wholeModel.slice(0, coordinates);
const noteCount = 8;

/** What the device itself looks at of the notes: trainers are given the true ones, for the sums that they return are clipped. */
async function readOf(work: (units: readonly TokenizedUnit[], trainers: readonly Trainer[]) => Promise<unknown>): Promise<readonly string[]> {
  const watched = new WatchedUnits();
  const trainers = [1, 2].map(() => createTrainer(nanoEngine())).map((trainer): Trainer => ({ ...trainer, assign: (units, unit) => trainer.assign(units.map((one) => watched.unitOf(one)), unit) }));
  await work(watched.of(nanoUnits(noteCount, nanoClasses, 1)), trainers);
  return [...watched.reads].sort();
}

/** Labels and lengths are held to the task before anything is read of the notes: both follow from lists that are public. */
const looked = ['rows', 'rows ids', 'rows ids length', 'rows label', 'rows length'];

/** Charges, secret bytes, what trainers are told beside parameters, and how long the answer is. */
async function mechanismOf(task: FederatedTask, training: readonly TokenizedUnit[]): Promise<unknown> {
  const told: unknown[] = [];
  const streams: ReturnType<typeof watchedStream>[] = [];
  const trainers = [1, 2].map(() => createTrainer(nanoEngine())).map((trainer): Trainer => ({
    ...trainer,
    prepareFeatures: (features, onRows, isLasting) => (told.push(['features', features]), trainer.prepareFeatures(features, onRows, isLasting)),
    centreFeatures: (mean, map) => (told.push(['mean and map', [...mean], map && [...map]]), trainer.centreFeatures(mean, map)),
    headGradientSum: (weights, ...settings) => (told.push(['head', weights.length, ...settings]), trainer.headGradientSum(weights, ...settings)),
  }));
  const keys = (turn: number) => {
    const stream = watchedStream(testStream(turn));
    streams.push(stream);
    return stream;
  };
  const { parts, ledger } = federatedScene({ task, training, trainers, keys });
  const updates = new FederatedUpdates(parts);
  const sent = [];
  for (const round of [1, 2]) sent.push(await updates.train({ terms: terms(round), model: modelOf(task) }));
  return { told, charges: ledger.charges, secrets: streams.map(({ calls }) => calls), answers: sent.map(({ value }) => [value.delta.length, value.metrics]) };
}

describe.each(Object.entries(tasks))('a round with %s', (_name, task) => {
  it('reads of the notes how many they are and what the task is held to, and leaves the rest to trainers that clip', async () => {
    expect(await readOf((training, trainers) => new FederatedUpdates(federatedScene({ task, training, trainers }).parts).train({ terms: terms(1), model: modelOf(task) }))).toEqual(looked);
  });

  it('is previewed by reading no more', async () => {
    expect(await readOf((training, trainers) => previewUpdate({ task, trainers, training, unit: 'row', baseModel: task.baseModel, model: modelOf(task), keys: testStream(1), onRows: () => true }))).toEqual(looked);
  });

  it('is the same mechanism for any notes and labels of the same number', async () => {
    const first = await mechanismOf(task, nanoUnits(noteCount, nanoClasses, 1));
    expect(await mechanismOf(task, nanoUnits(noteCount, 1, 77))).toEqual(first);
    const long = nanoUnits(noteCount, nanoClasses, 5).map(({ unit, rows }) => ({ unit, rows: rows.map(({ label }) => ({ label, ids: Int32Array.from({ length: 16 }, (_, i) => 5 + ((i * unit) % 20)) })) }));
    expect(await mechanismOf(task, long)).toEqual(first);
  });

  it('is another mechanism under another task', async () => {
    const notes = nanoUnits(noteCount, nanoClasses, 1);
    expect(await mechanismOf({ ...task, head: { ...task.head!, biasInput: 0.5 } }, notes)).not.toEqual(await mechanismOf(task, notes));
  });
});
