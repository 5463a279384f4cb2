import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { createGradientAccumulator } from '../privacy/clipping.ts';
import { composedEpsilon } from '../privacy/composition.ts';
import { testStream, watchedStream } from '../privacy/testing/streams.ts';
import { recipeBudget } from './full-batch-head.ts';
import { runSession } from './session.ts';
import { SessionControl } from './session-control.ts';
import type { Plan } from './plan.ts';
import { streamTensors } from './stream-tensors.ts';
import { nanoPlans, nanoSession, nanoUnits, RecordingLedger } from './testing/nano-session.ts';
import type { ClippedSum, Trainer } from './trainer.ts';

const training = (ledger: RecordingLedger) => ledger.charges.filter(({ part }) => part === 'training');
const epsilonOf = (ledger: RecordingLedger) => composedEpsilon(training(ledger).map(({ mechanism }) => ({ mechanism, count: 1 })), 1e-5).epsilon;

describe('a private full-batch session', () => {
  it('charges the mean, every step and the validation, and comes to the epsilon of its plan', async () => {
    const { input, ledger, checkpoints, progress } = nanoSession(nanoPlans.fullBatch(48));
    const outcome = await runSession(input);
    expect(outcome).toMatchObject({ state: 'finished', stepsDone: 8, steps: 8 });
    expect(ledger.charges.map(({ purpose }) => purpose)).toEqual(['feature-mean', ...new Array<string>(8).fill('gradient'), 'charged-validation']);
    // The plan spends its target but for the 1e-12 that keeps rounding below it.
    expect(epsilonOf(ledger)).toBeLessThanOrEqual(3);
    expect(epsilonOf(ledger)).toBeGreaterThan(3 - 1e-9);
    expect(checkpoints.saved.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(progress.at(-1)!.epsilonRun).toBeCloseTo(3, 8);
    expect(outcome.releasedAccuracy!.value.epsilon).toBe(1);
  });

  it('is refused, having read and charged nothing, at a delta from which giving one unit away whole would keep the promise', async () => {
    for (const delta of [1 / 48, 0.5, Number.NaN]) {
      const { input, ledger } = nanoSession(nanoPlans.fullBatch(48, { delta }));
      await expect(runSession(input)).rejects.toMatchObject({ code: 'training/loose-delta', values: { units: 48 } });
      expect(ledger.charges).toEqual([]);
    }
    await expect(runSession(nanoSession(nanoPlans.dpSgd(48, { delta: 1 / 48 })).input)).rejects.toMatchObject({ code: 'training/loose-delta' });
    expect((await runSession(nanoSession(nanoPlans.fullBatch(48, { delta: 1 / 49 })).input)).state).toBe('finished');
    // A larger held-out part is held to it too, where it pays for something.
    const more = { heldOut: nanoUnits(60, 3, 2) };
    await expect(runSession(nanoSession(nanoPlans.fullBatch(48, { delta: 1 / 49 }), more).input)).rejects.toMatchObject({ code: 'training/loose-delta', values: { units: 60 } });
    expect((await runSession(nanoSession(nanoPlans.fullBatch(48, { delta: 1 / 49, validationEpsilon: null }), more).input)).state).toBe('finished');
  });

  it('scores the label sentences before the first step', async () => {
    const { input, progress } = nanoSession(nanoPlans.fullBatch(48));
    await runSession(input);
    const scored = progress.filter(({ heldOut }) => heldOut !== null);
    expect(scored[0]!.step).toBe(0);
    expect(scored.at(-1)!.step).toBe(8);
    expect(scored[0]!.heldOut!.value.accuracy.total).toBe(12);
  });

  it('gives the same model for permuted rows and for one or three trainers: sums are exact', async () => {
    const units = nanoUnits(48, 3, 1);
    const permuted = units.map((_, i) => ({ ...units[(i * 7) % 48]!, unit: i }));
    const models = await Promise.all(
      [{}, { training: permuted }, { trainerCount: 3 }].map(async (changes) => (await runSession(nanoSession(nanoPlans.fullBatch(48), changes).input)).model),
    );
    expect(models[1]).toEqual(models[0]);
    expect(models[2]).toEqual(models[0]);
  });

  it('lets the other trainers read no further where one has failed', async () => {
    const base = nanoSession(nanoPlans.fullBatch(96), { trainerCount: 2, training: nanoUnits(96, 3, 1) });
    const [first, second] = base.input.trainers;
    const lost = new BedsideError('device/worker-died', 'device', 'The trainer is gone.', 'Resume.');
    let reading: Promise<unknown> = Promise.resolve();
    let checks = 1;
    const trainers: Trainer[] = [
      { ...first!, prepareFeatures: (...args) => (reading = first!.prepareFeatures(...args)) },
      { ...second!, prepareFeatures: (...args) => (checks-- > 0 ? second!.prepareFeatures(...args) : Promise.reject(lost)) },
    ];
    await expect(runSession({ ...base.input, trainers })).rejects.toBe(lost);
    // Three batches of its own: it gives up after one of them.
    await expect(reading).rejects.toMatchObject({ code: 'training/stopped-early' });
  });

  it('learns where noise is small', async () => {
    const { input, progress } = nanoSession(nanoPlans.fullBatch(48, { epsilon: 1e4, steps: 50 }));
    await runSession(input);
    const scores = progress.flatMap(({ heldOut }) => (heldOut ? [heldOut.value.accuracy.count] : []));
    expect(scores.at(-1)).toBeGreaterThanOrEqual(11);
  });
});

describe('the door', () => {
  const broken = (trainer: Trainer, change: (sum: ClippedSum) => ClippedSum): Trainer => {
    let checks = 1;
    return {
      ...trainer,
      // The start-up check sees an honest trainer; only later sums are spoiled.
      headGradientSum: async (...args) => {
        const sum = await trainer.headGradientSum(...args);
        return checks-- > 0 ? sum : change(sum);
      },
    };
  };
  /** The first call is the start-up check's, which sees an honest trainer. */
  function afterCheck<Arguments extends readonly unknown[]>(honest: (...args: Arguments) => Promise<ClippedSum>, later: (...args: Arguments) => Promise<ClippedSum>): (...args: Arguments) => Promise<ClippedSum> {
    let checks = 1;
    return (...args) => (checks-- > 0 ? honest(...args) : later(...args));
  }
  /** The sum of the 24 units of one of two trainers, each clipped to `clipNorm`. */
  const clippedTo = (clipNorm: number, length: number): ClippedSum => {
    const accumulator = createGradientAccumulator({ length, clipNorm });
    for (let unit = 0; unit < 24; unit++) accumulator.addUnit(new Float64Array(length).fill(0.01));
    return accumulator.result();
  };
  const faults: Record<string, (sum: ClippedSum) => ClippedSum> = {
    'a sum that is not finite': (sum) => ({ ...sum, sum: sum.sum.map((value, i) => (i === 3 ? NaN : value)) }),
    'a sum off the grid': (sum) => ({ ...sum, sum: sum.sum.map((value) => value + 0.5) }),
    'a unit too many': (sum) => ({ ...sum, unitCount: sum.unitCount + 1 }),
    'a norm beyond count times K': (sum) => ({ ...sum, sum: sum.sum.map((value, i) => (i === 0 ? 49 * Math.floor(0.3 * sum.gridScale) : value)) }),
    'a sum clipped to another bound': (sum) => ({ ...sum, sensitivity: sum.sensitivity + 1 }),
    'a sum that bears no bound': (sum) => ({ ...sum, sensitivity: NaN }),
    'a shorter sum': (sum) => ({ ...sum, sum: sum.sum.slice(1) }),
  };
  for (const [name, change] of Object.entries(faults)) {
    it(`ends the run on ${name}, with nothing of the step released`, async () => {
      const base = nanoSession(nanoPlans.fullBatch(48));
      const { input, ledger, checkpoints } = nanoSession(nanoPlans.fullBatch(48), { trainers: [broken(base.input.trainers[0]!, change)] });
      await expect(runSession(input)).rejects.toMatchObject({ code: 'training/sum-check' });
      expect(checkpoints.saved.map(({ step }) => step)).toEqual([0]);
      expect(training(ledger)).toHaveLength(2);
    });
  }

  /** Trainers that are told a clip norm half as large again as the one that the noise and the charge were computed from. */
  const misclipped: Record<string, { readonly plan: Plan; readonly released: number; readonly spoil: (trainer: Trainer) => Partial<Trainer> }> = {
    'the gradients of a head': { plan: nanoPlans.fullBatch(48), released: 1, spoil: (trainer) => ({ headGradientSum: afterCheck(trainer.headGradientSum, (weights, classes, clipNorm, biasInput) => trainer.headGradientSum(weights, classes, clipNorm * 1.5, biasInput)) }) },
    'the gradients of LoRA': { plan: nanoPlans.dpSgd(48), released: 0, spoil: (trainer) => ({ loraGradientSum: afterCheck(trainer.loraGradientSum, (theta, units, clipNorm) => trainer.loraGradientSum(theta, units, clipNorm * 1.5)) }) },
    'the mean of the features': { plan: nanoPlans.fullBatch(48), released: 0, spoil: (trainer) => ({ featureSum: async () => clippedTo(1.5, (await trainer.featureSum()).sum.length) }) },
  };
  for (const [name, { plan, released, spoil }] of Object.entries(misclipped)) {
    it(`refuses ${name} clipped to another norm than the noise was scaled for, in one trainer or in all`, async () => {
      for (const spoiled of [[0], [0, 1], [1]]) {
        const base = nanoSession(plan, { trainerCount: 2 });
        const trainers = base.input.trainers.map((trainer, index) => (spoiled.includes(index) ? { ...trainer, ...spoil(trainer) } : trainer));
        const keys = watchedStream(testStream(6));
        const { input, checkpoints } = nanoSession(plan, { trainers, keys });
        await expect(runSession(input)).rejects.toMatchObject({ code: 'training/sum-check' });
        // Noise is drawn for what was released before, and for nothing else.
        expect(keys.calls.filter(([, tensor]) => tensor === streamTensors.gradient || tensor === streamTensors.featureMean)).toHaveLength(released);
        expect(checkpoints.saved.every(({ step }) => step === 0)).toBe(true);
      }
    });
  }

  it('has charged before any noise is drawn, at every moment', async () => {
    const ledger = new RecordingLedger();
    const stream = testStream(3);
    const ahead: number[] = [];
    let draws = 0;
    const keys = {
      bytes: (step: number, tensor: number, count: number) => {
        draws++;
        ahead.push(ledger.charges.length - draws);
        return stream.bytes(step, tensor, count);
      },
    };
    await runSession(nanoSession(nanoPlans.fullBatch(48), { ledger, keys }).input);
    expect(draws).toBe(10);
    expect(Math.min(...ahead)).toBe(0);
  });

  it('releases nothing when the store fails, whichever charge it is', async () => {
    for (const failing of [0, 1, 5]) {
      const ledger = new RecordingLedger();
      const keys = watchedStream(testStream(4));
      const charges = {
        charge: (...args: Parameters<RecordingLedger['charge']>) =>
          ledger.charges.length === failing ? Promise.reject(new BedsideError('storage/full', 'storage', 'The disk is full.', 'Free some space.')) : ledger.charge(...args),
      };
      const { input, checkpoints } = nanoSession(nanoPlans.fullBatch(48), { charges, keys });
      await expect(runSession(input)).rejects.toMatchObject({ code: 'storage/full' });
      expect(keys.calls).toHaveLength(failing);
      expect(checkpoints.saved.length).toBeLessThanOrEqual(failing);
    }
  });

  it('keeps the last released parameters when the budget ends', async () => {
    const { input, ledger, checkpoints } = nanoSession(nanoPlans.fullBatch(48), { ledger: new RecordingLedger(4) });
    const outcome = await runSession(input);
    expect(outcome).toMatchObject({ state: 'stopped', reason: 'budget', stepsDone: 3 });
    expect(training(ledger)).toHaveLength(4);
    expect(outcome.model).toMatchObject({ weights: checkpoints.saved.at(-1)!.tensors['weights'] });
  });

  it('adds noise of standard deviation s C, no more and no less', async () => {
    const plan = nanoPlans.fullBatch(48, { averageLast: 0.01, steps: 16 });
    const base = nanoSession(plan);
    const { input, checkpoints } = nanoSession(plan, { trainers: [broken(base.input.trainers[0]!, (sum) => ({ ...sum, sum: sum.sum.map(() => 0) }))] });
    await runSession(input);
    const { stepNoiseMultiplier, stepSize } = recipeBudget(plan, 48, 3);
    const noise = checkpoints.saved.slice(1).flatMap(({ tensors }, i) => {
      const before = checkpoints.saved[i]!.tensors['weights']!;
      return Array.from(tensors['weights']!, (value, at) => (value - before[at]!) / stepSize);
    });
    expect(noise).toHaveLength(16 * 3 * 33);
    const deviation = Math.sqrt(noise.reduce((sum, value) => sum + value * value, 0) / noise.length);
    // 1,584 values: a standard error of 1.8 %, four of them allowed; 2/3 and 3/2 of it, and the variance in its place, are far outside.
    expect(Math.abs(deviation / (stepNoiseMultiplier * plan.clipNorm) - 1)).toBeLessThan(0.072);
  });

  it('never asks twice for the same secret bytes', async () => {
    const keys = watchedStream(testStream(5));
    await runSession(nanoSession(nanoPlans.fullBatch(48), { keys }).input);
    expect(new Set(keys.calls.map(([step, tensor]) => `${step}/${tensor}`)).size).toBe(keys.calls.length);
  });
});

describe('a session that is interrupted', () => {
  it('goes on from its checkpoint, charging the interrupted step again under new keys', async () => {
    const plan = nanoPlans.fullBatch(48);
    const ledger = new RecordingLedger();
    const first = nanoSession(plan, { ledger });
    let saves = 0;
    const dying = { save: (checkpoint: Parameters<typeof first.checkpoints.save>[0]) => (++saves > 4 ? Promise.reject(new Error('the tab is gone')) : first.checkpoints.save(checkpoint)) };
    await expect(runSession({ ...first.input, checkpoints: dying })).rejects.toThrow('the tab is gone');
    expect(training(ledger)).toHaveLength(5);

    const keys = watchedStream(testStream(99));
    const second = nanoSession(plan, { ledger, keys, resumeFrom: first.checkpoints.saved.at(-1)! });
    const outcome = await runSession(second.input);
    expect(outcome).toMatchObject({ state: 'finished', stepsDone: 8 });
    // One mean, eight steps, and step 4 a second time.
    expect(training(ledger).map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 4, 5, 6, 7, 8]);
    expect(keys.calls.filter(([step, tensor]) => step === 0 && tensor === 1)).toHaveLength(0);
  });

  it('ends where an uninterrupted one ends, but for the noise', async () => {
    const plan = nanoPlans.plainHead(48, { epochs: 3 });
    const whole = await runSession(nanoSession(plan).input);
    const control = new SessionControl();
    const first = nanoSession(plan, { control });
    const stopping = nanoSession(plan, { control, checkpoints: first.checkpoints, clock: (() => { let now = 0; return () => (now += 6000); })(), onProgress: ({ step }) => { if (step === 7) control.stop(); } });
    const stopped = await runSession(stopping.input);
    expect(stopped).toMatchObject({ state: 'stopped', reason: 'asked', stepsDone: 7 });
    const resumed = await runSession(nanoSession(plan, { resumeFrom: first.checkpoints.saved.at(-1)! }).input);
    expect(resumed.model).toEqual(whole.model);
  });

  it('refuses the checkpoint of another run', async () => {
    const { input, checkpoints } = nanoSession(nanoPlans.fullBatch(48));
    await runSession(input);
    await expect(runSession(nanoSession(nanoPlans.fullBatch(48), { runId: 'other', resumeFrom: checkpoints.saved[0]! }).input)).rejects.toMatchObject({ code: 'training/wrong-checkpoint' });
  });

  it('pauses between steps, counts no time meanwhile, and stops out of a pause', async () => {
    const control = new SessionControl();
    const seen: number[] = [];
    const { input } = nanoSession(nanoPlans.fullBatch(48), {
      control,
      onProgress: ({ step, phase }) => {
        seen.push(step);
        if (phase === 'training' && step === 2) control.pause();
      },
    });
    const running = runSession(input);
    await expect.poll(() => Math.max(...seen), { timeout: 30_000 }).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(Math.max(...seen)).toBe(2);
    control.resume();
    control.stop();
    expect(await running).toMatchObject({ state: 'stopped', reason: 'asked', stepsDone: 2 });
  });

  it('pauses while notes are read, all trainers at once, and stops there with nothing charged', async () => {
    const control = new SessionControl();
    let read = 0;
    const { input, ledger } = nanoSession(nanoPlans.fullBatch(160), {
      control,
      trainerCount: 2,
      // A clock that ticks by the second: every batch is reported.
      clock: (() => {
        let ms = 0;
        return () => (ms += 1000);
      })(),
      onProgress: ({ phase, phaseProgress }) => {
        if (phase !== 'features') return;
        read = phaseProgress.done;
        if (read > 0) control.pause();
      },
    });
    const running = runSession(input);
    await expect.poll(() => control.isPaused, { timeout: 30_000 }).toBe(true);
    const isStill = async () => {
      const before = read;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return read === before;
    };
    await expect.poll(isStill, { timeout: 30_000 }).toBe(true);
    expect(await isStill()).toBe(true);
    // Of 160 notes in two trainers, in a piece each: the micro-batch in hand of each.
    expect(read).toBeLessThanOrEqual(64);
    control.stop();
    await expect(running).rejects.toMatchObject({ code: 'training/stopped-early' });
    expect(ledger.charges).toHaveLength(0);
  });
});

describe('what is shown while a run goes on', () => {
  it('does not depend on who was drawn', async () => {
    const runs = await Promise.all([1, 2].map(async (seed) => {
      const { input, progress } = nanoSession(nanoPlans.dpSgd(48), { keys: testStream(seed) });
      await runSession(input);
      // Held-out scores follow the released parameters; everything else is the same whatever the draws.
      return progress.map(({ heldOut, ...shown }) => ({ ...shown, isScored: heldOut !== null }));
    }));
    expect(runs[0]).toEqual(runs[1]);
  });
});
