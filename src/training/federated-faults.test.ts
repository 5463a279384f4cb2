/**
 * Seeded faults: each puts the parts of a round together as a faulty program would, and is run through the same check as the right source.
 * The check must accept the one and reject the other.
 */
import { describe, expect, it } from 'vitest';
import type { UpdateSource } from '../federation/update-source.ts';
import { headGrid } from '../privacy/clipping.ts';
import { releasableBecause } from '../privacy/doors.ts';
import { gaussianIntegers } from '../privacy/noise.ts';
import { federatedFeatures } from './federated-task.ts';
import { FederatedUpdates, type FederatedParts } from './federated-update.ts';
import { createTrainer } from './in-process-trainer.ts';
import { streamTensors } from './stream-tensors.ts';
import { coordinates, federatedScene, head, model, task, terms, zeroNoise, type FederatedScene } from './testing/federated-scene.ts';
import { nanoClasses, nanoEngine, nanoUnits } from './testing/nano-session.ts';
import type { Trainer } from './trainer.ts';

const units = nanoUnits(8, nanoClasses, 1);
const { gridScale, sensitivity } = headGrid(task.clipNorm);
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
const withoutNoise = { keys: () => zeroNoise };

/** What a faulty program would do in place of the source, over the same parts. */
type Make = (parts: FederatedParts) => Pick<UpdateSource, 'train'>;
const right: Make = (parts) => new FederatedUpdates(parts);

interface Steps {
  readonly sum: (trainer: Trainer, clipNorm: number) => Promise<ArrayLike<number>>;
  readonly release: (charge: () => Promise<void>, draw: () => Promise<Float64Array>) => Promise<Float64Array>;
}
const clippedSum: Steps['sum'] = async (trainer, clipNorm) => (await trainer.headGradientSum(model, nanoClasses, clipNorm, head.biasInput)).sum;
const chargedThenDrawn: Steps['release'] = async (charge, draw) => {
  await charge();
  return draw();
};

/** A source put together from its steps, without any check: with the right ones it is as good as the right source, so that what is caught is the fault. */
function composed({ sum = clippedSum, release = chargedThenDrawn }: Partial<Steps>): Make {
  return ({ trainers, training, charges, freshKeys }) => ({
    async train({ terms: { round, clipNorm, noiseMultiplier } }) {
      const trainer = trainers[0]!;
      await trainer.assign(training, 'row');
      await trainer.assignHeldOut([]);
      await trainer.prepareFeatures(federatedFeatures(head), () => undefined);
      await trainer.centreFeatures(Float32Array.from(head.publicMean));
      const total = await sum(trainer, clipNorm);
      const noise = await release(
        () => charges.charge('training', round, 'gradient', { kind: 'gaussian', noiseMultiplier }),
        async () => gaussianIntegers(await freshKeys(), round, streamTensors.gradient, coordinates, noiseMultiplier * sensitivity),
      );
      const delta = Float32Array.from(noise, (value, i) => -(total[i]! + value) / gridScale / training.length);
      return releasableBecause('charged', { delta, metrics: {} });
    },
  });
}

async function rounds(make: Make, scene: FederatedScene, count: number): Promise<ArrayLike<number>[]> {
  const source = make(scene.parts);
  const deltas: ArrayLike<number>[] = [];
  for (let round = 1; round <= count; round++) deltas.push((await source.train({ terms: { ...terms(round), clamps: [] }, model })).value.delta);
  return deltas;
}

/** Noise of deviation s C / N in every coordinate, where no unit brings anything. */
async function isNoised(make: Make): Promise<boolean> {
  const nobody = units.map((unit) => ({ ...unit, rows: [] }));
  const values = (await rounds(make, federatedScene({ training: nobody }), 8)).flatMap((delta) => Array.from(delta));
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  // 1,560 values: a standard error of 1.8 %, four of them allowed.
  return Math.abs(deviation / ((task.noiseMultiplier * task.clipNorm) / units.length) - 1) < 0.072;
}

async function isChargedFirst(make: Make): Promise<boolean> {
  const scene = federatedScene();
  await rounds(make, scene, 2);
  return [1, 2].every((round) => scene.happened.indexOf(`durable ${round}`) < scene.happened.indexOf(`drawn ${round}`) && scene.happened.includes(`durable ${round}`));
}

/** No unit moves an update without noise by more than C / N; and one moves it by nearly that, else the clip would not matter here. */
async function isClipped(make: Make): Promise<boolean> {
  const [whole] = await rounds(make, federatedScene(withoutNoise), 1);
  let largest = 0;
  for (const left of units) {
    const neighbour = units.map((unit) => (unit === left ? { ...unit, rows: [] } : unit));
    const [rest] = await rounds(make, federatedScene({ ...withoutNoise, training: neighbour }), 1);
    largest = Math.max(largest, norm(Array.from(whole!, (value, i) => value - rest![i]!)));
  }
  const bound = task.clipNorm / units.length;
  // Differences of float32 numbers are good to 2^-24 of the update's entries, which are below 1.
  return largest <= bound + Math.sqrt(coordinates) * 2 ** -24 && largest > 0.95 * bound;
}

const unclipped: Steps['sum'] = async (trainer) => {
  const { sum } = await trainer.plainHeadGradientSum({ weights: model, classes: nanoClasses, biasInput: head.biasInput }, units.map(({ unit }) => unit));
  return sum.map((value) => Math.trunc(value * gridScale));
};
const faults: Record<string, { readonly make: Make; readonly check: (make: Make) => Promise<boolean> }> = {
  'no noise': { make: composed({ release: async (charge) => (await charge(), new Float64Array(coordinates)) }), check: isNoised },
  'variance for deviation': { make: composed({ release: async (charge, draw) => (await charge(), (await draw()).map((value) => value * task.noiseMultiplier)) }), check: isNoised },
  'two thirds of the noise': { make: composed({ release: async (charge, draw) => (await charge(), (await draw()).map((value) => (value * 2) / 3)) }), check: isNoised },
  'noise charged after': {
    make: composed({
      async release(charge, draw) {
        const noise = await draw();
        await charge();
        return noise;
      },
    }),
    check: isChargedFirst,
  },
  'a charge that is not waited for': { make: composed({ release: async (charge, draw) => (void charge(), draw()) }), check: isChargedFirst },
  'no charge': { make: composed({ release: (_, draw) => draw() }), check: isChargedFirst },
  'clip missing': { make: composed({ sum: unclipped }), check: isClipped },
};

describe('a seeded fault', () => {
  for (const [name, { make, check }] of Object.entries(faults)) {
    it(`${name}: is caught, and the right source passes the same check`, async () => {
      expect(await check(right)).toBe(true);
      expect(await check(composed({}))).toBe(true);
      expect(await check(make)).toBe(false);
    });
  }

  it('in a trainer: one that does not clip is found before the notes are handed out', async () => {
    const base = createTrainer(nanoEngine());
    const assigned: number[] = [];
    const trainer: Trainer = {
      ...base,
      assign: (given, unit) => (assigned.push(given.length), base.assign(given, unit)),
      headGradientSum: async (weights, classes, clipNorm, biasInput) => ({ ...(await base.headGradientSum(weights, classes, 2, biasInput)), sensitivity: Math.floor(clipNorm * gridScale) }),
    };
    const { parts, ledger } = federatedScene({ trainers: [trainer] });
    await expect(new FederatedUpdates(parts).train({ terms: terms(1), model })).rejects.toMatchObject({ code: 'training/clip-check' });
    // The check's own made-up row alone.
    expect([assigned, ledger.charges]).toEqual([[1], []]);
  });

  it('in a trainer: a sum too long for its units is charged, and nothing of it is released', async () => {
    const base = createTrainer(nanoEngine());
    const trainer: Trainer = {
      ...base,
      async headGradientSum(weights, ...others) {
        const sum = await base.headGradientSum(weights, ...others);
        return weights === model ? { ...sum, sum: sum.sum.map((value) => value * 1000) } : sum;
      },
    };
    const { parts, happened } = federatedScene({ trainers: [trainer] });
    await expect(new FederatedUpdates(parts).train({ terms: terms(1), model })).rejects.toMatchObject({ code: 'training/sum-check' });
    expect(happened).toEqual(['gradient 1', 'asked 1', 'durable 1']);
  });
});
