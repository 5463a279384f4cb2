import { describe, expect, it } from 'vitest';
import { composedEpsilon } from '../privacy/composition.ts';
import { nanoPlans } from './testing/nano-session.ts';
import { plannedCharges } from './planned-charges.ts';
import { statementOf } from './statement.ts';

const facts = { unit: 'row', trainingUnits: 48, classes: 3 } as const;
const epsilonOf = (...args: Parameters<typeof statementOf>) => {
  const statement = statementOf(...args);
  if (!statement.isPrivate) throw new Error('expected a private plan');
  return statement.epsilon;
};

describe('the statement of a run', () => {
  for (const plan of [nanoPlans.fullBatch(48), nanoPlans.dpSgd(48)]) {
    const planned = plannedCharges(plan, 48, 3);
    const single = planned.flatMap(({ mechanism, count }) => Array.from({ length: count }, () => ({ mechanism, count: 1 })));

    it(`says the planned end of a ${plan.kind} run while it goes on and where it stopped early`, () => {
      expect(epsilonOf(plan, facts, single.slice(0, 2))).toBe(epsilonOf(plan, facts));
      expect(epsilonOf(plan, facts, single)).toBe(epsilonOf(plan, facts));
    });

    it(`says what the ledger says of a ${plan.kind} run whose interrupted step was charged twice`, () => {
      const charged = [...single, single.at(-1)!];
      expect(epsilonOf(plan, facts, charged)).toBe(composedEpsilon(charged, plan.delta).epsilon);
      expect(epsilonOf(plan, facts, charged)).toBeGreaterThan(epsilonOf(plan, facts));
    });

    it(`adds a ${plan.kind} run's charges of another mechanism, as after a change of the code between two sessions`, () => {
      const other = { mechanism: { kind: 'gaussian', noiseMultiplier: 7 }, count: 1 } as const;
      expect(epsilonOf(plan, facts, [other])).toBe(composedEpsilon([...planned, other], plan.delta).epsilon);
    });
  }
});
