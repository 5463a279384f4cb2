import { describe, expect, it } from 'vitest';
import { releasableBecause } from '../privacy/doors.ts';
import { testStream, watchedStream } from '../privacy/testing/streams.ts';
import { modelCard } from './model-card.ts';
import { isPrivate, type PrivatePlan } from './plan.ts';
import type { PlanFacts } from './propose.ts';
import type { PublicFacts } from './run-facts.ts';
import { runSession } from './session.ts';
import type { SessionInput } from './session-input.ts';
import { statementOf } from './statement.ts';
import { nanoPlans, nanoSession, nanoUnits } from './testing/nano-session.ts';
import { WatchedUnits } from './testing/watched-units.ts';
import { trainOnPlan } from './train-on.ts';
import type { TrainedModel } from './trained-model.ts';
import type { Trainer } from './trainer.ts';

interface Tried {
  readonly plan: PrivatePlan;
  /** The model that it goes on from. */
  readonly startsFrom?: TrainedModel;
}

/** What goes on from a run of a plan, and that run's model. */
async function goingOn(plan: PrivatePlan): Promise<Tried> {
  const { model, stepsDone } = await runSession(nanoSession(plan, { runId: 'first' }).input);
  const further = trainOnPlan({ id: 'first', number: 1, plan, stepsDone, trainingUnits: 48, classes: 3 });
  if (!isPrivate(further)) throw new Error('What goes on from a private run is private.');
  return { plan: further, startsFrom: model };
}

const fullBatch = nanoPlans.fullBatch(48, { steps: 3 });
const dpSgd = nanoPlans.dpSgd(48, { steps: 3 });
const plans: Readonly<Record<string, Tried>> = {
  'full batch': { plan: fullBatch },
  'full batch, balanced': { plan: { ...fullBatch, balance: { countShare: 0.05, strength: 0.5 } } },
  'full batch, the exact noise': { plan: { ...fullBatch, noiseLaw: 'discrete-gaussian' } },
  'a search': { plan: { ...fullBatch, steps: 2, search: { meanRuns: 2, scoreEpsilon: 2 } } },
  'DP-SGD': { plan: dpSgd },
  'more steps of a full batch': await goingOn(fullBatch),
  'more steps of DP-SGD': await goingOn(dpSgd),
};

describe('what the guard reads of rows while it trains', () => {
  for (const [name, { plan, ...start }] of Object.entries(plans)) {
    it(`${name}: of those that train, how many and how long they are, to deal them out; of those held out also the labels, which score`, async () => {
      const [training, heldOut] = [new WatchedUnits(), new WatchedUnits()];
      const { input } = nanoSession(plan, { trainerCount: 2, ...start });
      // What a trainer is given it may read: the sums that it returns are clipped.
      const trainers = input.trainers.map((trainer): Trainer => ({
        ...trainer,
        assign: (units, unit) => trainer.assign(units.map((one) => training.unitOf(one)), unit),
        assignHeldOut: (rows) => trainer.assignHeldOut(rows.map((ids) => heldOut.idsOf(ids))),
      }));
      await runSession({ ...input, trainers, training: training.of(input.training), heldOut: heldOut.of(input.heldOut) });
      expect([...training.reads].sort()).toEqual(['rows', 'rows ids', 'rows ids length', 'rows length']);
      expect([...heldOut.reads].sort()).toEqual(['rows', 'rows ids', 'rows ids length', 'rows label', 'rows length']);
    });
  }
});

/** All that decides what is released and by which noise: charges, secret bytes, and what trainers are told beside parameters. */
async function mechanismOf(plan: PrivatePlan, changes: Partial<SessionInput>): Promise<unknown> {
  const keys = watchedStream(testStream(4));
  const base = nanoSession(plan, { ...changes, keys });
  const told: unknown[] = [];
  const trainers = base.input.trainers.map((trainer): Trainer => ({
    ...trainer,
    prepareFeatures: (features, onRows, isLasting) => (told.push(['features', features]), trainer.prepareFeatures(features, onRows, isLasting)),
    featureSum: () => (told.push(['mean']), trainer.featureSum()),
    labelCounts: (classes) => (told.push(['label counts', classes]), trainer.labelCounts(classes)),
    headGradientSum: (weights, ...settings) => (told.push(['head', weights.length, ...settings]), trainer.headGradientSum(weights, ...settings)),
    configure: (adapter) => (told.push(['adapter', adapter]), trainer.configure(adapter)),
    loraGradientSum: (theta, units, clipNorm) => (told.push(['adapter', theta.length, [...units], clipNorm]), trainer.loraGradientSum(theta, units, clipNorm)),
  }));
  const outcome = await runSession({ ...base.input, trainers });
  return { told, charges: base.ledger.charges, secrets: keys.calls, saved: base.checkpoints.saved.map(({ step, counts }) => [step, counts]), state: outcome.state, reason: outcome.reason, steps: outcome.stepsDone };
}

describe('the mechanism', () => {
  for (const [name, { plan, ...start }] of Object.entries(plans)) {
    it(`${name}: is the same for any notes and labels of the same number; another label changes it`, async () => {
      const first = await mechanismOf(plan, start);
      const oneLabel = nanoUnits(48, 1, 77);
      expect(await mechanismOf(plan, { ...start, training: oneLabel, heldOut: nanoUnits(12, 1, 78) })).toEqual(first);
      const long = nanoUnits(48, 3, 5).map(({ unit, rows }) => ({ unit, rows: rows.map(({ label }) => ({ label, ids: Int32Array.from({ length: 16 }, (_, i) => 5 + ((i * unit) % 20)) })) }));
      expect(await mechanismOf(plan, { ...start, training: long })).toEqual(first);
      // What goes on keeps the labels of the model that it starts from.
      if (start.startsFrom) return;
      const sentence = Int32Array.of(2, 9, 3);
      expect(await mechanismOf(plan, { labels: ['a', 'b', 'c', 'd'], labelSentences: [sentence, sentence, sentence, sentence] })).not.toEqual(first);
    });
  }
});

describe('stopping early', () => {
  it('is not for private plans: one that is told to makes all its steps, whatever the held-out notes say', async () => {
    const told = { ...nanoPlans.fullBatch(48, { steps: 20, validationEpsilon: null }), stopEarly: { patience: 1 } };
    const { input, ledger } = nanoSession(told);
    const { stepsDone } = await runSession(input);
    expect(stepsDone).toBe(20);
    expect(ledger.charges.filter(({ purpose }) => purpose === 'gradient')).toHaveLength(20);
    expect(ledger.charges.filter(({ part }) => part === 'held-out')).toEqual([]);
  });
});

/** The code by which the printed list names each fact that plans and mechanisms are chosen by. A fact that is added needs a name here. */
const nameOfFact: Readonly<Record<keyof PlanFacts | keyof PublicFacts | 'labels' | 'labelSentences', string>> = {
  trainingUnits: 'row-count', trainingRows: 'row-count', heldOutUnits: 'row-count', heldOutRows: 'row-count', classes: 'labels', labels: 'labels', labelSentences: 'label-sentences',
  unit: 'settings', encoderLayers: 'encoder', maximumLength: 'maximum-length', heldOutShare: 'split-rule', seed: 'settings', epsilon: 'settings', delta: 'settings',
};

describe('the public list', () => {
  const plan = nanoPlans.fullBatch(48);
  for (const unit of ['row', 'person'] as const) {
    const statement = statementOf({ ...plan, unit }, { unit, trainingUnits: 48, classes: 3 });
    if (!statement.isPrivate) throw new Error('The plan is private.');
    const card = modelCard({
      baseModel: 'nano', baseModelSha256: 'abc', baseModelLicense: 'apache-2.0', codeVersion: '1', isSynthetic: false, labels: releasableBecause('public', ['a', 'b', 'c']), counts: null,
      plan: releasableBecause('public', { ...plan, unit }), stepsDone: releasableBecause('public', 8), statement: releasableBecause('public', statement), accuracy: null, energyWh: releasableBecause('public', { low: 1, central: 2, high: 3 }),
    });
    const printed = card.slice(card.indexOf('Treated as public:'), card.indexOf('\n- ', card.indexOf('Treated as public:'))).split('\n').filter((line) => line.startsWith('  - ')).map((line) => line.slice(4));

    it(`is printed whole and in words by the card of a model that protects a ${unit}`, () => {
      expect(printed).toHaveLength(statement.publicFacts.length);
      expect(printed.filter((line) => statement.publicFacts.includes(line) && line.includes('-'))).toEqual([]);
    });

    for (const [fact, name] of Object.entries(nameOfFact)) {
      it(`holds ${fact}, where a ${unit} is protected`, () => {
        expect(statement.publicFacts).toContain(unit === 'person' && fact === 'trainingUnits' ? 'person-count' : name);
      });
    }
  }
});
