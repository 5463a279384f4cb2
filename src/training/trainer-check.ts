import { BedsideError } from '../ground/errors.ts';
import { featureLength, featureSettings } from './features.ts';
import { loraStart } from './lora-start.ts';
import type { PrivatePlan } from './plan.ts';
import type { ClippedSum, Trainer } from './trainer.ts';

function clipError(device: string, norm: number): BedsideError {
  return new BedsideError('training/clip-check', 'device', `The trainer on ${device} did not clip a giant gradient: its norm is ${norm.toPrecision(3)} times the clip norm, expected at most 1 and not 0. Training has not begun.`, 'Choose another backend in the settings.', { device, norm });
}

function normOverClip({ sum, sensitivity }: ClippedSum): number {
  let squared = 0;
  for (const value of sum) squared += value * value;
  return Math.sqrt(squared) / sensitivity;
}

/** Clip norm of the check: a tenth of the made-up row's gradient or less, and coarse enough for the grid of the head. */
const smallClip = 0.1;

/**
 * Feeds the trainer one made-up row whose gradient is far above the clip norm, and sees it clipped: the norm that comes back lies within (0.9, 1] of K_int.
 * Trainers are trusted to clip; this catches one that does not clip at all, or returns nothing. Before `assign`, whose units it replaces.
 * Beside it a row as long as a note may be goes through the same pass: a device without room for such a step says so here, whatever the notes are, and no later
 * step takes more for one row.
 * @throws `training/clip-check`; `device/step-too-large`, of public facts alone.
 */
export async function checkTrainerClips(trainer: Trainer, plan: PrivatePlan, classes: number): Promise<void> {
  const { shape } = trainer;
  // Any tokens will do: the label is wrong for sure under the parameters below.
  const rowOf = (length: number) => Int32Array.from({ length }, (_, i) => i % shape.vocabularySize);
  const longest = rowOf(Math.min(plan.maximumLength, shape.maximumPositions));
  const giant = { unit: 0, rows: [{ ids: rowOf(4), label: classes - 1 }] };
  let sum: ClippedSum;
  if (plan.kind === 'full-batch-head') {
    const features = featureSettings(plan);
    await trainer.assign([giant], plan.unit);
    await trainer.assignHeldOut([longest]);
    await trainer.prepareFeatures(features, () => undefined);
    const width = featureLength(features, shape.width) + 1;
    const weights = new Float32Array(classes * width);
    weights[width - 1] = 100;
    sum = await trainer.headGradientSum(weights, classes, smallClip, plan.biasInput);
  } else {
    const adapter = { classes, lora: plan.lora };
    await trainer.configure(adapter);
    await trainer.assign([giant, { unit: 1, rows: [{ ids: longest, label: 0 }] }], plan.unit);
    await trainer.assignHeldOut([]);
    const theta = loraStart(shape, adapter, 1).theta.map((value) => value * 10);
    sum = await trainer.loraGradientSum(theta, [0], smallClip);
    await trainer.loraGradientSum(theta, [1], smallClip);
  }
  const norm = normOverClip(sum);
  if (sum.unitCount !== 1 || sum.sensitivity !== Math.floor(smallClip * sum.gridScale) || !(norm > 0.9 && norm <= 1)) throw clipError(trainer.device, norm);
}
