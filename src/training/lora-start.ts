import { mulberry32 } from '../ground/random.ts';
import { parameterEntry, parameterLayout, type AdapterConfig, type ParameterLayout } from '../engine/parameters.ts';
import type { BertShape } from '../engine/model/weights.ts';
import { labelStart, usualLabelScale } from './full-batch-head.ts';
import { sentenceFeatures } from './run-features.ts';
import type { SessionRun } from './session-run.ts';

export interface LoraStart {
  readonly theta: Float32Array;
  readonly layout: ParameterLayout;
}

/**
 * Starting theta: A uniform in ±1/sqrt(D) from the seed and B zero, as PEFT; the head uniform in ±1/sqrt(D), as PyTorch's `nn.Linear`.
 * Source: PEFT 0.21 `reset_lora_parameters` (Kaiming uniform with a = sqrt 5).
 */
export function loraStart(shape: BertShape, adapter: AdapterConfig, seed: number): LoraStart {
  const layout = parameterLayout(shape, adapter);
  const theta = new Float32Array(layout.length);
  const random = mulberry32(seed);
  const bound = 1 / Math.sqrt(shape.width);
  for (const { name, offset, length } of layout.entries) {
    if (name.endsWith('lora_B.weight')) continue;
    for (let i = offset; i < offset + length; i++) theta[i] = (2 * random() - 1) * bound;
  }
  return { theta, layout };
}

/** Starting theta of whole layers: as the frozen model has them; the head as `loraStart` has it. */
export async function wholeStart(run: SessionRun, adapter: AdapterConfig, seed: number): Promise<LoraStart> {
  const trainer = run.input.trainers[0]!;
  const { theta: head } = loraStart(trainer.shape, { classes: adapter.classes, lora: null }, seed);
  const theta = (await trainer.initialParameters(adapter)).slice();
  theta.set(head, theta.length - head.length);
  return { theta, layout: parameterLayout(trainer.shape, adapter) };
}

/**
 * Whether plain adapters start with the label sentences for a head: where rows are few, a random one does not get far in their few steps.
 * Measured on all-MiniLM-L6-v2 and the built-in sample, accuracy on 150 held-out rows from the random head and from the sentences: 20 rows .40 and .78 (3 draws),
 * bare label names for sentences .38 and .66 (2 draws); 60 rows .58 and .83 (2 draws). More steps instead (48 for 16) change little. Larger files were not measured and keep the usual start.
 */
export function startsFromSentences(rows: number): boolean {
  return rows < 200;
}

/**
 * The start with the label sentences for a head: `usualLabelScale` times the unit label vectors over the sentences' own mean length, bias zero.
 * The frozen pooled output is not of unit length; the public sentences stand for its length. Reads nothing private.
 */
export async function sentenceTheta(run: SessionRun, { theta, layout }: LoraStart): Promise<Float32Array> {
  const { shape } = run.input.trainers[0]!;
  const { classes } = run;
  const { width } = shape;
  const sentences = await sentenceFeatures(run, { layers: [shape.layers], weights: [1], isUnitLength: false });
  const start = labelStart(sentences, classes, width, width, usualLabelScale);
  let meanLength = 0;
  for (let c = 0; c < classes; c++) meanLength += Math.hypot(...sentences.subarray(c * width, (c + 1) * width)) / classes;
  const head = theta.slice();
  const weight = parameterEntry(layout, 'classifier.weight');
  const bias = parameterEntry(layout, 'classifier.bias');
  for (let c = 0; c < classes; c++) for (let i = 0; i < width; i++) head[weight.offset + c * width + i] = start[c * (width + 1) + i]! / meanLength;
  return head.fill(0, bias.offset, bias.offset + bias.length);
}
