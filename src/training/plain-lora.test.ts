import { expect, it } from 'vitest';
import { parameterEntry, parameterLayout } from '../engine/parameters.ts';
import { runSession } from './session.ts';
import { nanoPlans, nanoSession, nanoUnits } from './testing/nano-session.ts';

/** Head of plain adapters after steps too small to move it. */
async function startingHead(rows: number) {
  const plan = nanoPlans.plainLora(rows, { epochs: 1, batchSize: 64, learningRate: 1e-12 });
  const { input } = nanoSession(plan, { training: nanoUnits(rows, 3, 1) });
  const { model } = await runSession(input);
  if (model.kind !== 'lora') throw new Error(model.kind);
  const layout = parameterLayout(input.trainers[0]!.shape, model.adapter);
  const part = (name: string) => { const { offset, length } = parameterEntry(layout, name); return model.theta.subarray(offset, offset + length); };
  return { weight: part('classifier.weight'), bias: part('classifier.bias'), width: input.trainers[0]!.shape.width };
}

it('plain adapters start with the label sentences for a head where rows are few, and from a random one elsewhere', async () => {
  const few = await startingHead(48);
  expect(Math.max(...few.bias.map(Math.abs))).toBeLessThan(1e-9);
  const lengths = Array.from({ length: 3 }, (_, c) => Math.hypot(...few.weight.subarray(c * few.width, (c + 1) * few.width)));
  // Unit label vectors, scaled alike.
  for (const length of lengths) expect(length / lengths[0]!).toBeCloseTo(1, 5);
  const many = await startingHead(200);
  expect(Math.max(...many.bias.map(Math.abs))).toBeGreaterThan(1e-3);
});
