import { forOwnersEyes, type OwnersEyes } from '../privacy/doors.ts';
import { gaussianIntegers, type KeyStream } from '../privacy/noise.ts';
import { clipNormsMoved } from '../privacy/shared-unit.ts';
import { distributeUnits } from './distribute.ts';
import { projectionMap } from './federated-projection.ts';
import { checkFederatedTask, federatedFeatures, federatedPlan, sharedUnits, type FederatedData, type FederatedTask } from './federated-task.ts';
import { streamTensors } from './stream-tensors.ts';
import { addClippedSums, checkClippedSum } from './sums.ts';
import { checkTrainerClips } from './trainer-check.ts';
import type { RowsListener, Trainer } from './trainer.ts';
import { withinNorm } from './within-norm.ts';

export interface PreviewParts extends FederatedData {
  readonly task: FederatedTask;
  readonly trainers: readonly Trainer[];
  /** The model that the update would be added to: [coordinates]. */
  readonly model: Float32Array;
  /** Thrown away afterwards: a round that is sent draws under another key. */
  readonly keys: KeyStream;
  readonly onRows: RowsListener;
}

/** An update before its noise, and as it would be sent: [coordinates] each. */
export interface PreviewedUpdate {
  readonly before: Float32Array;
  readonly after: Float32Array;
}

/**
 * One round's update at a model, without and with noise, for the picture that the owner sees before joining. Charges nothing, so that nothing of it may
 * leave: it is for the owner's eyes, and a node takes what was charged alone.
 * @throws `training/federated-task` where the task does not fit the model or the notes.
 */
export async function previewUpdate({ task, trainers, model, keys, onRows, ...data }: PreviewParts): Promise<OwnersEyes<PreviewedUpdate>> {
  const head = checkFederatedTask(task, data, trainers[0]!.shape);
  const units = sharedUnits(task, data.training);
  for (const trainer of trainers) await checkTrainerClips(trainer, federatedPlan(task, head, data.unit), task.labels.length);
  const shares = distributeUnits(units, trainers.length);
  const [mean, map] = [Float32Array.from(head.publicMean), projectionMap(head)];
  const sums = await Promise.all(
    trainers.map(async (trainer, index) => {
      await trainer.assign(shares[index]!, data.unit);
      await trainer.assignHeldOut([]);
      await trainer.prepareFeatures(federatedFeatures(head), onRows, true);
      await trainer.centreFeatures(mean, map);
      return trainer.headGradientSum(model, task.labels.length, task.clipNorm, head.biasInput);
    }),
  );
  const total = addClippedSums(sums, task.coordinates);
  checkClippedSum(total, { length: task.coordinates, unitCount: units.length, clipNorm: task.clipNorm });
  const noise = await gaussianIntegers(keys, 0, streamTensors.gradient, task.coordinates, clipNormsMoved(task.unit) * task.noiseMultiplier * total.sensitivity);
  const scale = -1 / (total.gridScale * units.length);
  return forOwnersEyes({ before: Float32Array.from(total.sum, (value) => value * scale), after: withinNorm(total.sum.map((value, i) => (value + noise[i]!) * scale), task.updateNormBound) });
}
