import { describe, expect, it } from 'vitest';
import type { Plan } from '../training/plan.ts';
import { mulberry32 } from '../ground/random.ts';
import { plannedSteps } from '../training/planned-charges.ts';
import { forecastSeconds, forecastTraining, isSpeed, learnedSpeed, type Speed } from './speed.ts';

const common = { maximumLength: 128, unit: 'row', heldOutShare: 0.2, seed: 1 } as const;
const lora = { rank: 8, alpha: 16, targets: ['query', 'value'], layers: [0, 1, 2, 3, 4, 5] } as const;
const plans: readonly Plan[] = [
  { kind: 'label-sentences', ...common },
  { kind: 'full-batch-head', ...common, epsilon: 3, delta: 1e-5, steps: 50, clipNorm: 0.3, meanShare: 0.03, labelScale: 12, biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5, featureLayers: [6, 3], featureWeights: [0.5, 0.5], validationEpsilon: 1 },
  { kind: 'plain-head', ...common, epochs: 40, batchSize: 64, learningRate: 0.01, weightDecay: 0 },
  { kind: 'dp-sgd', ...common, epsilon: 3, delta: 1e-5, steps: 80, expectedBatchSize: 256, clipNorm: 0.5, learningRate: 0.005, lora, validationEpsilon: null },
  { kind: 'plain-lora', ...common, epochs: 5, batchSize: 64, learningRate: 0.002, weightDecay: 0, lora },
];
const workload = { trainingRows: 1000, heldOutRows: 250, meanTokens: 60, classes: 8, width: 384, layers: 6, wholeParameters: 0 };
const probe: Speed = { tokensPerSecond: 2000, workers: 2, runFactors: [] };
const ratio = ({ low, high }: { readonly low: number; readonly high: number }) => high / low;

/** What is known after runs that took so many times what the probe says. */
function after(plan: Plan, factors: readonly number[]): Speed {
  const expected = forecastSeconds(plan, workload, probe).central;
  return factors.reduce((speed, factor) => learnedSpeed(plan, workload, speed, factor * expected), probe);
}

describe('a forecast', () => {
  it('of whole layers grows with the layers, and with the numbers that travel at every step', () => {
    const of = (topLayers: number, embeddings: boolean, wholeParameters: number) => forecastSeconds({ kind: 'plain-layers', ...common, epochs: 4, batchSize: 16, learningRate: 3e-4, weightDecay: 0, whole: { topLayers, embeddings } }, { ...workload, wholeParameters }, probe).central;
    const [two, six, everything] = [of(2, false, 3_550_468), of(6, false, 10_648_324), of(6, true, 22_566_916)];
    expect(six).toBeGreaterThan(1.5 * two);
    // 63 steps an epoch.
    expect(everything - six).toBeCloseTo(252 * 1.2e-7 * (22_566_916 - 10_648_324), 3);
  });

  it.each(plans.map((plan) => [plan.kind, plan] as const))('of %s is what the last run took, where the work is the same', (_, plan) => {
    const before = forecastSeconds(plan, workload, probe);
    const measured = 2.7 * before.central;
    // A machine that turned out nearly three times as slow as its probe is still within the range.
    expect(measured).toBeLessThan(before.high);
    const once = forecastSeconds(plan, workload, after(plan, [2.7]));
    expect(once.central).toBeCloseTo(measured, 9);
    // It may have been busy just then: what the probe said stays within.
    expect(once.low).toBeLessThanOrEqual(before.central);
    const twice = forecastSeconds(plan, { ...workload, trainingRows: 2000, heldOutRows: 500 }, after(plan, [2.7]));
    // Less than twice where a step reads as many rows however many there are: the held-out ones alone are then more.
    expect(twice.central).toBeGreaterThan(once.central);
  });

  it('of a run whose notes are read, and of few steps, counts what every run and step takes beside its arithmetic', () => {
    const few = { ...workload, trainingRows: 480, heldOutRows: 120, isRead: true };
    const of = (plan: Plan) => forecastSeconds(plan, few, probe);
    const head = plans[1]!;
    if (head.kind !== 'full-batch-head') throw new Error(head.kind);
    // What such runs took, seconds, with nothing beside.
    for (const [steps, measured] of [[5, 0.14], [20, 0.25], [50, 0.45], [150, 1.15]] as const) {
      const { low, central, high } = of({ ...head, steps });
      expect(measured).toBeGreaterThan(low);
      expect(measured).toBeLessThan(high);
      expect(Math.max(central / measured, measured / central)).toBeLessThan(2);
    }
    // Each step is charged on its own; those of a search are charged together, before the first.
    const perStep = (plan: typeof head) => (of({ ...plan, steps: 100 }).central - of({ ...plan, steps: 50 }).central) / 50;
    expect(perStep(head)).toBeGreaterThan(0.005);
    const search = { ...head, search: { meanRuns: 5, scoreEpsilon: 2 } };
    const runs = plannedSteps(search, 480) / head.steps;
    expect(perStep(head) - perStep(search) / runs).toBeCloseTo(0.0045, 6);
    // Training that is no run, as the attack lab makes, has none of it.
    expect(of(head).central - forecastTraining(head, few, probe).central).toBeGreaterThan(0.12 + 50 * 0.0065);
  });

  const plan = plans[0]!;
  const unit = forecastSeconds(plan, workload, probe).central;
  const range = (factors: readonly number[]) => forecastSeconds(plan, workload, after(plan, factors));

  it('narrows with runs that agree, and widens with runs that do not', () => {
    expect(ratio(range([1, 1, 1]))).toBeLessThan(ratio(forecastSeconds(plan, workload, probe)));
    expect(ratio(range([1, 1, 1, 1, 1, 1, 1, 1]))).toBeLessThan(ratio(range([1, 1, 1])));
    expect(ratio(range([1, 3, 1, 3]))).toBeGreaterThan(ratio(range([1, 1, 1, 1])));
  });

  it('is not moved far by one run on a busy machine, and its range says that it happened', () => {
    const busy = range([1, 1, 1, 2.7]);
    expect(busy.central).toBeCloseTo(unit, 9);
    expect(busy.high).toBeGreaterThanOrEqual(2.7 * unit);
    // After as many quiet runs as are remembered it is forgotten.
    expect(range([2.7, 1, 1, 1, 1, 1, 1, 1, 1]).high).toBeLessThan(2.7 * unit);
  });

  it('holds the next run about as often as it says, on a quiet and on a busy machine', () => {
    const random = mulberry32(5);
    for (const sigma of [0.1, 0.3, 0.6]) {
      let held = 0;
      for (let machine = 0; machine < 400; machine++) {
        const factor = () => Math.exp(sigma * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
        const { low, high } = range(Array.from({ length: 5 }, factor));
        const next = factor() * unit;
        if (next >= low && next <= high) held++;
      }
      // Nine in ten are promised; four standard errors of a share of 0.9 over 400 are 0.06.
      expect(held / 400).toBeGreaterThan(0.84);
    }
  });

  it('learns nothing from a run without a length', () => {
    expect(learnedSpeed(plan, workload, probe, 0)).toEqual(probe);
  });

  it('takes nothing for a speed that is none', () => {
    expect(isSpeed({ ...probe, runFactors: [1.5, 1] })).toBe(true);
    for (const wrong of [null, {}, { ...probe, tokensPerSecond: 0 }, { ...probe, runFactors: [-1] }, { ...probe, runFactors: [1, 1, 1, 1, 1, 1, 1, 1, 1] }, { ...probe, workers: '2' }, { tokensPerSecond: 1, workers: 1, runFactor: 2 }]) expect(isSpeed(wrong)).toBe(false);
  });
});
