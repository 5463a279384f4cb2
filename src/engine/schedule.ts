import { checkInteger, checkPositive } from '../ground/check.ts';

/** Learning rate of step 0, 1, 2, ... */
export type Schedule = (step: number) => number;

/** How the rate goes to the end of training; `none`: it stays. */
export type Decay = 'linear' | 'cosine' | 'none';

const remaining: Readonly<Record<Decay, (done: number) => number>> = {
  linear: (done) => 1 - done,
  cosine: (done) => (1 + Math.cos(Math.PI * done)) / 2,
  none: () => 1,
};

/**
 * Rises linearly from 0 over `warmUpSteps`, then falls to 0 at `totalSteps`, or stays; as `get_linear_schedule_with_warmup`,
 * `get_cosine_schedule_with_warmup` and `get_constant_schedule_with_warmup` of Hugging Face transformers.
 */
export function schedule(decay: Decay, learningRate: number, totalSteps: number, warmUpSteps = 0): Schedule {
  checkPositive('learning rate', learningRate);
  checkInteger('steps', totalSteps, 1);
  checkInteger('warm-up steps', warmUpSteps, 0, totalSteps);
  const falling = Math.max(1, totalSteps - warmUpSteps);
  return (step) => (step < warmUpSteps ? (learningRate * step) / warmUpSteps : learningRate * remaining[decay](Math.min(1, (step - warmUpSteps) / falling)));
}
