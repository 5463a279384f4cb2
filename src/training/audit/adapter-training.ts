/** Trainings of adapters whose models are thrown away, and what an attacker who gets such a model computes from it. */
import { invariant } from '../../ground/check.ts';
import { KnownBounds } from '../../privacy/known-bounds.ts';
import type { PrivacyUnit } from '../../privacy/events.ts';
import { distributeUnits } from '../distribute.ts';
import type { DpSgdPlan, PlainLoraPlan } from '../plan.ts';
import { sharedLogits } from '../predict.ts';
import type { TrainedLora } from '../trained-model.ts';
import type { TokenizedUnit } from '../trainer.ts';
import { auditSession, type AuditParts } from './audit-training.ts';

export type AdapterPlan = DpSgdPlan | PlainLoraPlan;

export interface AdapterTraining {
  train(plan: AdapterPlan, training: readonly TokenizedUnit[], onShare: (share: number) => void): Promise<TrainedLora>;
  /** The model that a training of this plan on so many units begins with. Public: it follows from seed and label sentences. */
  start(plan: AdapterPlan, training: readonly TokenizedUnit[]): Promise<TrainedLora>;
  /** [rows, C] of all rows of the units, in order. */
  logits(model: TrainedLora, units: readonly TokenizedUnit[]): Promise<Float32Array>;
  /** Gradient of each unit alone, as if nobody clipped it: [units] of [P]. */
  gradients(model: TrainedLora, units: readonly TokenizedUnit[], unit: PrivacyUnit): Promise<Float64Array[]>;
}

/** Over the real trainers: a fault in them is a fault in what is attacked. */
export function adapterTraining(given: AuditParts): AdapterTraining {
  const parts = { ...given, bounds: given.bounds ?? new KnownBounds() };
  const { trainers, world } = parts;

  async function train(plan: AdapterPlan, training: readonly TokenizedUnit[], onShare: (share: number) => void = () => undefined): Promise<TrainedLora> {
    const { model } = await auditSession(parts, plan, training, [], onShare);
    invariant(model.kind === 'lora', 'a plan of adapters trains adapters');
    return model;
  }

  return {
    train,

    start(plan, training) {
      const { maximumLength, unit, heldOutShare, seed, lora } = plan;
      const zeroSteps: PlainLoraPlan = { kind: 'plain-lora', maximumLength, unit, heldOutShare, seed, lora, epochs: 0, batchSize: 1, learningRate: 1e-3, weightDecay: 0 };
      // DP-SGD always begins with the label sentences, as a plain plan does on few rows.
      return train(zeroSteps, plan.kind === 'dp-sgd' ? training.filter(({ rows }) => rows.length > 0).slice(0, 1) : training);
    },

    async logits(model, units) {
      await world.yields();
      return sharedLogits(trainers, model, units.flatMap(({ rows }) => rows.map(({ ids }) => ids)));
    },

    async gradients(model, units, unit) {
      const shares = distributeUnits(units, trainers.length);
      const gradients = new Array<Float64Array>(units.length);
      await Promise.all(trainers.map(async (trainer, index) => {
        await trainer.configure(model.adapter);
        await trainer.assign(shares[index]!, unit);
        for (const { unit: number } of shares[index]!) {
          await world.yields();
          gradients[number] = (await trainer.plainLoraGradientSum(model.theta, [number])).sum;
        }
      }));
      return gradients;
    },
  };
}
