import { describe, expect, it } from 'vitest';
import { releasableBecause } from '../privacy/doors.ts';
import { testStream, watchedStream } from '../privacy/testing/streams.ts';
import { modelCard } from './model-card.ts';
import type { PrivatePlan } from './plan.ts';
import type { PlanFacts } from './propose.ts';
import type { PublicFacts } from './run-facts.ts';
import { runSession } from './session.ts';
import type { SessionInput } from './session-input.ts';
import { statementOf } from './statement.ts';
import { nanoPlans, nanoSession, nanoUnits } from './testing/nano-session.ts';
import type { TokenizedUnit, Trainer } from './trainer.ts';

const plans = { 'full batch': nanoPlans.fullBatch(48, { steps: 3 }), 'full batch, balanced': nanoPlans.fullBatch(48, { steps: 3, balance: { countShare: 0.05, strength: 0.5 } }), 'DP-SGD': nanoPlans.dpSgd(48, { steps: 3 }) };

/** Units that write down what is looked at in them, and the way back to the true ones. */
class WatchedUnits {
  readonly reads = new Set<string>();
  readonly #true = new WeakMap<object, object>();

  of(units: readonly TokenizedUnit[]): TokenizedUnit[] {
    return units.map((unit) => this.#watch(unit, ''));
  }
  unitOf(unit: TokenizedUnit): TokenizedUnit {
    const found = this.#true.get(unit);
    return isUnit(found) ? found : unit;
  }
  idsOf(ids: Int32Array): Int32Array {
    const found = this.#true.get(ids);
    return found instanceof Int32Array ? found : ids;
  }

  #watch<Thing extends object>(thing: Thing, path: string): Thing {
    const watched = new Proxy(thing, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        // Numbers of rows are no names of fields, and methods of arrays are no data.
        if (typeof name === 'symbol' || typeof value === 'function') return value;
        const isPlace = Array.isArray(target) && /^\d+$/.test(name);
        const at = isPlace ? path : target instanceof Int32Array && name !== 'length' ? `${path} content` : `${path} ${name}`.trim();
        if (!isPlace) this.reads.add(at);
        return typeof value === 'object' && value !== null ? this.#watch(value, at) : value;
      },
    });
    this.#true.set(watched, thing);
    return watched;
  }
}

function isUnit(thing: object | undefined): thing is TokenizedUnit {
  return thing !== undefined && 'unit' in thing && 'rows' in thing;
}

describe('what the guard reads of rows while it trains', () => {
  for (const [name, plan] of Object.entries(plans)) {
    it(`${name}: of those that train, how many and how long they are, to deal them out; of those held out also the labels, which score`, async () => {
      const [training, heldOut] = [new WatchedUnits(), new WatchedUnits()];
      const { input } = nanoSession(plan, { trainerCount: 2 });
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
  for (const [name, plan] of Object.entries(plans)) {
    it(`${name}: is the same for any notes and labels of the same number; another label changes it`, async () => {
      const first = await mechanismOf(plan, {});
      const oneLabel = nanoUnits(48, 1, 77);
      expect(await mechanismOf(plan, { training: oneLabel, heldOut: nanoUnits(12, 1, 78) })).toEqual(first);
      const long = nanoUnits(48, 3, 5).map(({ unit, rows }) => ({ unit, rows: rows.map(({ label }) => ({ label, ids: Int32Array.from({ length: 16 }, (_, i) => 5 + ((i * unit) % 20)) })) }));
      expect(await mechanismOf(plan, { training: long })).toEqual(first);
      const sentence = Int32Array.of(2, 9, 3);
      expect(await mechanismOf(plan, { labels: ['a', 'b', 'c', 'd'], labelSentences: [sentence, sentence, sentence, sentence] })).not.toEqual(first);
    });
  }
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
    const printed = card.slice(card.indexOf('Treated as public:'), card.indexOf('Not covered by epsilon:')).split('\n').filter((line) => line.startsWith('- ')).map((line) => line.slice(2));

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
