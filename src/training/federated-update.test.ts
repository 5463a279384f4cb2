import { describe, expect, it } from 'vitest';
import { fitUpdate } from '../federation/agreement.ts';
import type { UpdateSource } from '../federation/update-source.ts';
import { headGrid } from '../privacy/clipping.ts';
import { cohortsOf } from '../privacy/cohort.ts';
import { composedEpsilon } from '../privacy/composition.ts';
import type { KeyStream } from '../privacy/key-stream.ts';
import { Ledger } from '../privacy/ledger.ts';
import { createMemoryLedgerStore } from '../privacy/memory-ledger-store.ts';
import { gaussianIntegers } from '../privacy/noise.ts';
import { testStream } from '../privacy/testing/streams.ts';
import { unitHash } from '../privacy/unit-hash.ts';
import { chargedRounds, checkFederatedTask, federatedFeatures, federatedPlan } from './federated-task.ts';
import { FederatedUpdates, type FederatedParts } from './federated-update.ts';
import { createTrainer } from './in-process-trainer.ts';
import { ledgerCharges } from './ledger-charges.ts';
import type { ChargePort } from './session-input.ts';
import { streamTensors } from './stream-tensors.ts';
import { coordinates, federatedScene, head, length, model, task, terms, zeroNoise } from './testing/federated-scene.ts';
import { nanoClasses, nanoEngine, nanoUnits } from './testing/nano-session.ts';
import type { TokenizedUnit, Trainer } from './trainer.ts';

const units = nanoUnits(8, nanoClasses, 1);
const { gridScale, sensitivity } = headGrid(task.clipNorm);
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
const withoutNoise = { keys: () => zeroNoise };
const update = async (source: UpdateSource, round = 1) => (await source.train({ terms: { ...terms(round), clamps: [] }, model })).value.delta;

/** The integer sum behind an update without noise: minus N times it on the grid. Below 2^24 and over eight units, so that float32 holds every one. */
function integersOf(delta: ArrayLike<number>, unitCount = units.length): Float64Array {
  const integers = Float64Array.from(delta, (value) => 0 - value * unitCount * gridScale);
  expect(integers.every(Number.isSafeInteger)).toBe(true);
  return integers;
}

/** Minus the mean of the clipped gradients in float64, from the features that the encoder gives: no grid, no accumulator. */
async function referenceUpdate(training: readonly TokenizedUnit[], clipNorm: number): Promise<Float64Array> {
  const trainer = createTrainer(nanoEngine());
  const total = new Float64Array(coordinates);
  for (const { rows } of training) {
    const gradient = new Float64Array(coordinates);
    for (const { ids, label } of rows) {
      const encoded = await trainer.encode([ids], federatedFeatures(head));
      const centred = Array.from(encoded, (value, i) => value - head.publicMean[i]!);
      const size = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0));
      const x = [...centred.map((value) => value / size), head.biasInput];
      const exponentials = task.labels.map((_, c) => Math.exp(x.reduce((sum, value, i) => sum + value * model[c * (length + 1) + i]!, 0)));
      const whole = exponentials.reduce((sum, value) => sum + value, 0);
      for (let c = 0; c < nanoClasses; c++) for (let i = 0; i <= length; i++) gradient[c * (length + 1) + i]! += (exponentials[c]! / whole - (c === label ? 1 : 0)) * x[i]!;
    }
    const factor = Math.min(1, clipNorm / norm(gradient));
    for (let i = 0; i < coordinates; i++) total[i]! -= (factor * gradient[i]!) / training.length;
  }
  return total;
}

/**
 * Distance that the grid may put between an update and its float64 reference. A feature row [x, bias], of length sqrt(1 + 0.3^2), is cut to steps of 2^-10 in each
 * of 65 inputs, a residual, of length sqrt(2) at most, to steps of 2^-12 in each of 3 classes; clipping brings no two vectors further apart, and a mean of
 * units is off by no more than the worst of them.
 */
const gridError = Math.SQRT2 * Math.sqrt(length + 1) * 2 ** -10 + Math.sqrt(1.09) * Math.sqrt(nanoClasses) * 2 ** -12;

describe('an update', () => {
  it('is minus the mean clipped gradient where the noise is nothing', async () => {
    const noise = await gaussianIntegers(zeroNoise, 1, streamTensors.gradient, coordinates, task.noiseMultiplier * sensitivity);
    expect(noise.every((value) => value === 0)).toBe(true);
    for (const clipNorm of [0.3, 2]) {
      const agreed = { ...task, clipNorm };
      const source = new FederatedUpdates(federatedScene({ ...withoutNoise, task: agreed }).parts);
      const { delta, metrics } = (await source.train({ terms: terms(1, { clipNorm }), model })).value;
      const reference = await referenceUpdate(units, clipNorm);
      // Far longer than what the grid takes: the comparison can fail.
      expect(norm(reference)).toBeGreaterThan(5 * gridError);
      expect(norm(reference.map((value, i) => value - delta[i]!))).toBeLessThan(gridError);
      expect(metrics).toEqual({});
    }
  });

  it('takes a person\'s rows together before the clip', async () => {
    const persons = nanoUnits(8, nanoClasses, 5, 3);
    const source = new FederatedUpdates(federatedScene({ ...withoutNoise, task: { ...task, unit: 'person' }, unit: 'person', training: persons }).parts);
    const reference = await referenceUpdate(persons, task.clipNorm);
    const { delta } = (await source.train({ terms: terms(1), model })).value;
    // Three rows meet: features are cut three times, and the sum once more to the grid, which is far finer.
    expect(norm(reference.map((value, i) => value - delta[i]!))).toBeLessThan(3 * gridError);
  });

  it('is of the same integers for permuted rows and for three trainers', async () => {
    const permuted = units.map((_, i) => ({ ...units[(i * 3) % 8]!, unit: i }));
    const [first, second, third] = await Promise.all([{}, { training: permuted }, { trainerCount: 3 }].map(async (changes) => integersOf(await update(new FederatedUpdates(federatedScene({ ...withoutNoise, ...changes }).parts)))));
    expect(norm(first!)).toBeGreaterThan(0);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
  });

  it('differs from that of a neighbour by the one row alone, exactly', async () => {
    const whole = integersOf(await update(new FederatedUpdates(federatedScene(withoutNoise).parts)));
    const alone = createTrainer(nanoEngine());
    for (const left of units) {
      // Zero-out: the unit brings nothing and is still counted.
      const neighbour = units.map((unit) => (unit === left ? { ...unit, rows: [] } : unit));
      const rest = integersOf(await update(new FederatedUpdates(federatedScene({ ...withoutNoise, training: neighbour }).parts)));
      await alone.assign([left], 'row');
      await alone.assignHeldOut([]);
      await alone.prepareFeatures(federatedFeatures(head), () => undefined);
      await alone.centreFeatures(Float32Array.from(head.publicMean));
      const own = await alone.headGradientSum(model, nanoClasses, task.clipNorm, head.biasInput);
      expect(whole.map((value, i) => value - rest[i]!)).toEqual(own.sum);
      expect(norm(own.sum)).toBeGreaterThan(0);
      expect(norm(own.sum)).toBeLessThanOrEqual(sensitivity);
    }
  });

  it('is no longer than the bound, noise included, points the same way, and is sent in these very numbers', async () => {
    const long = await update(new FederatedUpdates(federatedScene().parts));
    for (const updateNormBound of [0.01, norm(long) * 0.999, norm(long)]) {
      const { delta } = (await new FederatedUpdates(federatedScene().parts).train({ terms: terms(1, { updateNormBound }), model })).value;
      expect(norm(delta)).toBeLessThanOrEqual(updateNormBound);
      // What rounding needs and no more.
      expect(norm(delta)).toBeGreaterThan(updateNormBound * (1 - 2 ** -18));
      const along = delta.reduce((sum, value, i) => sum + value * long[i]!, 0) / (norm(delta) * norm(long));
      // float32 turns a vector by 2^-24 at most.
      expect(along).toBeGreaterThan(1 - 1e-12);
      expect(fitUpdate(delta, coordinates, updateNormBound)).toEqual(delta);
    }
    expect(norm(long)).toBeLessThan(task.updateNormBound);
  });

  it('is what a node asks its guard for', () => {
    const source: UpdateSource = new FederatedUpdates(federatedScene().parts);
    // @ts-expect-error Nobody makes the type by hand.
    const forged: Awaited<ReturnType<UpdateSource['train']>> = { value: { delta: [0], metrics: {} } };
    expect([source.cancel, forged.value.delta]).toHaveLength(2);
  });
});

describe('the charge', () => {
  it('is durable before any secret byte is drawn, one a round, of the round\'s own noise', async () => {
    const { parts, ledger, happened } = federatedScene();
    const source = new FederatedUpdates(parts);
    await source.train({ terms: terms(1), model });
    await source.train({ terms: terms(2, { noiseMultiplier: 7 }), model });
    expect(happened).toEqual(['gradient 1', 'asked 1', 'durable 1', 'drawn 1', 'gradient 2', 'asked 2', 'durable 2', 'drawn 2']);
    expect(ledger.charges).toEqual([4, 7].map((noiseMultiplier, i) => ({ part: 'training', step: i + 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier } })));
  });

  it('that is refused lets nothing be drawn, says so, and may be asked for again', async () => {
    const { parts, ledger, happened } = federatedScene({ limit: 1 });
    const source = new FederatedUpdates(parts);
    await source.train({ terms: terms(1), model });
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(source.train({ terms: terms(2), model })).rejects.toMatchObject({ code: 'training/federated-budget', family: 'budget', values: { round: 2 } });
    }
    expect(ledger.charges).toHaveLength(1);
    expect(happened.filter((one) => one.startsWith('drawn'))).toEqual(['drawn 1']);
    expect(happened.filter((one) => one === 'asked 2')).toHaveLength(2);
  });

  it('whose answer is lost counts: nothing is drawn, and the round is not tried again', async () => {
    const { parts, happened } = federatedScene();
    const lost: FederatedParts = { ...parts, charges: { charge: async (...charge) => { await parts.charges.charge(...charge); throw new Error('the disk is gone'); } } };
    const source = new FederatedUpdates(lost);
    await expect(source.train({ terms: terms(1), model })).rejects.toThrow('the disk is gone');
    await expect(source.train({ terms: terms(1), model })).rejects.toMatchObject({ code: 'training/federated-repeated' });
    expect(happened).toEqual(['gradient 1', 'asked 1', 'durable 1']);
  });

  it('of all rounds is the epsilon of the plan', () => {
    const charges = [{ mechanism: { kind: 'gaussian', noiseMultiplier: task.noiseMultiplier } as const, count: task.rounds }];
    expect(federatedPlan(task, head, 'row').epsilon).toBeCloseTo(composedEpsilon(charges, task.delta).epsilon, 12);
  });
});

describe('a round', () => {
  it('is trained once', async () => {
    const { parts, ledger } = federatedScene();
    const source = new FederatedUpdates(parts);
    const both = await Promise.allSettled([source.train({ terms: terms(1), model }), source.train({ terms: terms(1), model })]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(both[1]).toMatchObject({ reason: { code: 'training/federated-repeated' } });
    expect(ledger.charges).toHaveLength(1);
  });

  it('that was cut off after its charge is declined by whoever resumes, who charges the next one under a new key', async () => {
    const store = createMemoryLedgerStore();
    const hash = (text: string) => ({ row: unitHash(new Uint8Array(32).fill(1), 'row', text), person: null });
    const cohorts = cohortsOf({ unit: 'row', keyId: 'key', training: units.map((_, i) => hash(`note ${i}`)), heldOut: [hash('held out')], declarationId: null, personNaming: null });
    await (await Ledger.open(store, () => 0)).append([...cohorts.events, { kind: 'budget', id: 'budget', cohortIds: cohorts.events.map(({ cohortId }) => cohortId), epsilonLimit: 4, delta: 1e-5 }]);
    let ids = 0;
    const streams: { readonly stream: KeyStream; draws: string[] }[] = [];
    /** What a page makes of the ledger that it finds. */
    const load = async (stream: KeyStream) => {
      const ledger = await Ledger.open(store, () => 0);
      const charges = ledgerCharges(ledger, { training: cohorts.events[0].cohortId, 'held-out': cohorts.events[1].cohortId }, 'federation', () => `charge ${ids++}`);
      const freshKeys = () => {
        const used = { stream, draws: new Array<string>() };
        streams.push(used);
        return Promise.resolve<KeyStream>({ bytes: (step, tensor, count) => (used.draws.push(`${step}/${tensor}`), stream.bytes(step, tensor, count)) });
      };
      const source = new FederatedUpdates({ ...federatedScene().parts, charges, freshKeys, chargedRounds: chargedRounds(ledger.entries.map(({ event }) => event), 'federation') });
      return { ledger, source };
    };
    const charged = async () => chargedRounds((await Ledger.open(store, () => 0)).entries.map(({ event }) => event), 'federation');

    const killed = await load({ bytes: () => Promise.reject(new Error('the tab is gone')) });
    await expect(killed.source.train({ terms: terms(1), model })).rejects.toThrow('the tab is gone');
    expect(await charged()).toEqual([1]);

    const resumed = await load(testStream(5));
    await expect(resumed.source.train({ terms: terms(1), model })).rejects.toMatchObject({ code: 'training/federated-repeated', values: { round: 1 } });
    expect(await charged()).toEqual([1]);
    expect(streams.map(({ draws }) => draws)).toEqual([[`1/${streamTensors.gradient}`]]);
    await resumed.source.train({ terms: terms(2), model });
    await resumed.source.train({ terms: terms(3), model });
    expect(await charged()).toEqual([1, 2, 3]);
    expect(streams.map(({ draws }) => draws)).toEqual([1, 2, 3].map((round) => [`${round}/${streamTensors.gradient}`]));
    // Spent is at least what was released: the round that was cut off counts.
    const spent = [{ mechanism: { kind: 'gaussian', noiseMultiplier: task.noiseMultiplier } as const, count: 3 }];
    expect(resumed.ledger.balance(cohorts.splitId)!.epsilonSpent).toBeCloseTo(composedEpsilon(spent, 1e-5).epsilon, 12);
  });

  it('never has the key of another', async () => {
    const { parts } = federatedScene();
    const stream = testStream(1);
    const source = new FederatedUpdates({ ...parts, freshKeys: () => Promise.resolve(stream) });
    await source.train({ terms: terms(1), model });
    await expect(source.train({ terms: terms(2), model })).rejects.toMatchObject({ code: 'internal/invariant' });
  });

  it('beyond what was agreed is refused, with nothing read, charged or drawn', async () => {
    const { parts, ledger, happened } = federatedScene();
    const source = new FederatedUpdates(parts);
    const beyond = [
      terms(0), terms(9), terms(1.5), terms(NaN),
      terms(1, { clipNorm: 0.31 }), terms(1, { clipNorm: 0 }), terms(1, { clipNorm: NaN }),
      terms(1, { noiseMultiplier: 3.999 }), terms(1, { noiseMultiplier: NaN }), terms(1, { noiseMultiplier: Infinity }),
      terms(1, { updateNormBound: 1001 }), terms(1, { updateNormBound: 0 }), terms(1, { updateNormBound: NaN }),
    ];
    for (const asked of beyond) await expect(source.train({ terms: asked, model })).rejects.toMatchObject({ code: 'training/federated-terms' });
    for (const wrong of [model.subarray(1), model.map((value, i) => (i === 3 ? NaN : value)), model.map((value, i) => (i === 3 ? Infinity : value))]) await expect(source.train({ terms: terms(1), model: wrong })).rejects.toMatchObject({ code: 'training/federated-terms' });
    expect([ledger.charges, happened]).toEqual([[], []]);
    await source.train({ terms: terms(1, { clipNorm: 0.2, noiseMultiplier: 5, updateNormBound: 1 }), model });
    expect(ledger.charges).toHaveLength(1);
  });

  it('is given up when the person leaves, before the charge or after it', async () => {
    const early = federatedScene();
    let leave = (): void => undefined;
    const leaving = early.parts.trainers.map((trainer): Trainer => ({
      ...trainer,
      headGradientSum(weights, ...others) {
        if (weights === model) leave();
        return trainer.headGradientSum(weights, ...others);
      },
    }));
    const leftBefore = new FederatedUpdates({ ...early.parts, trainers: leaving });
    leave = () => leftBefore.cancel();
    await expect(leftBefore.train({ terms: terms(1), model })).rejects.toMatchObject({ code: 'training/federated-cancelled' });
    expect(early.happened).toEqual(['gradient 1']);
    await expect(leftBefore.train({ terms: terms(2), model })).rejects.toMatchObject({ code: 'training/federated-cancelled' });

    const late = federatedScene();
    const charges: ChargePort = {
      charge(...charge) {
        leave();
        return late.parts.charges.charge(...charge);
      },
    };
    const leftAfter = new FederatedUpdates({ ...late.parts, charges });
    leave = () => leftAfter.cancel();
    await expect(leftAfter.train({ terms: terms(1), model })).rejects.toMatchObject({ code: 'training/federated-cancelled' });
    expect(late.ledger.charges).toHaveLength(1);
  });

  it('after one whose trainer failed has its notes handed out again', async () => {
    const base = createTrainer(nanoEngine());
    let assigned = 0;
    let isDead = false;
    const trainer: Trainer = {
      ...base,
      assign: (given, unit) => ((assigned += given.length === units.length ? 1 : 0), base.assign(given, unit)),
      headGradientSum: (...asked) => (isDead ? Promise.reject(new Error('the worker is gone')) : base.headGradientSum(...asked)),
    };
    const { parts, ledger } = federatedScene({ trainers: [trainer] });
    const source = new FederatedUpdates(parts);
    await source.train({ terms: terms(1), model });
    await source.train({ terms: terms(2), model });
    expect(assigned).toBe(1);
    isDead = true;
    await expect(source.train({ terms: terms(3), model })).rejects.toThrow('the worker is gone');
    isDead = false;
    await source.train({ terms: terms(3), model });
    expect([assigned, ledger.charges.length]).toEqual([2, 3]);
  });
});

describe('a task', () => {
  it('that fits neither the model nor the notes is refused before anything is read', () => {
    const { head: _, ...headless } = task;
    const refused: Record<string, Partial<FederatedParts>> = {
      'shared numbers': { task: headless },
      'base model': { baseModel: 'cd'.repeat(32) },
      'unit of privacy': { unit: 'person' },
      'feature layers': { task: { ...task, head: { ...head, featureLayers: [3, 1] } } },
      'public mean': { task: { ...task, head: { ...head, publicMean: head.publicMean.slice(1) } } },
      'number of coordinates': { task: { ...task, coordinates: coordinates + 1 } },
      notes: { training: [] },
      'longest note': { training: [{ unit: 0, rows: [{ ids: new Int32Array(17).fill(5), label: 0 }] }] },
      labels: { training: [{ unit: 0, rows: [{ ids: Int32Array.of(5, 6), label: 3 }] }] },
    };
    for (const [what, change] of Object.entries(refused)) {
      expect(() => new FederatedUpdates(federatedScene(change).parts), what).toThrow(expect.objectContaining({ code: 'training/federated-task', values: expect.objectContaining({ what }) }));
    }
    expect(checkFederatedTask(task, federatedScene().parts, nanoEngine().shape)).toBe(head);
  });
});
