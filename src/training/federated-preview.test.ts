import { expect, it } from 'vitest';
import { testStream } from '../privacy/testing/streams.ts';
import { previewUpdate, type PreviewParts } from './federated-preview.ts';
import { FederatedUpdates } from './federated-update.ts';
import { federatedScene, model, task, terms, zeroNoise } from './testing/federated-scene.ts';

const partsOf = (changes: Partial<PreviewParts> = {}): PreviewParts => {
  const { parts } = federatedScene({ trainerCount: 2 });
  return { task: parts.task, trainers: parts.trainers, training: parts.training, unit: parts.unit, baseModel: parts.baseModel, model, keys: testStream(9), onRows: () => true, ...changes };
};

it('shows the update of a round before its noise, bit for bit, and one with noise of the agreed size', async () => {
  const { before, after } = (await previewUpdate(partsOf())).value;
  const sent = await new FederatedUpdates(federatedScene({ keys: () => zeroNoise }).parts).train({ terms: terms(1), model });
  expect([...before]).toEqual([...sent.value.delta]);
  const noise = after.map((value, i) => value - before[i]!);
  const deviation = Math.sqrt(noise.reduce((sum, value) => sum + value * value, 0) / noise.length);
  // 195 values: four standard errors of a deviation, 1 / sqrt(2 x 195) each, are a fifth.
  expect(deviation / ((task.noiseMultiplier * task.clipNorm) / 8)).toBeGreaterThan(0.8);
  expect(deviation / ((task.noiseMultiplier * task.clipNorm) / 8)).toBeLessThan(1.2);
});

it('is cut to the bound as a round is', async () => {
  const { after } = (await previewUpdate(partsOf({ task: { ...task, updateNormBound: 0.01 } }))).value;
  expect(Math.hypot(...after)).toBeLessThanOrEqual(0.01);
});

it('refuses a task that does not fit before it reads anything', async () => {
  await expect(previewUpdate(partsOf({ baseModel: 'cd'.repeat(32) }))).rejects.toMatchObject({ code: 'training/federated-task' });
});
