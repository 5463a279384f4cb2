import type { Optimizer } from '../engine/optimizer.ts';
import { invariant } from '../ground/check.ts';
import type { Checkpoint } from './checkpoint.ts';

/** An optimizer's moments and step count as they lie in a checkpoint: two of AdamW, one of SGD. */
export function optimizerParts(optimizer: Optimizer): { readonly tensors: Checkpoint['tensors']; readonly counts: Checkpoint['counts'] } {
  const { steps, moments } = optimizer.save();
  const [firstMoment, secondMoment] = moments;
  return { tensors: { firstMoment: firstMoment!, ...(secondMoment ? { secondMoment } : {}) }, counts: { optimizerSteps: steps } };
}

export function restoreOptimizer(optimizer: Optimizer, { tensors, counts }: Checkpoint): void {
  const { firstMoment, secondMoment } = tensors;
  invariant(firstMoment !== undefined, 'the checkpoint holds the optimizer');
  optimizer.restore({ steps: counts['optimizerSteps'] ?? 0, moments: secondMoment ? [firstMoment, secondMoment] : [firstMoment] });
}
