import type { Optimizer } from '../engine/optimizer.ts';
import { invariant } from '../ground/check.ts';
import type { Checkpoint } from './checkpoint.ts';

/** AdamW's moments and step count as they lie in a checkpoint. */
export function optimizerParts(optimizer: Optimizer): { readonly tensors: Checkpoint['tensors']; readonly counts: Checkpoint['counts'] } {
  const { steps, moments } = optimizer.save();
  return { tensors: { firstMoment: moments[0]!, secondMoment: moments[1]! }, counts: { optimizerSteps: steps } };
}

export function restoreOptimizer(optimizer: Optimizer, { tensors, counts }: Checkpoint): void {
  const { firstMoment, secondMoment } = tensors;
  invariant(firstMoment !== undefined && secondMoment !== undefined, 'the checkpoint holds the optimizer');
  optimizer.restore({ steps: counts['optimizerSteps'] ?? 0, moments: [firstMoment, secondMoment] });
}
