import { describe, expect, it } from 'vitest';
import { composedEpsilon } from '../privacy/composition.ts';
import { gaussianMu } from '../privacy/gaussian.ts';
import { centreRows, headLogits, joinLayers, softmaxRow } from './features.ts';
import { firstAveragedStep, labelStart, recipeBudget, sentenceMean, shrunkMean } from './full-batch-head.ts';
import { defaultDelta, fullBatchHeadPlan, planOfKind, proposePlan, signalOf, type PlanFacts } from './propose.ts';
import { plannedCharges } from './planned-charges.ts';
import { statementOf } from './statement.ts';

const facts: PlanFacts = { trainingUnits: 1201, trainingRows: 1201, heldOutUnits: 240, heldOutRows: 240, classes: 20, unit: 'row', encoderLayers: 6, maximumLength: 128, heldOutShare: 0.2, seed: 1, epsilon: 3, delta: 1e-5 };

describe('the budget of recipe R', () => {
  it('splits mu squared into 3 % for the mean and the rest for the steps, and comes to the target', () => {
    for (const epsilon of [0.5, 1, 3, 8]) {
      const plan = { ...fullBatchHeadPlan(facts), epsilon };
      const budget = recipeBudget(plan, 1201, 20);
      const mu = gaussianMu(epsilon, plan.delta);
      expect(1 / budget.meanNoiseMultiplier ** 2).toBeCloseTo(0.03 * mu ** 2, 9);
      expect(plan.steps / budget.stepNoiseMultiplier ** 2).toBeCloseTo(0.97 * mu ** 2, 9);
      const composed = composedEpsilon(plannedCharges(plan, 1201, 20), plan.delta).epsilon;
      expect(composed).toBeLessThanOrEqual(epsilon);
      expect(composed).toBeGreaterThan(epsilon * (1 - 1e-9));
    }
  });

  it('scales the step so that nu is the noise of a logit after all steps', () => {
    const plan = fullBatchHeadPlan(facts);
    const budget = recipeBudget(plan, 1201, 20);
    // Noise of one update: stepSize * s * C; of T independent ones: times sqrt(T).
    expect(budget.stepSize * budget.stepNoiseMultiplier * plan.clipNorm * Math.sqrt(plan.steps)).toBeCloseTo(budget.nu, 12);
    // 0.35 sqrt(1201 * 0.719 / 20) = 2.3: the cap holds at this size, and not at 200 notes of 77 classes.
    expect(budget.nu).toBe(1.5);
    expect(recipeBudget(plan, 200, 77).nu).toBeCloseTo(0.35 * Math.sqrt((200 * gaussianMu(3, 1e-5)) / 77), 9);
  });

  it('averages the last quarter of the iterates: 12 of 50', () => {
    expect(firstAveragedStep(fullBatchHeadPlan(facts))).toBe(39);
    expect(firstAveragedStep({ ...fullBatchHeadPlan(facts), steps: 1 })).toBe(1);
  });
});

describe('the noisy mean', () => {
  it('is the sum over N where noise is nothing, and nothing where noise is all', () => {
    const sum = Float64Array.of(30, -40);
    expect(Array.from(shrunkMean(sum, 100, 0))).toEqual([Math.fround(0.3), Math.fround(-0.4)]);
    expect(Array.from(shrunkMean(sum, 100, 50), Math.abs)).toEqual([0, 0]);
    // |m| = 0.5, d sd^2 = 2 * 0.1^2: factor 1 - 0.02 / 0.25.
    expect(shrunkMean(sum, 100, 10)[0]).toBeCloseTo(0.3 * (1 - 0.02 / 0.25), 7);
  });
});

describe('label sentences', () => {
  it('become vectors of the given length in the first block, centred by their own mean', () => {
    const sentences = Float32Array.of(3, 4, 0, 2, -1, 0);
    const start = labelStart(sentences, 3, 2, 4, 12);
    const unit = [[0.6, 0.8], [0, 1], [-1, 0]];
    const mean = [0, 1].map((i) => unit.reduce((sum, vector) => sum + vector[i]!, 0) / 3);
    unit.forEach((vector, c) => {
      const centred = vector.map((value, i) => value - mean[i]!);
      const norm = Math.hypot(...centred);
      expect(start[c * 5]).toBeCloseTo((12 * centred[0]!) / norm, 5);
      expect(start[c * 5 + 1]).toBeCloseTo((12 * centred[1]!) / norm, 5);
      expect(Array.from(start.subarray(c * 5 + 2, c * 5 + 5))).toEqual([0, 0, 0]);
    });
    expect(sentenceMean(sentences, 3, 2)[1]).toBeCloseTo(mean[1]!, 6);
  });
});

describe('features', () => {
  it('have unit length with weights of sum 1, each layer its share', () => {
    const joined = joinLayers(Float32Array.of(3, 4, 0, 5, 0, 0, 1, 0), 2, 2, { layers: [6, 3], weights: [0.8, 0.2], isUnitLength: true });
    expect(Math.hypot(joined[0]!, joined[1]!)).toBeCloseTo(Math.sqrt(0.8), 6);
    expect(Math.hypot(joined[2]!, joined[3]!)).toBeCloseTo(Math.sqrt(0.2), 6);
    // A row without a direction stays zero, and finite.
    expect(Array.from(joined.subarray(4, 6))).toEqual([0, 0]);
  });

  it('are centred and brought back to unit length', () => {
    const rows = Float32Array.of(1, 0, 0, 1, 0.5, 0.5);
    centreRows(rows, Float32Array.of(0.5, 0.5));
    expect(rows[0]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(rows[3]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(Array.from(rows.subarray(4))).toEqual([0, 0]);
  });

  it('give logits W [x, bias], whatever the number of classes', () => {
    for (const classes of [2, 3, 4, 5, 9]) {
      const weights = Float32Array.from({ length: classes * 4 }, (_, i) => Math.sin(i));
      const x = Float32Array.of(0.5, -1, 2);
      const logits = headLogits(x, 1, weights, classes, 0.3);
      for (let c = 0; c < classes; c++) {
        const expected = 0.5 * weights[c * 4]! - weights[c * 4 + 1]! + 2 * weights[c * 4 + 2]! + 0.3 * weights[c * 4 + 3]!;
        // One rounding to float32 of a number of about 3.
        expect(Math.abs(logits[c]! - expected)).toBeLessThan(3e-7);
      }
    }
  });

  it('give probabilities that do not overflow', () => {
    const out = new Float64Array(2);
    softmaxRow(Float32Array.of(1000, 999), 0, 2, out);
    expect(out[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 12);
  });
});

describe('the plan that is proposed', () => {
  const lengths = { maximumLength: 128, cutNotes: 0, cutTokens: 0, longestTokens: 90 };

  it('follows x = N mu / K: sentences below 2, a warning to 10, training above', () => {
    // x = 2 and 10 at epsilon 3 and delta 1e-5: 2.8 and 14 units a class.
    const at = (trainingUnits: number, changes: Partial<PlanFacts> = {}) => proposePlan({ ...facts, classes: 1000, trainingUnits, trainingRows: trainingUnits, ...changes }, lengths);
    expect(at(2700).plan.kind).toBe('label-sentences');
    expect(at(2900)).toMatchObject({ isTooFewRows: false, plan: { kind: 'full-batch-head' } });
    expect(at(2900).reasons.map(({ code }) => code)).toContain('few-points-over-sentences');
    expect(at(14_100).reasons.map(({ code }) => code)).toContain('rows-enough');
    expect(signalOf(2800, 1000, 3, 1e-5)).toBeCloseTo(2, 1);
    expect(at(299, { classes: 2, epsilon: 1 }).isTooFewRows).toBe(true);
    expect(at(300, { classes: 2, epsilon: 1 }).isTooFewRows).toBe(false);
  });

  it('says that the budget is short, not the notes, where the default epsilon would do', () => {
    const at = (trainingUnits: number, changes: Partial<PlanFacts>) => proposePlan({ ...facts, trainingUnits, trainingRows: trainingUnits, ...changes }, lengths);
    const short = at(600, { classes: 4, epsilon: 0.02 });
    expect(short).toMatchObject({ isTooFewRows: true, isBudgetShort: true });
    expect(short.reasons[0]!.code).toBe('too-little-budget');
    const few = at(12, { classes: 12, epsilon: 0.02 });
    expect(few).toMatchObject({ isTooFewRows: true, isBudgetShort: false });
    expect(few.reasons[0]!.code).toBe('too-few-rows');
  });

  it('carries the default plan of every way of training, and is one of them', () => {
    for (const trainingUnits of [2700, 14_100]) {
      const given = { ...facts, classes: 1000, trainingUnits, trainingRows: trainingUnits };
      const { plan, alternatives } = proposePlan(given, lengths);
      expect(alternatives[plan.kind]).toEqual(plan);
      for (const kind of ['full-batch-head', 'dp-sgd', 'plain-head', 'plain-lora', 'label-sentences'] as const) expect(alternatives[kind]).toEqual({ ...planOfKind(kind, given), kind });
      // The layers that may carry adapters are all of the encoder's.
      expect(alternatives['plain-lora'].lora.layers).toHaveLength(facts.encoderLayers);
    }
  });

  it('takes delta from the number of units alone', () => {
    expect(defaultDelta(480)).toBe(1e-5);
    expect(defaultDelta(20_000)).toBe(5e-6);
  });

  it('reads nothing but public facts: the same counts give the same mechanisms, whatever the rows', () => {
    for (const kind of ['full-batch-head', 'dp-sgd'] as const) {
      const plan = planOfKind(kind, facts);
      expect(plannedCharges(planOfKind(kind, { ...facts }), 1201, 20)).toEqual(plannedCharges(plan, 1201, 20));
      const statement = statementOf(plan, { unit: 'row', trainingUnits: 1201, classes: 20 });
      expect(statement).toMatchObject({ isPrivate: true, adjacency: 'zero-out', sampling: kind === 'dp-sgd' ? 'poisson' : 'full-batch', validation: { part: 'held-out', epsilon: 1 } });
    }
    expect(statementOf(planOfKind('plain-lora', facts), { unit: 'row', trainingUnits: 1201, classes: 20 })).toEqual({ isPrivate: false });
  });
});
