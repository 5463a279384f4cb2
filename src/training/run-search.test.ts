import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { composedEpsilon, type Charge } from '../privacy/composition.ts';
import { drawWords, type KeyStream } from '../privacy/key-stream.ts';
import { drawNoise } from '../privacy/noise-laws.ts';
import { drawRepeats } from '../privacy/repeat-and-select.ts';
import { testStream, watchedStream } from '../privacy/testing/streams.ts';
import { rightShares, unitShare } from './charged-validation.ts';
import { searchScoreMu } from './full-batch-head.ts';
import { heldOutCharges, plannedCharges } from './planned-charges.ts';
import { candidatePlan, searchCandidates, searchSlots } from './search-candidates.ts';
import type { SessionInput } from './session-input.ts';
import { SessionControl } from './session-control.ts';
import { runSession } from './session.ts';
import { statementAtEnd, statementOf } from './statement.ts';
import { streamTensors } from './stream-tensors.ts';
import { nanoClasses, nanoPlans, nanoSession, nanoUnits, RecordingLedger, type RecordedCharge } from './testing/nano-session.ts';
import type { Trainer } from './trainer.ts';

const search = { meanRuns: 2, scoreEpsilon: 2 };
const units = 24;
const plan = nanoPlans.fullBatch(units, { steps: 2, search });
const { slots } = searchSlots(search);
const given = (changes: Parameters<typeof nanoSession>[1] = {}) => nanoSession(plan, { training: nanoUnits(units, nanoClasses, 1), ...changes });
const chargesOf = (charges: readonly RecordedCharge[], part: RecordedCharge['part']): readonly Charge[] => charges.filter((charge) => charge.part === part).map(({ mechanism }) => ({ mechanism, count: 1 }));

/** A trainer that writes down every head that it scores, with the scores. */
function watched(trainer: Trainer): { readonly trainer: Trainer; readonly scored: { readonly weights: Float32Array; readonly logits: Float32Array }[] } {
  const scored: { readonly weights: Float32Array; readonly logits: Float32Array }[] = [];
  return {
    scored,
    trainer: {
      ...trainer,
      async scoreHead(head) {
        const logits = await trainer.scoreHead(head);
        scored.push({ weights: head.weights.slice(), logits: logits.slice() });
        return logits;
      },
    },
  };
}

/** The secret number of a session under these keys. */
async function repeatsUnder(keys: KeyStream): Promise<number> {
  const words = await drawWords(keys, 0, streamTensors.searchPlan, 2 + slots);
  return drawRepeats({ kind: 'poisson', mean: search.meanRuns }, ((words[0]! >>> 6) * 2 ** 27 + (words[1]! >>> 5)) * 2 ** -53);
}

async function searched(seed: number) {
  const base = given();
  const { trainer, scored } = watched(base.input.trainers[0]!);
  const keys = testStream(seed);
  const outcome = await runSession({ ...base.input, trainers: [trainer], keys });
  const scores: number[] = [];
  for (let slot = 0; slot < slots; slot++) {
    const [noise] = await drawNoise('rounded-gaussian', keys, slot, streamTensors.searchScore, 1, unitShare / searchScoreMu(search, plan.delta));
    scores.push(rightShares(scored[slot]!.logits, base.input.heldOut, nanoClasses) + noise!);
  }
  return { ...base, outcome, scored, scores, repeats: await repeatsUnder(keys) };
}

describe('a search among settings', () => {
  it('is charged as a whole, to each part for what it reads, and comes to the epsilons of its plan', async () => {
    const { input, ledger, checkpoints, progress } = given();
    const outcome = await runSession(input);
    expect(ledger.charges.map(({ part, purpose }) => `${part} ${purpose}`)).toEqual(['held-out search-score', 'training feature-mean', 'training search', 'held-out charged-validation']);
    const epsilon = composedEpsilon(chargesOf(ledger.charges, 'training'), plan.delta).epsilon;
    expect(epsilon).toBeLessThanOrEqual(plan.epsilon);
    expect(epsilon).toBeGreaterThan(plan.epsilon * (1 - 1e-6));
    expect(chargesOf(ledger.charges, 'training')).toEqual(plannedCharges(plan, units, nanoClasses));
    expect(chargesOf(ledger.charges, 'held-out')).toEqual(heldOutCharges(plan));
    expect(composedEpsilon(chargesOf(ledger.charges, 'held-out').slice(0, 1), plan.delta).epsilon).toBeCloseTo(2, 6);
    // Nothing that could tell one run from another is reported or saved.
    expect(outcome.stepsDone).toBe(2 * slots);
    expect(checkpoints.saved).toEqual([]);
    expect(progress.every(({ heldOut }) => heldOut === null)).toBe(true);
  });

  it('charges both parts before the first secret word that a run of it needs', async () => {
    const happened: string[] = [];
    class Watching extends RecordingLedger {
      override async charge(...charge: Parameters<RecordingLedger['charge']>) {
        await super.charge(...charge);
        happened.push(`charged ${charge[2]}`);
      }
    }
    const keys: KeyStream = { bytes: (step, tensor, count) => (happened.push(`drawn ${tensor}`), testStream(1).bytes(step, tensor, count)) };
    await runSession(given({ ledger: new Watching(), keys }).input);
    const first = happened.findIndex((what) => what === `drawn ${streamTensors.gradient}` || what === `drawn ${streamTensors.searchPlan}` || what === `drawn ${streamTensors.searchScore}`);
    expect(happened.slice(0, first)).toEqual(['charged search-score', 'charged feature-mean', `drawn ${streamTensors.featureMean}`, 'charged search']);
  });

  it('keeps the best of the runs that count, and never one beyond them: several seeds, more and fewer runs', async () => {
    let beyond = 0;
    const counts = new Set<number>();
    for (let seed = 1; seed <= 8; seed++) {
      const { outcome, scored, scores, repeats } = await searched(seed);
      counts.add(repeats);
      const bestOf = (count: number) => scores.slice(0, count).reduce((best, score, slot) => (score > scores[best]! ? slot : best), 0);
      const model = outcome.model.kind === 'head' ? outcome.model.weights : null;
      // Where none counts the model is the start, which no run ever ends at.
      if (repeats === 0) expect(scored.slice(0, slots).some(({ weights }) => weights.join() === model?.join())).toBe(false);
      else expect(model).toEqual(scored[bestOf(repeats)]!.weights);
      // A program that took the best of all would be seen here.
      if (repeats > 0 && bestOf(slots) >= repeats) beyond++;
    }
    expect(beyond).toBeGreaterThan(0);
    expect(counts.size).toBeGreaterThan(2);
  });

  it('does the same work whatever the secret number is: the same calls and the same reports', async () => {
    const seen = new Map<number, string>();
    for (let seed = 1; seed <= 8; seed++) {
      const keys = watchedStream(testStream(seed));
      const { input, progress, ledger } = given({ keys });
      const calls: string[] = [];
      const trainer: Trainer = {
        ...input.trainers[0]!,
        headGradientSum: (...args) => (calls.push('gradient'), input.trainers[0]!.headGradientSum(...args)),
        scoreHead: (...args) => (calls.push('score'), input.trainers[0]!.scoreHead(...args)),
      };
      await runSession({ ...input, trainers: [trainer] });
      seen.set(await repeatsUnder(testStream(seed)), JSON.stringify([keys.calls, calls, ledger.charges, progress.map(({ step, epsilonRun, elapsedSeconds }) => [step, epsilonRun, elapsedSeconds])]));
    }
    expect(seen.size).toBeGreaterThan(2);
    expect(new Set(seen.values()).size).toBe(1);
  });

  it('draws every setting of the list, and none beside it', async () => {
    const clips = new Set<number>();
    const base = given();
    const trainer: Trainer = { ...base.input.trainers[0]!, headGradientSum: (weights, classes, clipNorm, biasInput) => (base.ledger.charges.length > 0 && clips.add(clipNorm), base.input.trainers[0]!.headGradientSum(weights, classes, clipNorm, biasInput)) };
    await runSession({ ...base.input, trainers: [trainer] });
    expect([...clips].sort((a, b) => a - b)).toEqual([...new Set(searchCandidates.map((factors) => candidatePlan(plan, factors).clipNorm))].sort((a, b) => a - b));
  });

  it('holds every sum to the clip norm of its own setting', async () => {
    const base = given();
    const careless: Trainer = { ...base.input.trainers[0]!, headGradientSum: (weights, classes, clipNorm, biasInput) => base.input.trainers[0]!.headGradientSum(weights, classes, clipNorm === 0.1 ? clipNorm : plan.clipNorm, biasInput) };
    await expect(runSession({ ...base.input, trainers: [careless] })).rejects.toMatchObject({ code: 'training/sum-check' });
  });
});

describe('a search that does not come to its end', () => {
  it('is charged in full, tells nothing, and begins anew at full price: cut off in any of its steps', async () => {
    for (const cutAt of [1, 2, slots, 2 * slots]) {
      const base = given();
      let calls = 0;
      const lost = new BedsideError('device/worker-died', 'device', 'The trainer is gone.', 'Resume.');
      // The first gradients are those of the trial before the run.
      const failing = (input: SessionInput): Trainer => ({ ...input.trainers[0]!, scoreHead: (...args) => (++calls >= Math.ceil(cutAt / 2) ? Promise.reject(lost) : input.trainers[0]!.scoreHead(...args)) });
      await expect(runSession({ ...base.input, trainers: [failing(base.input)] })).rejects.toBe(lost);
      expect(base.ledger.charges.map(({ purpose }) => purpose)).toEqual(['search-score', 'feature-mean', 'search']);
      expect(base.checkpoints.saved).toEqual([]);
      await runSession({ ...given().input, charges: base.ledger, keys: testStream(2) });
      expect(base.ledger.charges.filter(({ purpose }) => purpose === 'search')).toHaveLength(2);
      const { epsilon } = composedEpsilon(chargesOf(base.ledger.charges, 'training'), plan.delta);
      expect(epsilon).toBeGreaterThan(plan.epsilon);
    }
  });

  it('keeps nothing where it is stopped: the best so far is not covered', async () => {
    const control = new SessionControl();
    const base = given({ control });
    let steps = 0;
    await expect(runSession({ ...base.input, yields: () => (++steps === slots ? control.stop() : undefined, Promise.resolve()) })).rejects.toMatchObject({ code: 'training/search-stopped' });
    expect(base.ledger.charges.map(({ purpose }) => purpose)).toEqual(['search-score', 'feature-mean', 'search']);
  });

  it('trains nothing where either part cannot pay', async () => {
    for (const refused of ['search-score', 'search'] as const) {
      class Refusing extends RecordingLedger {
        override charge(...charge: Parameters<RecordingLedger['charge']>) {
          return charge[2] === refused ? Promise.reject(new BedsideError('budget/exhausted', 'budget', 'Over the limit.', 'Raise it.')) : super.charge(...charge);
        }
      }
      const keys = watchedStream(testStream(1));
      const outcome = await runSession({ ...given({ ledger: new Refusing(), keys }).input, plan: { ...plan, validationEpsilon: null } });
      expect(outcome).toMatchObject({ state: 'stopped', reason: 'budget', stepsDone: 0 });
      expect(keys.calls.every(([, tensor]) => tensor === streamTensors.featureMean)).toBe(true);
    }
  });

  it('is refused without held-out notes, and where the choice alone would cost more than epsilon', async () => {
    await expect(runSession(given({ heldOut: [] }).input)).rejects.toMatchObject({ code: 'training/search-held-out' });
    expect(() => plannedCharges({ ...plan, epsilon: 1e-6 }, units, nanoClasses)).toThrow(/more than epsilon/);
  });
});

describe('the price of a search', () => {
  it('is what its runs and the choice cost: a program that charged for one run would charge far less', () => {
    const mechanisms = plannedCharges(plan, units, nanoClasses).map(({ mechanism }) => mechanism);
    const asOne = composedEpsilon(mechanisms.map(({ noiseMultiplier }) => ({ mechanism: { kind: 'gaussian', noiseMultiplier }, count: 1 })), plan.delta).epsilon;
    expect(asOne).toBeLessThan(0.8 * plan.epsilon);
  });

  it('leaves the law of the number of runs uncut to 1e-12, which its statement adds to delta', async () => {
    const { input, ledger } = given();
    const outcome = await runSession(input);
    const facts = { unit: 'row', trainingUnits: units, classes: nanoClasses } as const;
    const before = statementOf(plan, facts);
    const after = statementAtEnd(plan, facts, outcome, { training: chargesOf(ledger.charges, 'training'), heldOut: chargesOf(ledger.charges, 'held-out') });
    expect(before).toMatchObject({ accountant: 'rdp', steps: 2, mu: null, search: { meanRuns: 2, runsMade: slots, candidates: searchCandidates.length } });
    if (!after.isPrivate || !before.isPrivate) throw new Error('it is private');
    expect(after.epsilon).toBe(before.epsilon);
    expect(after.validation).toEqual(before.validation);
    expect(after.search!.epsilonOfOne).toBeGreaterThan(1);
    expect(after.search!.epsilonOfOne).toBeLessThan(0.8 * plan.epsilon);
    expect(after.steps).toBe(2);
    expect(after.publicFacts).toContain('search-list');
    const { tail } = searchSlots(search);
    expect(tail).toBeLessThanOrEqual(1e-12);
    expect(after.samplerDelta).toBeGreaterThan(tail);
    expect(after.samplerDelta).toBeLessThan(1e-9);
  });
});
