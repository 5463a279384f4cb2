import { describe, expect, it } from 'vitest';
import { descentInWords, descentOf } from './descent.ts';
import { usualDescent, type DescentSettings } from './plan.ts';
import { runSession } from './session.ts';
import { nanoPlans, nanoSession } from './testing/nano-session.ts';

const momentum: DescentSettings = { optimizer: 'sgd', momentum: 0.9, warmUpShare: 0.25, decay: 'cosine' };

describe('the descent of a plan', () => {
  it('that says nothing of it is AdamW with the rate falling linearly to 0', () => {
    const plan = nanoPlans.plainHead(48);
    const [implicit, explicit] = [descentOf(plan, 2, 8), descentOf({ ...plan, descent: usualDescent }, 2, 8)];
    const [a, b] = [Float32Array.of(1, -1), Float32Array.of(1, -1)];
    for (let step = 0; step < 3; step++) {
      implicit.optimizer.step(a, Float32Array.of(0.5, step), implicit.learningRate(step));
      explicit.optimizer.step(b, Float32Array.of(0.5, step), explicit.learningRate(step));
    }
    expect(a).toEqual(b);
    expect([0, 4, 8].map(implicit.learningRate)).toEqual([plan.learningRate, plan.learningRate / 2, 0]);
  });

  it('rises over its share of the steps', () => {
    const { learningRate } = descentOf({ ...nanoPlans.dpSgd(48), learningRate: 1, descent: { ...usualDescent, warmUpShare: 0.5 } }, 1, 8);
    expect([0, 2, 4, 8].map(learningRate)).toEqual([0, 0.5, 1, 0]);
  });

  it('is said in the words of the model card', () => {
    expect(descentInWords({ learningRate: 0.01 }, 'AdamW')).toBe('AdamW, rate 0.01 falling linearly to 0');
    expect(descentInWords({ learningRate: 0.01, descent: momentum }, 'AdamW')).toBe('SGD with momentum 0.9, rate 0.01 falling to 0 by a cosine after a warm-up of 25 % of the steps');
  });

  for (const [name, descent] of [['AdamW', usualDescent], ['SGD with momentum', momentum]] as const) {
    it(`goes on after an interruption as if there had been none: ${name}`, async () => {
      const plan = nanoPlans.plainLora(48, { descent, epochs: 1 });
      // Every look at the clock is long after the last: the first step is saved, and after it as saving, which takes long too, allows.
      const session = (changes: Parameters<typeof nanoSession>[1] = {}) => {
        let nowMs = 0;
        return nanoSession(plan, { clock: () => (nowMs += 100_000), ...changes });
      };
      const whole = session();
      const end = await runSession(whole.input);
      const middle = whole.checkpoints.saved[0]!;
      expect(middle.step).toBe(1);
      const resumed = await runSession(session({ resumeFrom: middle }).input);
      expect(resumed.model).toEqual(end.model);
      expect(Object.keys(middle.tensors).includes('secondMoment')).toBe(descent.optimizer === 'adamw');
    });
  }
});
