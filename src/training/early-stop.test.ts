import { describe, expect, it } from 'vitest';
import { LossWatch } from './early-stop.ts';
import type { PlainHeadPlan } from './plan.ts';
import { runSession } from './session.ts';
import { trainOnPlan } from './train-on.ts';
import { nanoPlans, nanoSession, nanoUnits } from './testing/nano-session.ts';

const theta = (value: number) => Float32Array.of(value);
/** The look that ends a run with these losses, or null; and what is kept then. */
function watched(patience: number, losses: readonly number[]) {
  const watch = new LossWatch({ patience }, null);
  const end = losses.findIndex((loss, step) => watch.isOver(step + 1, loss, theta(step)));
  return { endsAt: end < 0 ? null : end + 1, kept: watch.best?.step ?? null };
}

describe('LossWatch', () => {
  it.each([
    ['goes on while the loss falls', 2, [3, 2, 1, 0.5], { endsAt: null, kept: 4 }],
    ['ends after so many looks without gain, and keeps the least', 2, [3, 2, 2.5, 2.1, 1], { endsAt: 4, kept: 2 }],
    ['starts counting anew with each gain', 2, [3, 3.1, 2, 2.1, 1.9, 2, 2], { endsAt: 7, kept: 5 }],
    ['takes an equal loss for no gain', 1, [2, 2], { endsAt: 2, kept: 1 }],
    ['takes a loss that is no number for no gain', 2, [2, NaN, NaN], { endsAt: 3, kept: 1 }],
  ] as const)('%s', (_, patience, losses, wanted) => expect(watched(patience, losses)).toEqual(wanted));

  it('keeps the start so long as no look is better, and counts the looks that were not', () => {
    const watch = new LossWatch({ patience: 2 }, null);
    watch.start(1, theta(7));
    expect(watch.isOver(1, 1.5, theta(8))).toBe(false);
    expect(watch.isOver(2, 1, theta(9))).toBe(true);
    expect(watch.best).toEqual({ theta: theta(7), step: 0, lossNats: 1 });
    const better = new LossWatch({ patience: 2 }, null);
    better.start(1, theta(7));
    better.isOver(1, 0.5, theta(8));
    expect(better.best?.step).toBe(1);
    // A start whose loss is no number stands in nobody's way.
    const unknown = new LossWatch({ patience: 2 }, null);
    unknown.start(NaN, theta(7));
    expect(unknown.best).toBeNull();
  });

  it('takes no start for better than what an interrupted run remembered', () => {
    const watch = new LossWatch({ patience: 2 }, null);
    watch.isOver(1, 2, theta(1));
    const again = new LossWatch({ patience: 2 }, { version: 1, runId: 'run', plan: nanoPlans.plainHead(8), step: 1, ...watch.parts(), elapsedSeconds: 0 });
    again.start(0, theta(7));
    expect(again.best?.step).toBe(1);
  });

  it('goes on from a checkpoint where it was', () => {
    const watch = new LossWatch({ patience: 2 }, null);
    for (const [step, loss] of [3, 2, 2.5].entries()) watch.isOver(step + 1, loss, theta(step));
    const checkpoint = { version: 1, runId: 'run', plan: nanoPlans.plainHead(8), step: 3, ...watch.parts(), elapsedSeconds: 0 } as const;
    const again = new LossWatch({ patience: 2 }, checkpoint);
    expect(again.best).toEqual({ theta: theta(1), step: 2, lossNats: 2 });
    expect(again.isOver(4, 2.2, theta(9))).toBe(true);
  });
});

describe('a run that ends early', () => {
  // Held-out rows with labels dealt anew: what is learnt soon harms.
  const heldOut = nanoUnits(12, 3, 2).map((unit) => ({ ...unit, rows: unit.rows.map((row) => ({ ...row, label: (row.label + 1) % 3 })) }));
  const plan = (changes: Partial<PlainHeadPlan> = {}) => nanoPlans.plainHead(48, { epochs: 10, stopEarly: { patience: 2 }, ...changes });

  /** Time that passes between steps alone: each finds that the last save is long ago. */
  function savesEveryStep() {
    let ms = 0;
    return { clock: () => ms, yields: async () => void (ms += 60_000) };
  }

  it('keeps the model of the least held-out loss, and ends before its time', async () => {
    const { input, progress } = nanoSession(plan(), { heldOut });
    const { state, stepsDone, model, heldOutLogits } = await runSession(input);
    expect(state).toBe('finished');
    const looks = progress.filter(({ phase, heldOut: score }) => phase === 'training' && score !== null).slice(1);
    const losses = looks.map(({ heldOut: score }) => score!.value.lossNats!);
    const least = losses.indexOf(Math.min(...losses));
    expect(looks).toHaveLength(least + 3);
    expect(looks.length).toBeLessThan(10);
    expect(stepsDone).toBe(looks[least]!.step);
    // What the same run had at that step.
    const { input: whole, checkpoints } = nanoSession(plan(), { heldOut, ...savesEveryStep() });
    await runSession(whole);
    const saved = checkpoints.saved.find(({ step }) => step === stepsDone)!;
    if (model.kind !== 'head') throw new Error(model.kind);
    expect(model.weights).toEqual(saved.tensors['theta']);
    expect(heldOutLogits.value).toHaveLength(12 * 3);
  });

  it('resumed in between ends where it would have ended', async () => {
    const { input } = nanoSession(plan(), { heldOut });
    const wanted = await runSession(input);
    const cut = nanoSession(plan(), { heldOut, ...savesEveryStep() });
    await runSession(cut.input);
    const last = cut.checkpoints.saved.at(-1)!;
    expect(last.step).toBeGreaterThan(wanted.stepsDone);
    const saves = cut.checkpoints.saved.filter(({ step }) => step >= wanted.stepsDone - 1);
    // Also where it was saved at a look, the one that found the least loss among them.
    expect(saves.map(({ step }) => step)).toContain(wanted.stepsDone);
    for (const saved of saves) {
      const again = await runSession(nanoSession(plan(), { heldOut, resumeFrom: saved }).input);
      expect(again.stepsDone, `from step ${saved.step}`).toBe(wanted.stepsDone);
      expect(again.model).toEqual(wanted.model);
    }
  });

  it('that trains on keeps the model it began with where every look is worse', async () => {
    for (const first of [plan({ epochs: 1 }), nanoPlans.plainLora(48, { epochs: 2, stopEarly: { patience: 2 } })]) {
      // Trained and judged by the same rows first; then judged by labels dealt anew, which every further step harms.
      const begun = await runSession(nanoSession({ ...first, epochs: 4 }).input);
      const on = trainOnPlan({ id: 'run', number: 1, plan: first, stepsDone: begun.stepsDone, trainingUnits: 48, classes: 3 });
      const { input, progress } = nanoSession(on, { runId: 'second', heldOut, startsFrom: begun.model });
      const { state, stepsDone, model } = await runSession(input);
      const losses = progress.flatMap(({ phase, heldOut: score }) => (phase === 'training' && score ? [score.value.lossNats!] : []));
      expect(Math.min(...losses.slice(1)), first.kind).toBeGreaterThan(losses[0]!);
      expect({ state, stepsDone }).toEqual({ state: 'finished', stepsDone: 0 });
      expect(model).toEqual(begun.model);
      expect(losses).toHaveLength(3);
    }
  });

  it('trains to the end where nothing is held out', async () => {
    const { stepsDone, steps } = await runSession(nanoSession(plan(), { heldOut: [] }).input);
    expect(stepsDone).toBe(steps);
  });
});
