import { mulberry32 } from '../ground/random.ts';
import { parameterLayout, type AdapterConfig, type ParameterLayout } from '../engine/parameters.ts';
import type { BertShape } from '../engine/model/weights.ts';

/**
 * Starting theta: A uniform in ±1/sqrt(D) from the seed and B zero, as PEFT; the head uniform in ±1/sqrt(D), as PyTorch's `nn.Linear`.
 * Source: PEFT 0.21 `reset_lora_parameters` (Kaiming uniform with a = sqrt 5).
 */
export function loraStart(shape: BertShape, adapter: AdapterConfig, seed: number): { theta: Float32Array; layout: ParameterLayout } {
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

/**
 * Puts the label sentences in place of the head of theta, in place: `scale` times the unit label vectors over the sentences' own mean length, bias zero.
 * The frozen pooled output is not of unit length; the public sentences stand for its length. Shapes: sentences [C, D], pooled outputs of the last layer.
 */
export function startHeadFromSentences(theta: Float32Array, layout: ParameterLayout, start: Float32Array, sentences: Float32Array, classes: number): void {
  const width = sentences.length / classes;
  let meanLength = 0;
  for (let c = 0; c < classes; c++) meanLength += Math.hypot(...sentences.subarray(c * width, (c + 1) * width)) / classes;
  const weight = layout.entries.find((entry) => entry.name === 'classifier.weight')!;
  const bias = layout.entries.find((entry) => entry.name === 'classifier.bias')!;
  for (let c = 0; c < classes; c++) for (let i = 0; i < width; i++) theta[weight.offset + c * width + i] = start[c * (width + 1) + i]! / meanLength;
  theta.fill(0, bias.offset, bias.offset + bias.length);
}
