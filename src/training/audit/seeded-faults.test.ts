/**
 * The lab against faults planted in a training. What is claimed stays the same; what is done is wrong. A fault is caught where the lower bound of epsilon
 * exceeds the claim. Each test states how often that is: its detection power, at 360 canaries.
 */
import { describe, expect, it } from 'vitest';
import { BedsideError } from '../../ground/errors.ts';
import { gaussianEpsilon, gaussianMu } from '../../privacy/gaussian.ts';
import type { FullBatchHeadPlan } from '../plan.ts';
import type { ClippedSum, Trainer } from '../trainer.ts';
import type { AuditTraining } from './audit-training.ts';
import { auditCanaries, auditScene, type AuditScene, type SceneChanges } from './testing/audit-scene.ts';
import { stuckStream } from './testing/faults.ts';

const repeats = 20;

/** Lower bounds of `repeats` audits. */
async function boundsOf(changes: SceneChanges, faulty: (scene: AuditScene) => AuditTraining = ({ train }) => train): Promise<number[]> {
  const bounds: number[] = [];
  for (let seed = 1; seed <= repeats; seed++) {
    const scene = auditScene(seed, changes);
    bounds.push(await auditCanaries(scene, scene.plan, faulty(scene)).then(({ epsilonAtLeast }) => epsilonAtLeast, refusedByTheDoor));
  }
  return bounds;
}

/** The door's own check of a sum's norm sees some faults before the lab does: caught all the same. */
function refusedByTheDoor(error: unknown): number {
  if (error instanceof BedsideError && error.code === 'training/sum-check') return Infinity;
  throw error;
}

const shareAbove = (bounds: readonly number[], epsilon: number) => bounds.filter((bound) => bound > epsilon).length / bounds.length;
const claimed = 3;

/** The trainer clips while it is checked, and not afterwards. */
function forgetsToClip(trainer: Trainer): Trainer {
  let sums = 0;
  return {
    ...trainer,
    async assign(units, unit) {
      sums = 0;
      await trainer.assign(units, unit);
    },
    async headGradientSum(weights, classes, clipNorm, biasInput): Promise<ClippedSum> {
      const isChecked = sums++ === 0 && clipNorm < 0.3;
      const sum = await trainer.headGradientSum(weights, classes, isChecked ? clipNorm : 4, biasInput);
      return { ...sum, sensitivity: Math.floor(clipNorm * sum.gridScale) };
    },
  };
}

describe('recipe R, epsilon 3 claimed', () => {
  it('as it is, is accused in hardly any of 20 audits', async () => {
    const bounds = await boundsOf({});
    // 5 % may be; the bound is not tight, so hardly any is. More than 3 of 20 at a true 5 % has a chance of 1.6 %.
    expect(shareAbove(bounds, claimed)).toBeLessThanOrEqual(0.15);
    // And the attack works: it finds something in most audits, or its silence would mean nothing.
    expect(shareAbove(bounds, 0.1)).toBeGreaterThan(0.5);
  });

  it('without noise (a generator that is stuck) is caught every time', async () => {
    expect(shareAbove(await boundsOf({ keys: () => stuckStream }), claimed)).toBe(1);
  });

  it('with a tenth of the noise is caught every time', async () => {
    // All else is equal: the same step, a tenth of the noise in it.
    const tenth = (plan: FullBatchHeadPlan): FullBatchHeadPlan => ({ ...plan, epsilon: gaussianEpsilon(10 * gaussianMu(plan.epsilon, plan.delta), plan.delta), maximumNu: plan.maximumNu / 10 });
    const bounds = await boundsOf({}, ({ train }) => (plan, training, scored) => train(plan.kind === 'full-batch-head' ? tenth(plan) : plan, training, scored));
    expect(shareAbove(bounds, claimed)).toBe(1);
  });

  it('without a clip is caught every time', async () => {
    // Of 60 notes: among fewer, the sum is so long that the door refuses nearly all of them.
    const bounds = await boundsOf({ wrap: forgetsToClip, units: 60 });
    expect(shareAbove(bounds, claimed)).toBe(1);
    expect(bounds.filter(Number.isFinite).length).toBeGreaterThan(repeats / 2);
  });
});
