import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { pldEpsilon } from '../privacy/pld/pld.ts';
import { poissonDraw } from '../privacy/sampling.ts';
import { testStream } from '../privacy/testing/streams.ts';
import { runSession } from './session.ts';
import { dpSgdMechanism } from './run-dp-sgd.ts';
import { nanoPlans, nanoSession, nanoUnits } from './testing/nano-session.ts';
import type { ClippedSum, Trainer } from './trainer.ts';

describe('a DP-SGD session', () => {
  it('charges one Poisson Gaussian a step and comes to the epsilon of its plan', async () => {
    const plan = nanoPlans.dpSgd(48, { validationEpsilon: null });
    const { input, ledger } = nanoSession(plan);
    const outcome = await runSession(input);
    expect(outcome).toMatchObject({ state: 'finished', stepsDone: 4, releasedAccuracy: null });
    const mechanism = dpSgdMechanism(plan, 48);
    expect(mechanism.samplingRate).toBe(0.25);
    expect(ledger.charges).toEqual([1, 2, 3, 4].map((step) => ({ part: 'training', step, purpose: 'gradient', mechanism })));
    const { epsilon } = pldEpsilon([{ mechanism, count: 4 }], plan.delta);
    expect(epsilon).toBeLessThanOrEqual(3);
    expect(epsilon).toBeGreaterThan(2.99);
  });

  /** A trainer whose every gradient is zero or of clip length, and that notes who was asked for. */
  const spied = (trainer: Trainer, asked: number[][], value: (units: readonly number[]) => number): Trainer => {
    // Two rows are shown to a trainer before it is trusted.
    let checks = 2;
    return {
      ...trainer,
      async loraGradientSum(theta, units, clipNorm): Promise<ClippedSum> {
        const honest = await trainer.loraGradientSum(theta, units, clipNorm);
        if (checks-- > 0) return honest;
        asked.push([...units]);
        return { ...honest, sum: honest.sum.map((_, i) => (i === 0 ? value(units) * Math.floor(clipNorm * honest.gridScale) : 0)) };
      },
    };
  };

  it('trains on exactly the secret draw, and takes an empty draw as a step like any other', async () => {
    const plan = nanoPlans.dpSgd(48, { expectedBatchSize: 1, steps: 12, validationEpsilon: null });
    const asked: number[][] = [];
    const base = nanoSession(plan, { keys: testStream(8) });
    const { input, ledger } = nanoSession(plan, { keys: testStream(8), trainers: [spied(base.input.trainers[0]!, asked, () => 0)] });
    await runSession(input);
    const expected = [];
    for (let step = 1; step <= 12; step++) expected.push(Array.from(await poissonDraw(testStream(8), step, 48, 1 / 48)));
    expect(asked).toEqual(expected);
    expect(expected.some((drawn) => drawn.length === 0)).toBe(true);
    expect(ledger.charges).toHaveLength(12);
  });

  it('divides by the expected batch, not by the one drawn', async () => {
    // Two runs with the same draws and noise, one unit's gradient against all of them: with the drawn size as divisor the means would be equal.
    const plan = nanoPlans.dpSgd(48, { steps: 1, validationEpsilon: null, epsilon: 50 });
    const firstMoments = await Promise.all([(units: readonly number[]) => units.length, () => 1].map(async (value) => {
      const base = nanoSession(plan, { keys: testStream(9) });
      const { input, checkpoints } = nanoSession(plan, { keys: testStream(9), trainers: [spied(base.input.trainers[0]!, [], value)] });
      await runSession(input);
      return checkpoints.saved.at(-1)!.tensors['firstMoment']![0]!;
    }));
    const drawn = (await poissonDraw(testStream(9), 1, 48, 0.25)).length;
    expect(drawn).toBeGreaterThan(1);
    // m = 0.1 g after one step of Adam, g = clip * count / 12; float32 of about 0.1 carries 1e-8.
    expect(firstMoments[0]! - firstMoments[1]!).toBeCloseTo((0.1 * plan.clipNorm * (drawn - 1)) / 12, 6);
  });

  it('goes on after an interruption with the optimizer as it was', async () => {
    const plan = nanoPlans.dpSgd(48, { validationEpsilon: null });
    const first = nanoSession(plan, { keys: testStream(10) });
    await runSession(first.input);
    const second = nanoSession(plan, { keys: testStream(11), resumeFrom: first.checkpoints.saved[2]! });
    await runSession(second.input);
    expect(second.ledger.charges.map(({ step }) => step)).toEqual([3, 4]);
    expect(second.checkpoints.saved[0]!.counts['optimizerSteps']).toBe(3);
  });

  it('tells nobody how many were drawn: not by an error, not by the time that single steps took', async () => {
    const plan = nanoPlans.dpSgd(48, { expectedBatchSize: 1, steps: 24, validationEpsilon: null });
    const base = nanoSession(plan, { keys: testStream(8) });
    const miscounting: Trainer = { ...spied(base.input.trainers[0]!, [], () => 0) };
    let calls = 0;
    const { input } = nanoSession(plan, { trainers: [{ ...miscounting, loraGradientSum: async (...args) => {
      const sum = await miscounting.loraGradientSum(...args);
      return calls++ === 0 ? sum : { ...sum, unitCount: sum.unitCount + 1 };
    } }] });
    const error: unknown = await runSession(input).catch((reason: unknown) => reason);
    if (!(error instanceof BedsideError)) throw new Error('expected the miscount to end the run');
    expect(error.code).toBe('training/sum-check');
    expect(`${error.message} ${JSON.stringify(error.values)}`).not.toMatch(/\d/);

    const { input: whole, progress } = nanoSession(plan, { keys: testStream(8) });
    await runSession(whole);
    const timed = progress.filter(({ phase }) => phase === 'training');
    expect(timed.filter(({ step }) => step < 10).every(({ secondsLeft }) => secondsLeft === null)).toBe(true);
    // Ten steps' mean, the same until ten more are done.
    const pace = (from: number, to: number) => new Set(timed.filter(({ step }) => step >= from && step < to).map(({ notesPerSecond }) => notesPerSecond));
    expect([pace(10, 20), pace(20, 25)].map((paces) => [paces.size, paces.has(null)])).toEqual([[1, false], [1, false]]);
    // A score takes time too, and tells of the steps since the last one.
    expect(timed.filter(({ heldOut }) => heldOut !== null).map(({ step }) => step)).toEqual([0, 10, 20, 24]);
  });

  it('protects persons: a draw is of persons, and their rows come together', async () => {
    const plan = nanoPlans.dpSgd(12, { unit: 'person', expectedBatchSize: 6, steps: 2 });
    const { input, ledger } = nanoSession(plan, { training: nanoUnits(12, 3, 4, 3) });
    await runSession(input);
    expect(ledger.charges[0]!.mechanism).toMatchObject({ samplingRate: 0.5 });
  });
});
