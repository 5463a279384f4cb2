/**
 * The lab against faults planted in DP-SGD. What is claimed stays the same; what is done is wrong. The gradients are a toy's, each planted unit's at right angles
 * to all others'; draws, clip, noise, optimizer, door and attack are those of an audit. Each test states the detection power, at 512 planted units.
 * How much less an audit of real adapters sees is measured by `npm run bench -- lab --plan dp-sgd`.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../ground/random.ts';
import { gaussianEpsilon, gaussianMu } from '../../privacy/gaussian.ts';
import type { DpSgdPlan } from '../plan.ts';
import { dpSgdMechanism } from '../run-dp-sgd.ts';
import { clipsLoosely, stuckStream } from './testing/faults.ts';
import { auditToy, toyCanaries, toyPlan, type ToyFaults } from './testing/toy-dp-sgd.ts';

/** Lower bounds of `audits` audits of `done` under the claim of `claimed`. */
async function boundsOf(claimed: DpSgdPlan, done: DpSgdPlan, audits: number, faults: ToyFaults = {}): Promise<number[]> {
  const random = mulberry32(77);
  const bounds: number[] = [];
  for (let audit = 0; audit < audits; audit++) bounds.push((await auditToy(claimed, done, random, faults)).epsilonAtLeast);
  return bounds;
}

const shareAbove = (bounds: readonly number[], epsilon: number) => bounds.filter((bound) => bound > epsilon).length / bounds.length;
const audits = 8;

describe('DP-SGD with every unit in every step, epsilon 3 claimed', () => {
  const plan = toyPlan({ epsilon: 3, steps: 8, expectedBatchSize: toyCanaries });

  it('as it is, is accused in none of 8 audits, and the attack finds something in most', async () => {
    const bounds = await boundsOf(plan, plan, audits);
    expect(shareAbove(bounds, plan.epsilon)).toBe(0);
    expect(shareAbove(bounds, 0.1)).toBeGreaterThan(0.5);
  }, 180_000);

  it('without noise (a generator that is stuck) is caught every time', async () => {
    expect(shareAbove(await boundsOf(plan, plan, audits, { keys: () => stuckStream }), plan.epsilon)).toBe(1);
  }, 180_000);

  it('with a tenth of the noise is caught every time', async () => {
    const tenth = { ...plan, epsilon: gaussianEpsilon(10 * gaussianMu(plan.epsilon, plan.delta), plan.delta) };
    expect(dpSgdMechanism(tenth, toyCanaries).noiseMultiplier).toBeCloseTo(dpSgdMechanism(plan, toyCanaries).noiseMultiplier / 10, 4);
    expect(shareAbove(await boundsOf(plan, tenth, audits), plan.epsilon)).toBe(1);
  }, 180_000);

  it('with a clip that lets eight times as much through is caught every time', async () => {
    expect(shareAbove(await boundsOf(plan, plan, audits, { wrap: clipsLoosely }), plan.epsilon)).toBe(1);
  }, 180_000);
});

describe('DP-SGD, epsilon 0.5 and one unit in fifty a step claimed', () => {
  const plan = toyPlan({ epsilon: 0.5, steps: 8, expectedBatchSize: 0.02 * toyCanaries, learningRate: 10 });

  it('as it is, is accused in none of 8 audits', async () => {
    expect(shareAbove(await boundsOf(plan, plan, audits), plan.epsilon)).toBe(0);
  }, 180_000);

  it('with every unit taken in every step instead is caught every time', async () => {
    const mechanism = dpSgdMechanism(plan, toyCanaries);
    // The same noise, no sampling: the plan that needs it for all units.
    const epsilon = gaussianEpsilon(Math.sqrt(plan.steps) / mechanism.noiseMultiplier, plan.delta);
    const done = { ...plan, epsilon, expectedBatchSize: toyCanaries };
    expect(dpSgdMechanism(done, toyCanaries)).toMatchObject({ samplingRate: 1, noiseMultiplier: expect.closeTo(mechanism.noiseMultiplier, 4) });
    expect(shareAbove(await boundsOf(plan, done, audits), plan.epsilon)).toBe(1);
  }, 180_000);
});
