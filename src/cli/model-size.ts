import { parameterLayout } from '../engine/parameters.ts';
import type { BertShape } from '../engine/model/weights.ts';
import { adapterOf, type Plan } from '../training/plan.ts';

/** Bytes that the weights of a plan's model take in their files, in float32: adapters and head, or head and feature mean. */
export function weightBytes(plan: Plan, classes: number, shape: BertShape): number {
  const adapter = adapterOf(plan, classes);
  if (adapter) return 4 * parameterLayout(shape, adapter).length;
  const layers = plan.kind === 'full-batch-head' ? plan.featureLayers.length : 1;
  return 4 * (classes * (layers * shape.width + 1) + layers * shape.width);
}
