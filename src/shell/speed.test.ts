import { describe, expect, it } from 'vitest';
import type { Plan } from '../training/plan.ts';
import { forecastSeconds, isSpeed, learnedSpeed } from './speed.ts';

const common = { maximumLength: 128, unit: 'row', heldOutShare: 0.2, seed: 1 } as const;
const lora = { rank: 8, alpha: 16, targets: ['query', 'value'], layers: [0, 1, 2, 3, 4, 5] } as const;
const plans: readonly Plan[] = [
  { kind: 'label-sentences', ...common },
  { kind: 'full-batch-head', ...common, epsilon: 3, delta: 1e-5, steps: 50, clipNorm: 0.3, meanShare: 0.03, labelScale: 12, biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5, featureLayers: [6, 3], featureWeights: [0.5, 0.5], validationEpsilon: 1 },
  { kind: 'plain-head', ...common, epochs: 40, batchSize: 64, learningRate: 0.01, weightDecay: 0 },
  { kind: 'dp-sgd', ...common, epsilon: 3, delta: 1e-5, steps: 80, expectedBatchSize: 256, clipNorm: 0.5, learningRate: 0.005, lora, validationEpsilon: null },
  { kind: 'plain-lora', ...common, epochs: 5, batchSize: 64, learningRate: 0.002, weightDecay: 0, lora },
];
const workload = { trainingRows: 1000, heldOutRows: 250, meanTokens: 60, classes: 8, width: 384 };
const probe = { tokensPerSecond: 2000, workers: 2, runFactor: null };

describe('a forecast', () => {
  it.each(plans.map((plan) => [plan.kind, plan] as const))('of %s is what the last run took, where the work is the same', (_, plan) => {
    const before = forecastSeconds(plan, workload, probe);
    const measured = 2.7 * before.central;
    // A machine that turned out nearly three times as slow as its probe is still within the range.
    expect(measured).toBeLessThan(before.high);
    const after = forecastSeconds(plan, workload, learnedSpeed(plan, workload, probe, measured));
    expect(after.central).toBeCloseTo(measured, 9);
    expect(after.high / after.low).toBeLessThan(before.high / before.low);
    const twice = forecastSeconds(plan, { ...workload, trainingRows: 2000, heldOutRows: 500 }, learnedSpeed(plan, workload, probe, measured));
    // Less than twice where a step reads as many rows however many there are: the held-out ones alone are then more.
    expect(twice.central).toBeGreaterThan(after.central);
  });

  it('leaves the reading out where the features are cached, but not for adapters, which read anew at each step', () => {
    for (const plan of plans) {
      const [read, cached] = [forecastSeconds(plan, workload, probe), forecastSeconds(plan, { ...workload, isRead: plan.kind !== 'dp-sgd' && plan.kind !== 'plain-lora' }, probe)];
      const reading = plan.kind === 'dp-sgd' || plan.kind === 'plain-lora' ? 0 : (1250 * 60) / 2000;
      expect(read.central - cached.central).toBeCloseTo(reading, 9);
    }
  });

  it('learns nothing from a run without a length', () => {
    expect(learnedSpeed(plans[0]!, workload, probe, 0)).toEqual(probe);
  });

  it('takes nothing for a speed that is none', () => {
    expect(isSpeed({ ...probe, runFactor: 1.5 })).toBe(true);
    for (const wrong of [null, {}, { ...probe, tokensPerSecond: 0 }, { ...probe, runFactor: -1 }, { ...probe, workers: '2' }, { tokensPerSecond: 1, workers: 1 }]) expect(isSpeed(wrong)).toBe(false);
  });
});
