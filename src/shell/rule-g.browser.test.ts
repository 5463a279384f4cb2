import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { nanoModel } from '../engine/model/nano.ts';
import { mulberry32 } from '../ground/random.ts';
import { featureLength } from '../training/features.ts';
import { createTrainer } from '../training/in-process-trainer.ts';
import { loraStart } from '../training/lora-start.ts';
import { addClippedSums, checkClippedSum } from '../training/sums.ts';
import { checkTrainerClips } from '../training/trainer-check.ts';
import { nanoPlans } from '../training/testing/nano-session.ts';
import type { ClippedSum, TokenizedUnit, Trainer } from '../training/trainer.ts';
import { openWasm, openWebGpu, type Backend } from './backend.ts';

const classes = 3;
const features = { layers: [2, 1], weights: [0.5, 0.5], isUnitLength: true };
const adapter = { classes, lora: { rank: 2, alpha: 4, targets: ['query', 'value'], layers: [0, 1] } } as const;
const clip = { head: 0.3, features: 1, lora: 0.01 } as const;

/** Units of one to three rows of very different lengths, so that rows share batches with longer and shorter ones. */
const units: readonly TokenizedUnit[] = (() => {
  const random = mulberry32(5);
  const lengths = [3, 60, 4, 17, 3, 33, 64, 5, 9];
  return lengths.map((length, unit) => ({
    unit,
    rows: Array.from({ length: 1 + (unit % 3) }, (_, row) => ({ label: (unit + row) % classes, ids: Int32Array.from({ length: Math.max(3, length - 2 * row) }, () => Math.floor(random() * 60)) })),
  }));
})();

/** The same direction at 1.001 times the clip norm: what a unit comes to is somewhat below it, for numbers are cut towards zero. */
const stretched = ({ sum, ...rest }: ClippedSum): ClippedSum => ({ ...rest, sum: sum.map((value) => Math.round((value * 1.001 * rest.sensitivity) / Math.hypot(...sum))) });
const minus = (a: ClippedSum, b: ClippedSum) => a.sum.map((value, i) => value - b.sum[i]!);

describe.each(['wasm', 'webgpu'] as const)('Rule G on %s', (name) => {
  let backend: Backend;
  let engine: Engine;
  beforeAll(async () => {
    backend = await (name === 'wasm' ? openWasm() : openWebGpu());
    engine = await backend.engine(nanoModel(1).weights);
  });
  afterAll(() => {
    engine.dispose();
    backend.close();
  });

  const weights = Float32Array.from({ length: classes * (featureLength(features, 32) + 1) }, (_, i) => Math.sin(i));
  const sums: Readonly<Record<keyof typeof clip, (trainer: Trainer, wanted: readonly TokenizedUnit[]) => Promise<ClippedSum>>> = {
    head: (trainer) => trainer.headGradientSum(weights, classes, clip.head, 0.3),
    features: (trainer) => trainer.featureSum(),
    lora: (trainer, wanted) => trainer.loraGradientSum(loraStart(engine.shape, adapter, 3).theta.map((value, i) => value + 0.01 * Math.cos(i)), wanted.map(({ unit }) => unit), clip.lora),
  };
  async function sumOf(kind: keyof typeof clip, assigned: readonly TokenizedUnit[], wanted = assigned): Promise<ClippedSum> {
    const trainer = createTrainer(engine);
    await trainer.configure(adapter);
    await trainer.assign(assigned, 'person');
    await trainer.assignHeldOut([]);
    if (kind !== 'lora') await trainer.prepareFeatures(features, () => undefined);
    return sums[kind](trainer, wanted);
  }

  for (const kind of ['head', 'features', 'lora'] as const) {
    it(`${kind}: permuted rows, and rows dealt to two trainers, give equal integers`, async () => {
      const whole = await sumOf(kind, units);
      expect(whole.sum.every(Number.isSafeInteger)).toBe(true);
      expect(whole.sum.some((value) => value !== 0)).toBe(true);
      expect(await sumOf(kind, units.map((_, i) => units[(i * 4) % 9]!))).toEqual(whole);
      const parts = [await sumOf(kind, units.slice(0, 4)), await sumOf(kind, units.slice(4))];
      expect(addClippedSums(parts, whole.sum.length)).toEqual(whole);
    });

    it(`${kind}: a neighbour differs by exactly its rows as they are alone, whatever they were padded to or dropped from`, async () => {
      const whole = await sumOf(kind, units);
      for (const unit of [units[0]!, units[2]!, units[6]!]) {
        const rest = units.filter((other) => other !== unit);
        const alone = await sumOf(kind, [unit]);
        expect(minus(whole, await sumOf(kind, rest))).toEqual(alone.sum);
        checkClippedSum(alone, { length: alone.sum.length, unitCount: 1, clipNorm: clip[kind] });
        if (kind === 'lora') expect(minus(whole, await sumOf(kind, units, rest))).toEqual(alone.sum);
      }
    });

    it(`${kind}: a norm of 1.001 C is caught`, async () => {
      for (const unit of units.slice(0, 3)) {
        const { sum, ...rest } = await sumOf(kind, [unit]);
        // Clipped, or of that length by itself: the case that the check is for.
        expect(Math.hypot(...sum) / rest.sensitivity).toBeGreaterThan(kind === 'features' ? 0.5 : 0.99);
        expect(() => checkClippedSum(stretched({ sum, ...rest }), { length: sum.length, unitCount: 1, clipNorm: clip[kind] })).toThrow(expect.objectContaining({ code: 'training/sum-check' }));
      }
    });
  }

  it('the check at the start passes this backend, and not one that clips to 1.001 C', async () => {
    for (const plan of [nanoPlans.fullBatch(48), nanoPlans.dpSgd(48)]) {
      const honest = createTrainer(engine);
      await expect(checkTrainerClips(honest, plan, classes)).resolves.toBeUndefined();
      const faulty: Trainer = { ...honest, headGradientSum: async (...args) => stretched(await honest.headGradientSum(...args)), loraGradientSum: async (...args) => stretched(await honest.loraGradientSum(...args)) };
      await expect(checkTrainerClips(faulty, plan, classes)).rejects.toMatchObject({ code: 'training/clip-check' });
    }
  });
});
