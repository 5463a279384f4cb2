import { describe, expect, it } from 'vitest';
import { parameterLayout } from '../engine/parameters.ts';
import { featureLength } from './features.ts';
import { plainHeadProducts, type HeadProducts } from './head-products.ts';
import { createTrainer } from './in-process-trainer.ts';
import { loraStart } from './lora-start.ts';
import { nanoClasses, nanoEngine, nanoUnits } from './testing/nano-session.ts';
import { checkTrainerClips } from './trainer-check.ts';
import { nanoPlans } from './testing/nano-session.ts';
import type { ClippedSum, TokenizedUnit, Trainer } from './trainer.ts';

const features = { layers: [2, 1], weights: [0.5, 0.5], isUnitLength: true };
const length = featureLength(features, 32);
const weights = Float32Array.from({ length: nanoClasses * (length + 1) }, (_, i) => Math.sin(i));
const adapter = { classes: nanoClasses, lora: { rank: 2, alpha: 4, targets: ['query', 'value'], layers: [0, 1] } } as const;
const shape = nanoEngine().shape;
const theta = loraStart(shape, adapter, 3).theta.map((value, i) => value + 0.01 * Math.cos(i));

async function trainerOf(units: readonly TokenizedUnit[], unit: 'row' | 'person' = 'row'): Promise<Trainer> {
  const trainer = createTrainer(nanoEngine());
  await trainer.configure(adapter);
  await trainer.assign(units, unit);
  await trainer.assignHeldOut([]);
  await trainer.prepareFeatures(features, () => undefined);
  return trainer;
}

const norm = ({ sum, gridScale }: ClippedSum) => Math.hypot(...sum) / gridScale;
const difference = (a: ClippedSum, b: ClippedSum): ClippedSum => ({ ...a, sum: a.sum.map((value, i) => value - b.sum[i]!) });

describe('clipped sums', () => {
  const sums: Record<string, (trainer: Trainer, units: readonly TokenizedUnit[]) => Promise<ClippedSum>> = {
    head: (trainer) => trainer.headGradientSum(weights, nanoClasses, 0.3, 0.3),
    features: (trainer) => trainer.featureSum(),
    lora: (trainer, units) => trainer.loraGradientSum(theta, units.map(({ unit }) => unit), 0.1),
  };
  const clip = { head: 0.3, features: 1, lora: 0.1 } as const;

  for (const name of ['head', 'features', 'lora'] as const) {
    it(`${name}: leaving out any one unit moves the sum by the clip norm at most, exactly on the grid`, async () => {
      for (const [rows, unit] of [[1, 'row'], [3, 'person']] as const) {
        const units = nanoUnits(4, nanoClasses, 5, rows);
        const whole = await sums[name]!(await trainerOf(units, unit), units);
        for (const left of units) {
          const rest = units.filter((one) => one !== left);
          const change = norm(difference(whole, await sums[name]!(await trainerOf(rest, unit), rest)));
          expect(change).toBeLessThanOrEqual(clip[name]);
          expect(change).toBeGreaterThan(0);
        }
        expect(whole.sensitivity).toBe(Math.floor(clip[name] * whole.gridScale));
      }
    });

    it(`${name}: the order of the rows makes no difference, not in one bit`, async () => {
      const units = nanoUnits(9, nanoClasses, 6);
      const shuffled = [...units].reverse();
      expect(await sums[name]!(await trainerOf(shuffled), shuffled)).toEqual(await sums[name]!(await trainerOf(units), units));
    });
  }

  it("a person's rows meet before the clip: ten times the same row weighs as much as one", async () => {
    const [one] = nanoUnits(1, nanoClasses, 7);
    const person = [{ unit: 0, rows: new Array<TokenizedUnit['rows'][number]>(10).fill(one!.rows[0]!) }];
    const single = await (await trainerOf([one!])).headGradientSum(weights, nanoClasses, 0.3, 0.3);
    const tenfold = await (await trainerOf(person, 'person')).headGradientSum(weights, nanoClasses, 0.3, 0.3);
    expect(norm(tenfold)).toBeLessThanOrEqual(0.3);
    // Both are clipped to the same direction; what differs is truncation, a grid step an entry.
    expect(norm(difference(single, tenfold))).toBeLessThan(0.01);
    expect(tenfold.unitCount).toBe(1);
  });

  it('a note that stands in several rows is clipped once, whatever its labels', async () => {
    const [one] = nanoUnits(1, nanoClasses, 7);
    const { ids } = one!.rows[0]!;
    const notes = [0, 1, 0].map((label) => ({ ids, label }));
    for (const name of ['head', 'features', 'lora'] as const) {
      const repeated = [{ unit: 0, rows: notes }];
      const sum = await sums[name]!(await trainerOf(repeated), repeated);
      const limit = Math.floor(clip[name] * sum.gridScale);
      expect(sum.unitCount).toBe(1);
      // Integers: their squares are summed exactly.
      expect(sum.sum.every(Number.isSafeInteger)).toBe(true);
      expect(sum.sum.reduce((total, value) => total + value * value, 0)).toBeLessThanOrEqual(limit * limit);
      // Three units of their own would weigh more.
      const apart = notes.map((row, unit) => ({ unit, rows: [row] }));
      expect(norm(await sums[name]!(await trainerOf(apart), apart))).toBeGreaterThan(clip[name]);
    }
  });

  it('of a head come from the products that were opened, if those are right, and from plain loops otherwise', async () => {
    const units = nanoUnits(6, nanoClasses, 11);
    const expected = await (await trainerOf(units)).headGradientSum(weights, nanoClasses, 0.3, 0.3);
    const sumBy = async (openHeadProducts: () => Promise<HeadProducts | null>) => {
      const trainer = createTrainer(nanoEngine(), { openHeadProducts });
      await trainer.assign(units, 'row');
      await trainer.assignHeldOut([]);
      await trainer.prepareFeatures(features, () => undefined);
      return trainer.headGradientSum(weights, nanoClasses, 0.3, 0.3);
    };
    let calls = 0;
    const counted: HeadProducts = { ...plainHeadProducts, addOuterProducts: (...args) => (calls++, plainHeadProducts.addOuterProducts(...args)) };
    expect(await sumBy(async () => counted)).toEqual(expected);
    // Two for the check.
    expect(calls).toBeGreaterThan(2);
    const doubled: HeadProducts = { ...plainHeadProducts, addOuterProducts: (total, work) => plainHeadProducts.addOuterProducts(total, { ...work, residuals: work.residuals.map((value) => 2 * value) }) };
    expect(await sumBy(async () => doubled)).toEqual(expected);
    expect(await sumBy(async () => null)).toEqual(expected);
    expect(await sumBy(() => Promise.reject(new Error('no such file')))).toEqual(expected);
  });

  it('only the named units, and those it owns, are in a sum of adapters', async () => {
    const units = nanoUnits(6, nanoClasses, 8);
    const trainer = await trainerOf(units);
    const some = await trainer.loraGradientSum(theta, [1, 4, 99], 0.1);
    expect(some.unitCount).toBe(2);
    expect(some).toEqual(await (await trainerOf([units[1]!, units[4]!])).loraGradientSum(theta, [1, 4], 0.1));
    expect(await trainer.loraGradientSum(theta, [], 0.1)).toMatchObject({ unitCount: 0 });
  });
});

describe('the gradient of adapters', () => {
  it('is the same from cached prefixes, within a byte limit and without a cache', async () => {
    const top = { classes: nanoClasses, lora: { ...adapter.lora, layers: [1] } };
    const start = loraStart(shape, top, 1).theta;
    const units = nanoUnits(8, nanoClasses, 9);
    const results = await Promise.all([0, 2000, 1e6].map(async (prefixBytes) => {
      const trainer = createTrainer(nanoEngine(), { prefixBytes });
      await trainer.configure(top);
      await trainer.assign(units, 'row');
      return trainer.loraGradientSum(start, units.map(({ unit }) => unit), 0.1);
    }));
    expect(start.length).toBe(parameterLayout(shape, top).length);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('not private: is the gradient of the summed loss', async () => {
    const units = nanoUnits(3, nanoClasses, 10);
    const engine = nanoEngine();
    engine.configure(adapter);
    const rows = units.flatMap(({ rows: own }) => own);
    const loss = async (at: Float32Array) => {
      engine.setParameters(at);
      let total = 0;
      for (const { ids, label } of rows) total += (await engine.gradients({ ids, offsets: Int32Array.of(0, ids.length) }, Int32Array.of(label))).losses[0]!;
      return total;
    };
    const { sum, rowCount } = await (await trainerOf(units)).plainLoraGradientSum(theta, [0, 1, 2]);
    expect(rowCount).toBe(3);
    for (const index of [0, 40, sum.length - 1, sum.length - 50]) {
      const step = 1e-2;
      const [up, down] = [theta.slice(), theta.slice()];
      up[index]! += step;
      down[index]! -= step;
      // Float32 losses of about 3 carry 3e-7 each: over two steps of 0.01, 6e-5; the rest is curvature.
      expect(sum[index]!).toBeCloseTo(((await loss(up)) - (await loss(down))) / (2 * step), 2);
    }
  });
});

describe('the start-up check', () => {
  const plans = { head: nanoPlans.fullBatch(48), adapters: nanoPlans.dpSgd(48) };
  for (const [name, plan] of Object.entries(plans)) {
    it(`passes a trainer that clips (${name})`, async () => {
      await expect(checkTrainerClips(createTrainer(nanoEngine()), plan, nanoClasses)).resolves.toBeUndefined();
    });
    it(`catches a trainer that does not clip, and one that returns nothing (${name})`, async () => {
      const honest = createTrainer(nanoEngine());
      for (const factor of [7, 0]) {
        const change = (sum: ClippedSum): ClippedSum => ({ ...sum, sum: sum.sum.map((value) => value * factor) });
        const faulty: Trainer = {
          ...honest,
          headGradientSum: async (...args) => change(await honest.headGradientSum(...args)),
          loraGradientSum: async (...args) => change(await honest.loraGradientSum(...args)),
        };
        await expect(checkTrainerClips(faulty, plan, nanoClasses)).rejects.toMatchObject({ code: 'training/clip-check' });
      }
    });
  }
});
