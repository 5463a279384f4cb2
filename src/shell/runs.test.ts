import { expect, it } from 'vitest';
import type { FullBatchHeadPlan, Plan } from '../training/plan.ts';
import type { RunState } from './bedside.service.ts';
import { mayResume } from './runs.ts';

const common = { maximumLength: 64, unit: 'person', heldOutShare: 0.2, seed: 1 } as const;
const privatePlan: FullBatchHeadPlan = {
  ...common, kind: 'full-batch-head', epsilon: 3, delta: 1e-5, steps: 9, clipNorm: 0.3, meanShare: 0.03, labelScale: 12, biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5,
  featureLayers: [2], featureWeights: [1], validationEpsilon: 1,
};
const behind = [{ mechanism: { kind: 'gaussian', noiseMultiplier: 7 }, count: 3 }] as const;
const onFrom = (plan: Plan): Plan => ({ ...plan, continues: { runId: 'earlier', runNumber: 1, stepsBefore: 5, noiseMultiplier: 7, stepSize: 1 } });

it.each<[RunState, boolean]>([['interrupted', true], ['paused', true], ['running', true], ['finished', false], ['stopped', false], ['failed', false]])('a run that is %s may go on: %s', (state, expected) => {
  expect(mayResume({ state, plan: privatePlan })).toBe(expected);
});

it('a run of a file may not, whatever the file says of it', () => {
  expect(mayResume({ state: 'interrupted', plan: privatePlan, isFromFile: true })).toBe(false);
});

it('a private run that goes on from a model may not without what that model was charged', () => {
  expect(mayResume({ state: 'interrupted', plan: onFrom(privatePlan), inherited: behind })).toBe(true);
  expect(mayResume({ state: 'interrupted', plan: onFrom(privatePlan), inherited: [] })).toBe(false);
  expect(mayResume({ state: 'interrupted', plan: onFrom(privatePlan) })).toBe(false);
});
