import { mulberry32 } from '../../../ground/random.ts';
import { createEngine } from '../../bert.ts';
import type { Engine, TokenBatch } from '../../engine.ts';
import { nanoModel, nanoShape } from '../../model/nano.ts';
import { randomNormal } from '../../model/random-bert.ts';
import type { Operations } from '../../operations/operations.ts';

/** The nano model with LoRA on every query and value and a head of three classes, ready for `gradients`. */
export function smallEngine<Buffer>(operations: Operations<Buffer>): Engine {
  const engine = createEngine(operations, nanoModel(11).weights);
  const layout = engine.configure({ classes: 3, lora: { rank: 4, alpha: 8, targets: ['query', 'value'], layers: [0, 1] } });
  engine.setParameters(randomNormal(layout.length, mulberry32(5), 0.2));
  return engine;
}

/** Random tokens of rows of the given lengths. */
export function randomBatch(lengths: readonly number[], seed: number): TokenBatch {
  const random = mulberry32(seed);
  const offsets = new Int32Array(lengths.length + 1);
  for (const [b, length] of lengths.entries()) offsets[b + 1] = offsets[b]! + length;
  return { ids: Int32Array.from({ length: offsets[lengths.length]! }, () => Math.floor(random() * nanoShape.vocabularySize)), offsets };
}

export const batch = randomBatch([5, 1, 17, 64, 9], 3);
export const labels = Int32Array.of(0, 2, 1, 1, 0);
