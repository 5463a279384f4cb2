import { describe, expect, it } from 'vitest';
import type { Charge } from '../privacy/composition.ts';
import { samplerDelta } from '../privacy/noise.ts';
import { pldEpsilon } from '../privacy/pld/pld.ts';
import type { LedgerEvent } from '../privacy/events.ts';
import { chargesOfRun, rememberCharges } from './charged-parts.ts';
import { nanoPlans, nanoSession, RecordingLedger } from './testing/nano-session.ts';
import { plannedCharges, searchScoreCharges } from './planned-charges.ts';
import { searchSlots } from './search-candidates.ts';
import { runSession } from './session.ts';
import { statementAtEnd, statementOf } from './statement.ts';
import type { TrainedModel } from './trained-model.ts';

const facts = { unit: 'row', trainingUnits: 48, classes: 3 } as const;
type Private = Extract<ReturnType<typeof statementOf>, { isPrivate: true }>;
function ofPrivate(statement: ReturnType<typeof statementOf>): Private {
  if (!statement.isPrivate) throw new Error('expected a private plan');
  return statement;
}
const planned = (plan: Parameters<typeof statementOf>[0]) => ofPrivate(statementOf(plan, facts));
const atEnd = (...[plan, reach, charged]: [Parameters<typeof statementAtEnd>[0], Parameters<typeof statementAtEnd>[2], Parameters<typeof statementAtEnd>[3]]) => ofPrivate(statementAtEnd(plan, facts, reach, charged));
const head = (mean: Float32Array | null): TrainedModel => ({ kind: 'head', labels: ['a', 'b', 'c'], maximumLength: 16, features: { layers: [2], weights: [1], isUnitLength: true }, mean, biasInput: 0.3, weights: new Float32Array(0) });
const single = (charges: readonly Charge[]) => charges.flatMap(({ mechanism, count }) => Array.from({ length: count }, () => ({ mechanism, count: 1 })));

describe('the statement of a run', () => {
  for (const plan of [nanoPlans.fullBatch(48), nanoPlans.dpSgd(48)]) {
    const all = single(plannedCharges(plan, 48, 3));
    const model = head(plan.kind === 'full-batch-head' ? new Float32Array(2) : null);

    it(`of a ${plan.kind} run says beforehand what is planned, and at a full end the same`, () => {
      expect(planned(plan)).toMatchObject({ steps: plan.steps, validation: { part: 'held-out', epsilon: plan.validationEpsilon } });
      expect(atEnd(plan, { stepsDone: plan.steps, model }, { training: all, heldOut: [] }).epsilon).toBe(planned(plan).epsilon);
    });

    it(`of a ${plan.kind} run that stopped early says what was charged until then`, () => {
      const done = all.slice(0, -1);
      const statement = atEnd(plan, { stepsDone: plan.steps - 1, model }, { training: done, heldOut: [] });
      expect(statement.epsilon).toBe(pldEpsilon(done, plan.delta).epsilon);
      expect(statement.epsilon).toBeLessThan(planned(plan).epsilon);
      expect(statement.epsilonReplaceOne).toBeLessThan(planned(plan).epsilonReplaceOne);
      expect(statement.steps).toBe(plan.steps - 1);
    });

    it(`of a ${plan.kind} run whose interrupted step was charged twice counts it twice`, () => {
      const charged = [...all, all.at(-1)!];
      const statement = atEnd(plan, { stepsDone: plan.steps, model }, { training: charged, heldOut: [] });
      expect(statement.epsilon).toBe(pldEpsilon(charged, plan.delta).epsilon);
      expect(statement.epsilon).toBeGreaterThan(planned(plan).epsilon);
    });

    it(`adds a ${plan.kind} run's charges of another mechanism, as after a change of the code between two sessions`, () => {
      const other = { mechanism: { kind: 'gaussian', noiseMultiplier: 7 }, count: 1 } as const;
      expect(atEnd(plan, { stepsDone: plan.steps, model }, { training: [other], heldOut: [] }).epsilon).toBe(pldEpsilon([...all, other], plan.delta).epsilon);
    });

    it(`never says less of a ${plan.kind} run than its model cost, also where the ledger was erased on the way`, () => {
      const left = all.slice(-1);
      expect(atEnd(plan, { stepsDone: plan.steps, model }, { training: left, heldOut: [] }).epsilon).toBe(planned(plan).epsilon);
    });

    it(`of a ${plan.kind} run that was refused at once says that nothing was spent`, () => {
      expect(atEnd(plan, { stepsDone: 0, model: head(null) }, { training: [], heldOut: [] })).toMatchObject({ epsilon: 0, epsilonReplaceOne: 0, steps: 0, validation: null });
    });

    it(`names the score of a ${plan.kind} run only where it was charged, and as often as it was`, () => {
      const score = { mechanism: { kind: 'gaussian', noiseMultiplier: 4 }, count: 1 } as const;
      const validation = (heldOut: readonly Charge[]) => atEnd(plan, { stepsDone: plan.steps, model }, { training: all, heldOut }).validation;
      expect(validation([])).toBeNull();
      // The sampler's error of one number is below what float64 tells of delta.
      expect(validation([score])!.epsilon).toBeCloseTo(pldEpsilon([score], plan.delta).epsilon, 12);
      expect(validation([score])!.epsilon).toBeGreaterThanOrEqual(pldEpsilon([score], plan.delta).epsilon);
      expect(validation([score, score])!.epsilon).toBeGreaterThan(validation([score])!.epsilon);
    });
  }
});

describe('the statement of a run with more than steps', () => {
  const mean = new Float32Array(2);
  it('counts a mean and label counts of the same noise once each', () => {
    const plan = nanoPlans.fullBatch(48, { meanShare: 0.05, balance: { countShare: 0.05, strength: 0.5 } });
    const charged = { training: single(plannedCharges(plan, 48, 3)), heldOut: [] };
    expect(atEnd(plan, { stepsDone: plan.steps, model: head(mean) }, charged).epsilon).toBe(planned(plan).epsilon);
    // And again where the first of two sessions lost its counts.
    const lost = [...charged.training, charged.training[0]!];
    expect(atEnd(plan, { stepsDone: plan.steps, model: head(mean) }, { training: lost, heldOut: [] }).epsilon).toBe(pldEpsilon(lost, plan.delta).epsilon);
  });

  it('names what a search chose by also where the ledger was erased before a score was charged', () => {
    const plan = nanoPlans.fullBatch(48, { search: { meanRuns: 2, scoreEpsilon: 2 }, validationEpsilon: null });
    const chosenBy = searchScoreCharges(plan);
    const score = { mechanism: { kind: 'gaussian', noiseMultiplier: 4 }, count: 1 } as const;
    const validation = (heldOut: readonly Charge[], stepsDone = plan.steps) => atEnd(plan, { stepsDone, model: head(mean) }, { training: [], heldOut }).validation;
    // Beside what the error of the number of runs weighs in delta.
    expect(validation(chosenBy)!.epsilon).toBeCloseTo(pldEpsilon(chosenBy, plan.delta).epsilon, 6);
    expect(validation([score])!.epsilon).toBeCloseTo(pldEpsilon([...chosenBy, score], plan.delta).epsilon, 6);
    const { tail } = searchSlots({ meanRuns: 2, scoreEpsilon: 2 });
    for (const heldOut of [[], [score]]) {
      // Both errors are in the delta that the score's epsilon is said at, and the noise was chosen so that the search keeps to its own.
      const stated = validation(heldOut)!.epsilon;
      expect(pldEpsilon([...chosenBy, ...heldOut], plan.delta - samplerDelta(stated, tail)).epsilon).toBeLessThanOrEqual(stated);
    }
    expect(pldEpsilon(chosenBy, plan.delta).epsilon).toBeLessThan(validation(chosenBy)!.epsilon);
    expect(validation(chosenBy)!.epsilon).toBeLessThanOrEqual(2);
    // One that was refused before its first step chose nothing.
    expect(validation([], 0)).toBeNull();
  });
});

describe('what a run was charged', () => {
  it('is read from the events of a ledger, by part; what nobody knows counts as training', () => {
    const cohort = (cohortId: string, part: 'training' | 'held-out'): LedgerEvent => ({ kind: 'cohort', id: cohortId, cohortId, splitId: 's', part, unit: 'row', maximumRowsPerPerson: null, keyId: 'k', hashes: [], isDeclaredDisjoint: false });
    const charge = (id: string, cohortId: string, runId: string, noiseMultiplier: number): LedgerEvent => ({ kind: 'charge', id, cohortId, runId, step: 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier } });
    const events = [cohort('t', 'training'), cohort('h', 'held-out'), charge('1', 't', 'mine', 2), charge('2', 'h', 'mine', 3), charge('3', 't', 'other', 4), charge('4', 'lost', 'mine', 5)];
    expect(chargesOfRun(events, 'mine')).toEqual({ training: [2, 5].map((noiseMultiplier) => ({ mechanism: { kind: 'gaussian', noiseMultiplier }, count: 1 })), heldOut: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 3 }, count: 1 }] });
  });

  it('is remembered where it became durable, and not where it was refused', async () => {
    const plan = nanoPlans.fullBatch(48);
    const { port, charged } = rememberCharges(new RecordingLedger(5));
    const outcome = await runSession({ ...nanoSession(plan).input, charges: port });
    // The mean and four steps; the score of the held-out part, whose budget is another.
    expect([outcome.stepsDone, charged.training.length, charged.heldOut.length]).toEqual([4, 5, 1]);
    const statement = atEnd(plan, outcome, charged);
    expect(statement.epsilon).toBe(pldEpsilon(plannedCharges(plan, 48, 3, 4), plan.delta).epsilon);
    expect(statement.epsilon).toBeLessThan(planned(plan).epsilon);
    // The noise of the score is a hair more than its epsilon asks for.
    expect(statement.validation!.epsilon).toBeCloseTo(plan.validationEpsilon!, 6);
  });
});
