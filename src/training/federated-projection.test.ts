import { describe, expect, it } from 'vitest';
import type { UpdateSource } from '../federation/update-source.ts';
import { mapRows, orthonormalMap } from '../ground/orthonormal-map.ts';
import { headGrid } from '../privacy/clipping.ts';
import { gaussianIntegers } from '../privacy/noise.ts';
import { testStream } from '../privacy/testing/streams.ts';
import { headLogits } from './features.ts';
import { foldedHead, headInputs, projectedHead, projectionMap } from './federated-projection.ts';
import { previewUpdate } from './federated-preview.ts';
import { federatedFeatures, type FederatedHead, type FederatedTask } from './federated-task.ts';
import { FederatedUpdates } from './federated-update.ts';
import { createTrainer } from './in-process-trainer.ts';
import { pooledHead } from './received-model.ts';
import { streamTensors } from './stream-tensors.ts';
import { federatedScene, head as whole, length, task as wholeTask, terms, zeroNoise } from './testing/federated-scene.ts';
import { nanoClasses, nanoEngine, nanoUnits } from './testing/nano-session.ts';
import { centreRows } from './features.ts';
import type { TokenizedUnit } from './trainer.ts';

const dimension = 7;
const head: FederatedHead = { ...whole, projection: { dimension, seed: 3, directions: Int8Array.from({ length: 2 * length }, (_, i) => Math.round(90 * Math.cos(i * i))) } };
const task: FederatedTask = { ...wholeTask, head, coordinates: nanoClasses * (dimension + 1) };
const model = Float32Array.from({ length: task.coordinates }, (_, i) => Math.sin(i));
const units = nanoUnits(8, nanoClasses, 1);
const { gridScale } = headGrid(task.clipNorm);
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
const scene = (changes: Parameters<typeof federatedScene>[0] = {}) => federatedScene({ keys: () => zeroNoise, task, ...changes });

/** Minus the mean of gradients (p - y) [P x, bias], clipped by `clip`: in float64, without any grid. */
async function referenceUpdate(training: readonly TokenizedUnit[], clip: (gradient: Float64Array) => number): Promise<Float64Array> {
  const trainer = createTrainer(nanoEngine());
  const map = projectionMap(head)!;
  const total = new Float64Array(task.coordinates);
  for (const { rows } of training) {
    const gradient = new Float64Array(task.coordinates);
    for (const { ids, label } of rows) {
      const features = await trainer.encode([ids], federatedFeatures(head));
      centreRows(features, Float32Array.from(head.publicMean));
      const x = [...mapRows(features, map, length), head.biasInput];
      const exponentials = task.labels.map((_, c) => Math.exp(x.reduce((sum, value, i) => sum + value * model[c * (dimension + 1) + i]!, 0)));
      const all = exponentials.reduce((sum, value) => sum + value, 0);
      for (let c = 0; c < nanoClasses; c++) for (let i = 0; i <= dimension; i++) gradient[c * (dimension + 1) + i]! += (exponentials[c]! / all - (c === label ? 1 : 0)) * x[i]!;
    }
    const factor = clip(gradient);
    for (let i = 0; i < total.length; i++) total[i]! -= (factor * gradient[i]!) / training.length;
  }
  return total;
}
const clipped = (gradient: Float64Array) => Math.min(1, task.clipNorm / norm(gradient));
/** As for whole features: steps of 2^-10 in each input and of 2^-12 in each residual. */
const gridError = Math.SQRT2 * Math.sqrt(dimension + 1) * 2 ** -10 + Math.sqrt(1.09) * Math.sqrt(nanoClasses) * 2 ** -12;
const sent = async (source: Pick<UpdateSource, 'train'>) => Float32Array.from((await source.train({ terms: { ...terms(1), clamps: [] }, model })).value.delta);

describe('an update over a projection', () => {
  it('is minus the mean of gradients of the images, clipped after the map', async () => {
    const delta = await sent(new FederatedUpdates(scene().parts));
    const reference = await referenceUpdate(units, clipped);
    expect(delta).toHaveLength(task.coordinates);
    expect(norm(reference)).toBeGreaterThan(5 * gridError);
    expect(norm(reference.map((value, i) => value - delta[i]!))).toBeLessThan(gridError);
  });

  it('is told from one that is clipped before the map', async () => {
    const trainer = createTrainer(nanoEngine());
    await trainer.assign(units, 'row');
    await trainer.assignHeldOut([]);
    await trainer.prepareFeatures(federatedFeatures(head), () => undefined);
    await trainer.centreFeatures(Float32Array.from(head.publicMean));
    const { sum } = await trainer.headGradientSum(foldedHead(head, model), nanoClasses, task.clipNorm, head.biasInput);
    const late = projectedHead(head, Float32Array.from(sum, (value) => -value / gridScale / units.length));
    const reference = await referenceUpdate(units, clipped);
    expect(norm(reference.map((value, i) => value - late[i]!))).toBeGreaterThan(3 * gridError);
  });

  it('is of integers on the grid, whichever trainers hold the notes', async () => {
    const integers = async (trainerCount: number) => Float64Array.from(await sent(new FederatedUpdates(scene({ trainerCount }).parts)), (value) => 0 - value * units.length * gridScale);
    const [one, three] = [await integers(1), await integers(3)];
    expect(one.every(Number.isSafeInteger)).toBe(true);
    expect(three).toEqual(one);
  });

  it('differs from a neighbour\'s by no more than the clip norm', async () => {
    const all = await sent(new FederatedUpdates(scene().parts));
    const moved: number[] = [];
    for (const left of units) {
      const rest = await sent(new FederatedUpdates(scene({ training: units.map((unit) => (unit === left ? { ...unit, rows: [] } : unit)) }).parts));
      moved.push(norm(all.map((value, i) => units.length * (value - rest[i]!))));
    }
    // Differences of float32 numbers below 1 are good to 2^-24, times the number of units.
    expect(Math.max(...moved)).toBeLessThanOrEqual(task.clipNorm + units.length * Math.sqrt(task.coordinates) * 2 ** -24);
    expect(Math.max(...moved)).toBeGreaterThan(0.5 * task.clipNorm);
  });

  it('goes through the same charge', async () => {
    const { parts, ledger, happened } = scene({ keys: testStream });
    await sent(new FederatedUpdates(parts));
    expect(happened.filter((one) => !one.startsWith('gradient'))).toEqual(['asked 1', 'durable 1', 'drawn 1']);
    expect(ledger.charges).toEqual([{ part: 'training', step: 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: task.noiseMultiplier } }]);
  });

  it('is what the preview draws', async () => {
    const { value } = await previewUpdate({ task, trainers: [createTrainer(nanoEngine())], training: units, unit: 'row', baseModel: task.baseModel, model, keys: testStream(4), onRows: () => true });
    expect(value.before).toEqual(await sent(new FederatedUpdates(scene().parts)));
    const noise = await gaussianIntegers(testStream(4), 0, streamTensors.gradient, task.coordinates, task.noiseMultiplier * headGrid(task.clipNorm).sensitivity);
    // Sums below 2^24 in float32.
    value.after.forEach((number, i) => expect(number - value.before[i]!).toBeCloseTo(-noise[i]! / gridScale / units.length, 5));
  });

  it('of another length, or to more numbers than there are, is refused before a note is read', () => {
    for (const wrong of [{ coordinates: wholeTask.coordinates }, { head: { ...head, projection: { ...head.projection!, dimension: length + 1 } }, coordinates: nanoClasses * (length + 2) }]) {
      expect(() => new FederatedUpdates(scene({ task: { ...task, ...wrong } }).parts)).toThrow(expect.objectContaining({ code: 'training/federated-task' }));
    }
  });
});

describe('a folded head', () => {
  it('gives the logits of the images, and is a model like any other', () => {
    const features = Float32Array.from({ length: 5 * length }, (_, i) => Math.sin(i * 1.7));
    centreRows(features, Float32Array.from(head.publicMean));
    const pooled = pooledHead(task, head, model);
    expect(pooled.weights).toHaveLength(wholeTask.coordinates);
    const direct = headLogits(mapRows(features, projectionMap(head)!, length), 5, model, nanoClasses, head.biasInput);
    const folded = headLogits(features, 5, pooled.weights, nanoClasses, head.biasInput);
    // Weights are rounded to 2^-25 of themselves, images too; sums of 64 and of 7 of them.
    folded.forEach((logit, i) => expect(Math.abs(logit - direct[i]!)).toBeLessThan(1e-6));
    expect(norm(direct)).toBeGreaterThan(0.1);
  });

  it('keeps what lies in the map\'s directions, and the bias column', () => {
    const directions = head.projection!.directions;
    const weights = new Float32Array(wholeTask.coordinates);
    for (let c = 0; c < nanoClasses; c++) {
      // A label sentence lies in the directions, whatever they are scaled by.
      for (let i = 0; i < length; i++) weights[c * (length + 1) + i] = (c === 0 ? directions[i]! : c === 1 ? -directions[length + i]! : directions[i]! + directions[length + i]!) / 100;
      weights[c * (length + 1) + length] = c + 0.5;
    }
    const there = projectedHead(head, weights);
    const back = foldedHead(head, there);
    expect(there).toHaveLength(task.coordinates);
    back.forEach((value, i) => expect(value).toBeCloseTo(weights[i]!, 5));
    expect([0, 1, 2].map((c) => there[(c + 1) * (dimension + 1) - 1])).toEqual([0.5, 1.5, 2.5]);
  });

  it('is the head itself without a map', () => {
    const weights = new Float32Array(wholeTask.coordinates);
    expect(foldedHead(whole, weights)).toBe(weights);
    expect(projectedHead(whole, weights)).toBe(weights);
    expect([headInputs(whole), headInputs(head)]).toEqual([length, dimension]);
    expect(projectionMap(head)).toEqual(orthonormalMap(head.projection!, length));
  });
});
