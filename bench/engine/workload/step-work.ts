import { mulberry32 } from '../../../src/ground/random.ts';
import { sampleNotes } from '../../../src/data/sample.ts';
import type { BertShape } from '../../../src/engine/model/weights.ts';
import { parameterLayout, type AdapterConfig, type ParameterLayout } from '../../../src/engine/parameters.ts';
import type { Tokenizer } from '../../../src/engine/tokenizer.ts';
import type { WorkSpec } from '../page/contract.ts';

export const classes = 4;
export const clipNorm = 1;
const rank = 8;

/** One DP-SGD step: what every engine is given. */
export interface StepWork {
  readonly adapter: AdapterConfig;
  readonly layout: ParameterLayout;
  /** [P] */
  readonly theta: Float32Array;
  readonly rows: readonly Int32Array[];
  readonly labels: Int32Array;
}

export function adapterOf(shape: BertShape, loraLayers: readonly number[] | null): AdapterConfig {
  const layers = loraLayers ?? Array.from({ length: shape.layers }, (_, layer) => layer);
  return { classes, lora: { rank, alpha: 2 * rank, targets: ['query', 'value'], layers } };
}

/** Rows of the wanted lengths: the built-in notes end to end, without their own marks, between [CLS] and [SEP]. */
function textRows(tokenizer: Tokenizer, lengths: readonly number[]): Int32Array[] {
  const wanted = lengths.reduce((sum, length) => sum + length, 0);
  const stream: number[] = [];
  let [first, last] = [0, 0];
  for (const { text } of sampleNotes()) {
    const { ids } = tokenizer.encode(text, 512);
    [first, last] = [ids[0]!, ids.at(-1)!];
    stream.push(...ids.subarray(1, ids.length - 1));
    if (stream.length >= wanted) break;
  }
  let at = 0;
  return lengths.map((length) => {
    const inner = stream.slice(at, at + length - 2);
    at += length - 2;
    return Int32Array.of(first, ...inner, last);
  });
}

/** Random ids, for a model without a tokenizer. */
function randomRows(shape: BertShape, lengths: readonly number[]): Int32Array[] {
  const random = mulberry32(11);
  return lengths.map((length) => Int32Array.from({ length }, () => Math.floor(random() * shape.vocabularySize)));
}

/** The same for the same spec. theta is uniform, B of LoRA included, so that every gradient differs from zero. */
export function stepWork(shape: BertShape, tokenizer: Tokenizer | null, { lengths, loraLayers }: WorkSpec): StepWork {
  const adapter = adapterOf(shape, loraLayers);
  const layout = parameterLayout(shape, adapter);
  const random = mulberry32(7);
  const bound = 1 / Math.sqrt(shape.width);
  return {
    adapter,
    layout,
    theta: Float32Array.from({ length: layout.length }, () => (2 * random() - 1) * bound),
    rows: tokenizer ? textRows(tokenizer, lengths) : randomRows(shape, lengths),
    labels: Int32Array.from(lengths, (_, row) => row % classes),
  };
}
