import { describe, expect, it } from 'vitest';
import { releasableBecause } from '../privacy/doors.ts';
import { pldEpsilon } from '../privacy/pld/pld.ts';
import { testStream } from '../privacy/testing/streams.ts';
import { chargesOfRun } from './charged-parts.ts';
import { recipeBudget } from './full-batch-head.ts';
import { modelCard } from './model-card.ts';
import type { Plan } from './plan.ts';
import { plannedCharges } from './planned-charges.ts';
import { twoFeatureLayers } from './propose.ts';
import type { SessionInput } from './session-input.ts';
import { runSession } from './session.ts';
import { statementAtEnd, statementOf } from './statement.ts';
import { chargesBehind, trainOnObstacle, trainOnPlan } from './train-on.ts';
import type { TrainedModel } from './trained-model.ts';
import { nanoPlans, nanoSession, RecordingLedger } from './testing/nano-session.ts';

const facts = { unit: 'row', trainingUnits: 48, classes: 3 } as const;
const chargesOf = ({ charges }: RecordingLedger, part = 'training') => charges.flatMap((charge) => (charge.part === part ? [{ mechanism: charge.mechanism, count: 1 }] : []));
const flat = (model: TrainedModel) => (model.kind === 'head' ? model.weights : model.theta);

/** The plan that goes on from a run of `plan` that ended after all its steps, or after `stepsDone`. */
const onFrom = (plan: Plan, stepsDone: number) => trainOnPlan({ id: 'first', number: 3, plan, stepsDone, trainingUnits: 48, classes: 3 });

async function trained(plan: Plan, changes: Partial<SessionInput> = {}) {
  const session = nanoSession(plan, { runId: 'first', ...changes });
  const outcome = await runSession(session.input);
  return { ...session, outcome };
}

/** Trains, and trains on. */
async function twice(plan: Plan, changes: Partial<SessionInput> = {}) {
  const first = await trained(plan);
  const further = onFrom(plan, first.outcome.stepsDone);
  const second = await trained(further, { runId: 'second', keys: testStream(2), startsFrom: first.outcome.model, ...changes });
  return { first, further, second };
}

describe('the plan that goes on from a run', () => {
  it('keeps noise, step size, sampling and clip of a private head, and releases no mean and no score again', () => {
    const plan = nanoPlans.fullBatch(48, { steps: 50 });
    const budget = recipeBudget(plan, 48, 3);
    const on = onFrom(plan, 50);
    expect(on).toMatchObject({ kind: 'full-batch-head', steps: 10, meanShare: 0, averageLast: 1, validationEpsilon: null, clipNorm: plan.clipNorm, delta: plan.delta, continues: { runId: 'first', runNumber: 3, stepsBefore: 50 } });
    if (on.kind !== 'full-batch-head') throw new Error('a head');
    const after = recipeBudget(on, 48, 3);
    expect([after.stepNoiseMultiplier, after.stepSize]).toEqual([budget.stepNoiseMultiplier, budget.stepSize]);
    expect(plannedCharges(on, 48, 3)).toEqual([{ mechanism: { kind: 'gaussian', noiseMultiplier: budget.stepNoiseMultiplier }, count: 10 }]);
    // Its epsilon is that of its own steps.
    expect(on.epsilon).toBeCloseTo(pldEpsilon(plannedCharges(on, 48, 3), plan.delta).epsilon, 9);
    // And again: as many steps, and the steps of both behind it.
    expect(trainOnPlan({ id: 'second', number: 4, plan: on, stepsDone: 10, trainingUnits: 48, classes: 3 })).toEqual({ ...on, continues: { ...on.continues, runId: 'second', runNumber: 4, stepsBefore: 60 } });
  });

  it('is an epoch of Poisson samples under the same noise, and one epoch without noise', () => {
    const plan = nanoPlans.dpSgd(48, { steps: 9 });
    const [charge] = plannedCharges(plan, 48, 3);
    const on = onFrom(plan, 9);
    // A quarter of the units a step.
    expect(on).toMatchObject({ kind: 'dp-sgd', steps: 4, expectedBatchSize: 12, learningRate: plan.learningRate, continues: { stepsBefore: 9, stepSize: null } });
    expect(plannedCharges(on, 48, 3)).toEqual([{ mechanism: charge!.mechanism, count: 4 }]);
    expect(onFrom(nanoPlans.plainLora(48, { epochs: 5 }), 30)).toMatchObject({ kind: 'plain-lora', epochs: 1, continues: { stepsBefore: 30, noiseMultiplier: null } });
  });

  it('is not to be had of a search, of a balanced head, or where nothing was trained', () => {
    const plan = nanoPlans.fullBatch(48);
    expect(trainOnObstacle(plan, 8)).toBeNull();
    expect(trainOnObstacle(plan, 0)).toBe('nothing-trained');
    expect(trainOnObstacle({ ...plan, search: { meanRuns: 5, scoreEpsilon: 2 } }, 8)).toBe('search');
    expect(trainOnObstacle({ ...plan, balance: { countShare: 0.05, strength: 0.5 } }, 8)).toBe('balance');
    const { maximumLength, unit, heldOutShare, seed } = plan;
    expect(trainOnObstacle({ kind: 'label-sentences', maximumLength, unit, heldOutShare, seed }, 0)).toBe('nothing-trained');
    expect(() => onFrom({ ...plan, search: { meanRuns: 5, scoreEpsilon: 2 } }, 8)).toThrow();
  });
});

describe('a run that goes on', () => {
  it.each([['a private head', nanoPlans.fullBatch(48)], ['adapters with noise', nanoPlans.dpSgd(48)]])('of %s is charged what it was priced at, step by step, and promises what both were charged', async (_, plan) => {
    const { first, further, second } = await twice(plan);
    expect(second.ledger.charges.map(({ purpose }) => purpose)).toEqual(second.ledger.charges.map(() => 'gradient'));
    const planned = plannedCharges(further, 48, 3).flatMap(({ mechanism, count }) => Array.from({ length: count }, () => ({ mechanism, count: 1 })));
    expect(chargesOf(second.ledger)).toEqual(planned);
    const before = chargesBehind({ plan, stepsDone: first.outcome.stepsDone, trainingUnits: 48, classes: 3 }, chargesOf(first.ledger), []);
    const promised = statementOf(further, facts, before);
    const kept = statementAtEnd(further, facts, second.outcome, { training: chargesOf(second.ledger), heldOut: [] }, before);
    if (!promised.isPrivate || !kept.isPrivate || further.kind === 'plain-lora') throw new Error('private');
    expect(kept.epsilon).toBeCloseTo(promised.epsilon, 9);
    expect(kept.epsilon).toBeCloseTo(pldEpsilon([...chargesOf(first.ledger), ...chargesOf(second.ledger)], 1e-5).epsilon, 9);
    expect(kept.steps).toBe(first.outcome.stepsDone + second.outcome.stepsDone);
    expect(kept.continues).toMatchObject({ runNumber: 3, stepsBefore: first.outcome.stepsDone });
    expect(kept.continues!.epsilonAlone).toBeCloseTo(pldEpsilon(chargesOf(second.ledger), 1e-5).epsilon, 9);
    // Less than both by themselves added up, more than either.
    expect(kept.epsilon).toBeGreaterThan(3);
    expect(kept.epsilon).toBeLessThan(3 + kept.continues!.epsilonAlone);
  });

  it('says in its model card what it went on from, and that epsilon is of all of it', () => {
    const plan = nanoPlans.fullBatch(48);
    const on = onFrom(plan, 8);
    const before = plannedCharges(plan, 48, 3);
    const textOf = (used: Plan, charges = before) => modelCard({
      baseModel: 'nano', baseModelSha256: 'abc', baseModelLicense: 'apache-2.0', codeVersion: '1', isSynthetic: false, labels: releasableBecause('public', ['a', 'b', 'c']), counts: null,
      plan: releasableBecause('public', used), stepsDone: releasableBecause('public', 2), statement: releasableBecause('public', statementOf(used, facts, charges)), accuracy: null, energyWh: releasableBecause('public', { low: 1, central: 2, high: 3 }),
    });
    const card = textOf(on);
    expect(card).toMatch(/trained on from the model of run 3, which had 8 steps behind it, on the same notes and the same split, with the noise/);
    expect(card).toContain('Steps done: 2, and 8 before.');
    expect(card).toMatch(/epsilon is at most 3\.\d+ at delta [\s\S]*This covers all runs that led to the model; the last by itself is charged epsilon 1\.\d+\./);
    expect(textOf(plan, [])).not.toMatch(/trained on from|all runs that led/);
  });

  it('promises no less where the ledger was erased between the two', () => {
    const plan = nanoPlans.fullBatch(48);
    const before = chargesBehind({ plan, stepsDone: 8, trainingUnits: 48, classes: 3 }, chargesOfRun([], 'first').training, []);
    expect(pldEpsilon(before, plan.delta).epsilon).toBeCloseTo(3, 8);
  });

  it('starts where the run before ended: its first score is that one’s last', async () => {
    for (const plan of [nanoPlans.fullBatch(48, { epsilon: 200, steps: 20 }), nanoPlans.dpSgd(48), nanoPlans.plainHead(48), nanoPlans.plainLora(48)]) {
      const { first, second } = await twice(plan);
      const scores = (progress: typeof first.progress) => progress.flatMap(({ heldOut }) => (heldOut ? [heldOut.value] : []));
      expect(scores(second.progress)[0], plan.kind).toEqual(scores(first.progress).at(-1));
      expect(flat(second.outcome.model)).not.toEqual(flat(first.outcome.model));
    }
  });

  it('of two epochs and one more is three epochs, bit for bit, where nothing decays and no moments are kept', async () => {
    const descent = { optimizer: 'sgd', momentum: 0, warmUpShare: 0, decay: 'none' } as const;
    for (const plan of [nanoPlans.plainHead(48, { epochs: 2, descent }), nanoPlans.plainLora(48, { epochs: 2, descent })]) {
      const { second } = await twice(plan);
      const { outcome } = await trained({ ...plan, epochs: 3 });
      expect(second.outcome.model, plan.kind).toEqual(outcome.model);
    }
  });

  it('differs from three epochs by its moments, which begin anew, and by a rate that rises again', async () => {
    const plan = nanoPlans.plainHead(48, { epochs: 2, learningRate: 0.005 });
    const { first, second } = await twice(plan);
    const whole = await trained({ ...plan, epochs: 3 });
    const apart = (a: TrainedModel, b: TrainedModel) => Math.hypot(...flat(a).map((value, i) => value - flat(b)[i]!));
    const gone = apart(second.outcome.model, first.outcome.model);
    const between = apart(second.outcome.model, whole.outcome.model);
    expect(between).toBeGreaterThan(0);
    // The same way: what lies between them is less than what the third epoch went.
    expect(between).toBeLessThan(gone);
  });

  it('learns on: more steps of a head whose noise is small fit the notes better', async () => {
    const { first, second } = await twice(nanoPlans.fullBatch(48, { epsilon: 1e4, steps: 5, ...twoFeatureLayers(2) }));
    const loss = ({ progress }: typeof first) => progress.flatMap(({ heldOut }) => (heldOut ? [heldOut.value.lossNats!] : [])).at(-1)!;
    expect(loss(second)).toBeLessThan(loss(first));
  });

  it('goes on from its checkpoint after a cut, and from the earlier model where nothing was saved yet', async () => {
    for (const plan of [nanoPlans.fullBatch(48, { steps: 20 }), nanoPlans.dpSgd(48), nanoPlans.plainLora(48, { epochs: 2 })]) {
      const { first, further, second } = await twice(plan);
      const [model, whole] = [first.outcome.model, second.outcome];
      // The same keys for the same steps, so that what differs would be the start.
      const anew = nanoSession(further, { runId: 'second', keys: testStream(2), startsFrom: model });
      expect((await runSession(anew.input)).model, plan.kind).toEqual(whole.model);
      const cut = second.checkpoints.saved.findLast(({ step }) => step < whole.steps);
      if (!cut) continue;
      const resumed = nanoSession(further, { runId: 'second', keys: testStream(2), startsFrom: model, resumeFrom: cut });
      expect((await runSession(resumed.input)).model, plan.kind).toEqual(whole.model);
      expect(resumed.ledger.charges.map(({ step }) => step)).toEqual(second.ledger.charges.map(({ step }) => step).filter((step) => step > cut.step));
    }
  });

  it('stops at the budget like any other, and keeps the model it began with', async () => {
    const first = await trained(nanoPlans.fullBatch(48));
    const ledger = new RecordingLedger(0);
    const { outcome } = await trained(onFrom(first.input.plan, 8), { charges: ledger, startsFrom: first.outcome.model });
    expect(outcome).toMatchObject({ state: 'stopped', reason: 'budget', stepsDone: 0 });
    expect(flat(outcome.model)).toEqual(flat(first.outcome.model));
    const kept = statementAtEnd(onFrom(first.input.plan, 8), facts, outcome, { training: [], heldOut: [] }, chargesOf(first.ledger));
    // Nothing of its own was charged: the promise is the earlier model's.
    expect(kept).toMatchObject({ isPrivate: true, continues: { epsilonAlone: 0 } });
    expect(kept.isPrivate && kept.epsilon).toBeCloseTo(3, 8);
  });
});

describe('the model to go on from', () => {
  it('is refused before anything is read or charged where it is not that of the plan', async () => {
    const first = await trained(nanoPlans.fullBatch(48));
    const { model } = first.outcome;
    if (model.kind !== 'head') throw new Error('a head');
    const on = onFrom(first.input.plan, 8);
    const lora = (await trained(nanoPlans.dpSgd(48))).outcome.model;
    if (lora.kind !== 'lora') throw new Error('adapters');
    const faults: readonly [Plan, TrainedModel | null][] = [
      [on, null], [first.input.plan, model], [on, lora], [on, { ...model, labels: ['a', 'c', 'b'] }], [on, { ...model, maximumLength: 17 }], [on, { ...model, weights: model.weights.slice(1) }],
      [on, { ...model, biasInput: 1 }], [on, { ...model, mean: new Float32Array(3) }], [on, { ...model, features: { ...model.features, isUnitLength: false } }],
      [{ ...on, meanShare: 0.03 } as Plan, model], [{ ...on, balance: { countShare: 0.05, strength: 0.5 } } as Plan, model],
      [onFrom(nanoPlans.dpSgd(48), 4), model], [onFrom(nanoPlans.dpSgd(48), 4), { ...lora, theta: lora.theta.slice(1) }], [onFrom(nanoPlans.plainLora(48, { lora: { rank: 3, alpha: 4, targets: ['query'], layers: [0] } }), 4), lora],
      [onFrom(nanoPlans.plainHead(48), 4), model],
    ];
    for (const [index, [plan, startsFrom]] of faults.entries()) {
      const session = nanoSession(plan, startsFrom ? { startsFrom } : {});
      await expect(runSession(session.input), `fault ${index}`).rejects.toMatchObject({ code: 'training/other-start' });
      expect(session.ledger.charges).toEqual([]);
    }
  });

  it('needs the noise of a private plan to be said', () => {
    const on = onFrom(nanoPlans.fullBatch(48), 8);
    for (const noiseMultiplier of [null, 0, NaN]) expect(() => plannedCharges({ ...on, continues: { ...on.continues!, noiseMultiplier } }, 48, 3)).toThrow();
  });
});
