import { createAdamW, createSgd, type Optimizer } from '../engine/optimizer.ts';
import { schedule, type Schedule } from '../engine/schedule.ts';
import { usualDescent, type DpSgdPlan, type PlainHeadPlan, type PlainPlan } from './plan.ts';

/** The optimizer of a plan for `length` parameters, and its learning rate at each of `steps`. */
export function descentOf(plan: DpSgdPlan | PlainPlan, length: number, steps: number): { readonly optimizer: Optimizer; readonly learningRate: Schedule } {
  const { optimizer, momentum, warmUpShare, decay } = plan.descent ?? usualDescent;
  const weightDecay = plan.kind === 'dp-sgd' ? 0 : plan.weightDecay;
  return {
    optimizer: optimizer === 'sgd' ? createSgd(length, { momentum, weightDecay }) : createAdamW(length, { weightDecay }),
    learningRate: schedule(decay, plan.learningRate, Math.max(1, steps), Math.floor(warmUpShare * steps)),
  };
}

const falls = { linear: 'falling linearly to 0', cosine: 'falling to 0 by a cosine', none: 'kept to the end' } as const;

/** In words, for the model card. */
export function descentInWords({ descent = usualDescent, learningRate }: Pick<PlainHeadPlan, 'descent' | 'learningRate'>, adam: 'Adam' | 'AdamW'): string {
  const { optimizer, momentum, warmUpShare, decay } = descent;
  const warmUp = warmUpShare > 0 ? ` after a warm-up of ${Number((100 * warmUpShare).toPrecision(3))} % of the steps` : '';
  return `${optimizer === 'sgd' ? `SGD with momentum ${momentum}` : adam}, rate ${learningRate} ${falls[decay]}${warmUp}`;
}
