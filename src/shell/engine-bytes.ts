/** What an engine holds for a plan, by its own planner: kept apart from the estimate of the rest, because it brings the engine along. */
import { defaultLimits } from '../engine/bert.ts';
import { clippedSumPass, encodePass, gradientsPass, logitsPass, summedGradientPass } from '../engine/passes.ts';
import { plannedMemory } from '../engine/planned-memory.ts';
import { bucketOf, type Pass } from '../engine/step-planner.ts';
import { wasmMicroBatchTokens } from '../engine/wasm/wasm-operations.ts';
import { adapterOf, type Plan } from '../training/plan.ts';
import type { MemoryLoad } from './memory.ts';

/** The calls on the engine that a plan consists of. */
function passesOf(plan: Plan, layers: number): readonly Pass[] {
  switch (plan.kind) {
    case 'dp-sgd':
      return [clippedSumPass, logitsPass];
    case 'plain-lora':
      return [gradientsPass, logitsPass];
    case 'plain-layers':
      return [summedGradientPass, logitsPass];
    case 'full-batch-head':
      return [encodePass(plan.featureLayers)];
    default:
      return [encodePass([layers])];
  }
}

/** Bytes that one trainer's engine holds for a plan, as it plans them itself: a graphics device takes more tokens at a time. */
export async function engineBytes(plan: Plan, { shape, classes }: Pick<MemoryLoad, 'shape' | 'classes'>, backend: 'wasm' | 'webgpu'): Promise<number> {
  const limits = backend === 'wasm' ? { ...defaultLimits, maximumTokens: wasmMicroBatchTokens } : defaultLimits;
  const bucket = bucketOf({ tokens: Math.max(limits.maximumTokens, plan.maximumLength), rows: limits.maximumRows }, limits);
  const { totalBytes } = await plannedMemory({ backend, shape, adapter: adapterOf(plan, classes), passes: passesOf(plan, shape.layers), bucket });
  return totalBytes;
}
