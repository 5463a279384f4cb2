import { expect, it } from 'vitest';
import { tellsEnergy } from './model-card.ts';
import type { Plan } from './plan.ts';
import { nanoPlans } from './testing/nano-session.ts';

const common = { maximumLength: 64, unit: 'row', heldOutShare: 0.2, seed: 1 } as const;
const plainHead: Plan = { ...common, kind: 'plain-head', epochs: 1, batchSize: 8, learningRate: 0.01, weightDecay: 0 };

it('a card tells the energy of a run that promises nothing, and of no other: its duration follows the notes', () => {
  expect(tellsEnergy(plainHead)).toBe(true);
  for (const plan of [nanoPlans.fullBatch(9), nanoPlans.dpSgd(9), { ...common, kind: 'label-sentences' } satisfies Plan]) expect(tellsEnergy(plan)).toBe(false);
});
