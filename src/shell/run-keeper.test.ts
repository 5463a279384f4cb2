import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { composedEpsilon } from '../privacy/composition.ts';
import type { Mechanism } from '../privacy/events.ts';
import { forOwnersEyes } from '../privacy/doors.ts';
import type { DpSgdPlan, Plan } from '../training/plan.ts';
import type { SessionProgress } from '../training/session-input.ts';
import type { RunMessage } from './bedside.service.ts';
import { EnergyMeter, RunEnergy } from './energy-meter.ts';
import { summaryOfRun } from './project-summary.ts';
import type { RunRecord } from './records.ts';
import { isPointDue, isStepTold, RunKeeper } from './run-keeper.ts';
import { toldFields } from './testing/told-fields.ts';

const common = { maximumLength: 128, unit: 'row', heldOutShare: 0.2, seed: 1 } as const;
const dpSgd: DpSgdPlan = { kind: 'dp-sgd', ...common, epsilon: 3, delta: 1e-5, steps: 40, expectedBatchSize: 64, clipNorm: 0.5, learningRate: 0.005, lora: { rank: 8, alpha: 16, targets: ['query'], layers: [0] }, validationEpsilon: null };
const sentences: Plan = { kind: 'label-sentences', ...common };
const nothing = { low: 0, central: 0, high: 0 };

function record(plan: Plan): RunRecord {
  return { id: 'r', projectId: 'p', number: 7, state: 'running', plan, startedAtMs: 0, seconds: 0, stepsDone: 0, steps: 40, epsilonRun: null, energyWh: nothing, carbonGrams: nothing, accuracy: null, macroF1: null, points: [], device: '', savedAtMs: null };
}

const energy = () => new RunEnergy(new EnergyMeter({ deviceClass: 'laptop-integrated', measuredWatts: null, country: null }, () => 1));
const step = (done: number, elapsedSeconds: number, fields: Partial<SessionProgress> = {}): SessionProgress => ({ phase: 'training', phaseProgress: { done, total: 40 }, step: done, steps: 40, elapsedSeconds, secondsLeft: null, notesPerSecond: null, epsilonRun: null, epsilonNextStep: null, epsilonAtEnd: null, heldOut: null, ...fields });
const progressOf = (messages: readonly RunMessage[]) => messages.flatMap((message) => (message.kind === 'progress' ? [message.progress] : []));

describe('points of the panel', () => {
  it('thin a long run to two hundred', () => {
    expect(isPointDue(1, 50)).toBe(true);
    expect(isPointDue(4, 1000)).toBe(false);
    expect(isPointDue(5, 1000)).toBe(true);
  });
});

describe('what the page hears of a run', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** The messages of a run whose steps take these milliseconds, with the time at which each came. */
  async function heard(plan: Plan, stepMs: readonly number[]): Promise<readonly { readonly atMs: number; readonly message: RunMessage }[]> {
    vi.setSystemTime(0);
    const beganAtMs = performance.now();
    const messages: { atMs: number; message: RunMessage }[] = [];
    const keeper = new RunKeeper(record(plan), energy(), null, (message) => messages.push({ atMs: performance.now() - beganAtMs, message }));
    let elapsedMs = 0;
    for (const [index, ms] of stepMs.entries()) {
      await vi.advanceTimersByTimeAsync(ms);
      elapsedMs += ms;
      keeper.reportSaved(elapsedMs);
      keeper.reportSession(step(index + 1, elapsedMs / 1000));
    }
    await vi.advanceTimersByTimeAsync(5000);
    return messages;
  }

  it('does not tell how long a single step with a secret draw took', async () => {
    // The same ten steps' time each, spent in other steps.
    const even = Array.from({ length: 40 }, () => 400);
    const uneven = Array.from({ length: 40 }, (_, index) => [40, 1300, 100, 160, 900, 500, 300, 250, 50, 400][(index + Math.floor(index / 10)) % 10]!);
    expect(uneven.reduce((sum, ms) => sum + ms, 0)).toBe(40 * 400);
    const messages = await heard(dpSgd, even);
    expect(await heard(dpSgd, uneven)).toEqual(messages);
    expect(progressOf(messages.map(({ message }) => message)).map((progress) => progress.step)).toEqual([10, 20, 30, 40]);
    for (const { atMs } of messages) expect(atMs % 1000).toBe(0);
    // Where nothing is secret the page hears four times a second, and of single steps.
    const open = await heard(sentences, uneven);
    expect(open).not.toEqual(await heard(sentences, even));
    expect(open.every(({ atMs }, index) => index === 0 || atMs - open[index - 1]!.atMs >= 250)).toBe(true);
  });

  it('is what the list of messages names, whatever a careless session leaves beside it', async () => {
    const messages: RunMessage[] = [];
    const keeper = new RunKeeper(record(sentences), energy(), null, (message) => messages.push(message));
    const heldOut = forOwnersEyes(Object.assign({ accuracy: { count: 1, total: 2, value: 0.5, low: 0.1, high: 0.9 }, lossNats: 1 }, { logits: [1, 2], trainingLossNats: 0.3 }));
    keeper.reportSession(Object.assign(step(1, 1, { heldOut }), { trainingLossNats: 0.3, gradientNorm: 2, drawnUnits: 61, gradientSum: new Float32Array(3) }));
    await vi.advanceTimersByTimeAsync(5000);
    const [progress] = progressOf(messages);
    const listed = (name: string) => Object.values(toldFields[name]!).flatMap((names: string) => names.split(' ')).sort();
    expect(Object.keys(progress!).sort()).toEqual(listed('RunProgress'));
    expect(Object.keys(progress!.points[0]!).sort()).toEqual(listed('PanelPoint'));
    expect(JSON.stringify(messages)).not.toMatch(/trainingLoss|gradient|drawn|logits/);
  });

  it('is nothing of single secret steps in the record and the points either, wherever the run ends', () => {
    /** What openProject and the panel can show after every step, and after an end at `stop`. */
    const seen = (plan: Plan, seconds: readonly number[], stop: number) => {
      const keeper = new RunKeeper(record(plan), energy(), null, () => undefined);
      const shown: unknown[] = [];
      let elapsed = 0;
      const look = () => shown.push(structuredClone({ summary: summaryOfRun(keeper.run), savedAtMs: keeper.run.savedAtMs, points: keeper.run.points }));
      keeper.reportSession(step(0, 0));
      for (let done = 1; done <= stop; done++) {
        elapsed += seconds[(done - 1) % 10]!;
        keeper.save(done, elapsed, 1000 * elapsed);
        look();
        keeper.reportSaved(1000 * elapsed);
        keeper.reportSession(step(done, elapsed));
        look();
      }
      keeper.close({ state: stop === 40 ? 'finished' : 'stopped', stepsDone: stop, steps: 40, elapsedSeconds: elapsed });
      look();
      return { shown, run: keeper.run };
    };
    // Ten steps last the same, single ones do not.
    const [even, uneven] = [[2, 2, 2, 2, 2, 2, 2, 2, 2, 2], [1, 3, 4, 0.5, 2, 2, 0.5, 1, 5, 1]];
    for (const stop of [3, 20, 31, 39, 40]) {
      const first = seen(dpSgd, even, stop);
      expect(seen(dpSgd, uneven, stop).shown).toEqual(first.shown);
      expect(first.run).toMatchObject({ stepsDone: stop, seconds: 20 * Math.floor(stop / 10) });
      expect(first.run.points.at(-1)).toMatchObject({ step: stop, elapsedSeconds: 20 * Math.floor(stop / 10) });
    }
    // A plan of 31 steps ends one step after its last tenth, and is told then.
    const last = (ms: number) => {
      const keeper = new RunKeeper({ ...record(dpSgd), steps: 31 }, energy(), null, () => undefined);
      for (let done = 1; done <= 31; done++) keeper.reportSession(step(done, done === 31 ? 30 + ms : done, { steps: 31 }));
      return keeper.close({ state: 'finished', stepsDone: 31, steps: 31, elapsedSeconds: 30 + ms });
    };
    expect(last(9)).toEqual(last(1));
    // Where nothing is secret every step is shown.
    expect(seen(sentences, uneven, 31).shown).not.toEqual(seen(sentences, even, 31).shown);
  });

  it('is every step where nothing is drawn, every tenth and the last where draws are secret', () => {
    expect([1, 9, 10, 15, 33].map((done) => isStepTold('dp-sgd', done, 33))).toEqual([false, false, true, false, true]);
    expect(isStepTold('full-batch-head', 1, 33)).toBe(true);
  });

  it('says at its end what the record says, in the last point too', () => {
    const messages: RunMessage[] = [];
    const keeper = new RunKeeper(record(sentences), energy(), null, (message) => messages.push(message));
    keeper.reportSession(step(40, 60, { heldOut: forOwnersEyes({ accuracy: { count: 1, total: 2, value: 0.5, low: 0.1, high: 0.9 }, lossNats: 1 }) }));
    const run = keeper.close({ state: 'finished', stepsDone: 40, steps: 40, elapsedSeconds: 75 });
    keeper.report({ kind: 'failed', code: 'x', message: '', hint: '', values: {} });
    const last = progressOf(messages).at(-1)!;
    expect(last.points).toHaveLength(1);
    expect(last.points.at(-1)).toMatchObject({ step: 40, elapsedSeconds: 75, accuracy: { value: 0.5 }, energyWh: run.energyWh, carbonGrams: run.carbonGrams });
    expect(run.points).toEqual(last.points);
    expect([last.runNumber, last.energyAtEnd]).toEqual([7, null]);
  });

  it('that ended early keeps its looks in order, with the model of one before the last', () => {
    const keeper = new RunKeeper(record(sentences), energy(), null, () => undefined);
    const look = (done: number, lossNats: number) => keeper.reportSession(step(done, done, { heldOut: forOwnersEyes({ accuracy: { count: 1, total: 2, value: 0.5, low: 0.1, high: 0.9 }, lossNats }) }));
    for (const [done, loss] of [[4, 2], [8, 1], [12, 1.5], [16, 1.2]] as const) look(done, loss);
    const run = keeper.close({ state: 'finished', stepsDone: 8, steps: 40, elapsedSeconds: 17 });
    expect(run.stepsDone).toBe(8);
    expect(run.points.map((point) => point.step)).toEqual([4, 8, 12, 16]);
    // Time and energy are those of all steps.
    expect(run.points.at(-1)).toMatchObject({ elapsedSeconds: 17, energyWh: run.energyWh });
  });

  it('looks ahead by the pace, and no lower than what was drawn', () => {
    const messages: RunMessage[] = [];
    const keeper = new RunKeeper(record(sentences), energy(), null, (message) => messages.push(message));
    keeper.reportSession(step(10, 100, { secondsLeft: 300 }));
    keeper.report({ kind: 'failed', code: 'x', message: '', hint: '', values: {} });
    const { energyAtEnd, points } = progressOf(messages).at(-1)!;
    expect(energyAtEnd!.central).toBeCloseTo(4 * points[0]!.energyWh.central, 9);
    expect(energyAtEnd!.low).toBeGreaterThan(points[0]!.energyWh.low);
  });

  it('is a pause with everything that its words need', () => {
    const messages: RunMessage[] = [];
    const keeper = new RunKeeper(record(sentences), energy(), null, (message) => messages.push(message));
    keeper.reportPaused(Object.assign(new Error('Full.'), { code: 'storage/quota-exceeded', hint: 'Free some.', values: { needed: 3 } }));
    // As it arrives over a port.
    expect(structuredClone(messages.at(-1))).toMatchObject({ kind: 'paused', failure: { code: 'storage/quota-exceeded', message: 'Full.', hint: 'Free some.', values: { needed: 3 } } });
  });
});

describe('a pause', () => {
  it('is not taken back by what was in hand when it came', () => {
    const messages: RunMessage[] = [];
    const keeper = new RunKeeper(record(sentences), energy(), null, (message) => messages.push(message));
    keeper.reportPaused(null);
    keeper.reportPhase('features', { done: 32, total: 48 });
    keeper.reportSession(step(3, 3));
    keeper.report({ kind: 'failed', code: 'x', message: '', hint: '', values: {} });
    expect(messages.map(({ kind }) => kind)).toEqual(['paused', 'failed']);
  });

  it('shows what was in hand once it is over', () => {
    const messages: RunMessage[] = [];
    const keeper = new RunKeeper(record(sentences), energy(), null, (message) => messages.push(message));
    keeper.reportPaused(null);
    keeper.reportSession(step(3, 3));
    keeper.reportResumed();
    keeper.report({ kind: 'failed', code: 'x', message: '', hint: '', values: {} });
    expect(messages.map(({ kind }) => kind)).toEqual(['paused', 'progress', 'failed']);
    expect(progressOf(messages)[0]!.step).toBe(3);
  });
});

describe('epsilon of a run', () => {
  it('is what the ledger was charged, and never less than its steps cost', () => {
    const mechanism: Mechanism = { kind: 'poisson-gaussian', noiseMultiplier: 1, samplingRate: 0.1 };
    const training: { mechanism: Mechanism; count: number }[] = [];
    const budget = { epsilonLimit: 4, delta: 1e-5, epsilonSpent: 0, epsilonHeldOut: 0, isUnitMixed: false, allowance: null, isChainIntact: true };
    const keeper = new RunKeeper(record(dpSgd), energy(), { budget: () => budget, ahead: () => null, epsilonCharged: () => composedEpsilon(training, 1e-5).epsilon, settle: () => undefined }, () => undefined);
    for (let count = 1; count <= 3; count++) {
      training.push({ mechanism, count: 1 });
      // Before the step is counted: a run that is cut off here has been charged.
      expect(keeper.charge().epsilonRun).toBe(composedEpsilon([{ mechanism, count }], 1e-5).epsilon);
    }
    keeper.reportSession(step(1, 1, { epsilonRun: 9 }));
    expect(keeper.run.epsilonRun).toBe(9);
  });
});
