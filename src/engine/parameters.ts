import { checkInteger, checkPositive, invariant } from '../ground/check.ts';
import type { BertShape } from './model/weights.ts';
import type { LoraPair } from './operations/operations.ts';

export type LoraTarget = 'query' | 'value';

/** LoRA on attention projections (Hu et al., arXiv 2106.09685): y += (alpha / rank) x Aᵀ Bᵀ. */
export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly LoraTarget[];
  /** Encoder layers that carry an adapter, ascending; PEFT's `layers_to_transform`. */
  readonly layers: readonly number[];
}

/** What is trained: a linear head of `classes` outputs, and LoRA where given. */
export interface AdapterConfig {
  readonly classes: number;
  readonly lora: LoraConfig | null;
}

export interface ParameterEntry {
  /** Hugging Face name, e.g. `encoder.layer.0.attention.self.query.lora_A.weight`. */
  readonly name: string;
  /** [rows, columns] row-major, or [length]. lora_A [R, D], lora_B [D, R], classifier.weight [C, D], classifier.bias [C]. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** Where each trainable tensor lies in the flat vector theta[P]. */
export interface ParameterLayout {
  readonly entries: readonly ParameterEntry[];
  /** P, the number of trainable parameters. */
  readonly length: number;
}

/** Layout order: by layer, then query before value, then A before B; then classifier weight and bias. */
export function parameterLayout(shape: BertShape, adapter: AdapterConfig): ParameterLayout {
  checkInteger('classes', adapter.classes, 2);
  const entries: ParameterEntry[] = [];
  let offset = 0;
  const add = (name: string, dimensions: readonly number[]) => {
    const length = dimensions.reduce((product, size) => product * size, 1);
    entries.push({ name, shape: dimensions, offset, length });
    offset += length;
  };
  if (adapter.lora) {
    const { rank, alpha, targets, layers } = adapter.lora;
    checkInteger('adapter rank', rank, 1, shape.width);
    checkPositive('adapter alpha', alpha);
    for (const layer of layers) {
      checkInteger('adapter layer', layer, 0, shape.layers - 1);
      for (const target of ['query', 'value'] as const) {
        if (!targets.includes(target)) continue;
        const prefix = `encoder.layer.${layer}.attention.self.${target}`;
        add(`${prefix}.lora_A.weight`, [rank, shape.width]);
        add(`${prefix}.lora_B.weight`, [shape.width, rank]);
      }
    }
  }
  add('classifier.weight', [adapter.classes, shape.width]);
  add('classifier.bias', [adapter.classes]);
  return { entries, length: offset };
}

/** Lowest encoder layer that trains; everything below it is a frozen prefix. L where only the head trains. */
export function firstTrainedLayer(shape: BertShape, adapter: AdapterConfig): number {
  return adapter.lora && adapter.lora.targets.length > 0 ? Math.min(shape.layers, ...adapter.lora.layers) : shape.layers;
}

/** The entry of that name. Throws where the layout has none. */
export function parameterEntry(layout: ParameterLayout, name: string): ParameterEntry {
  const entry = layout.entries.find((candidate) => candidate.name === name);
  invariant(entry !== undefined, `the layout has a tensor ${name}`);
  return entry;
}

/** Column block of the joined query-key-value map that a target adds to. */
const targetBlock = { query: 0, value: 2 } as const;

/** The LoRA pairs of one encoder layer, in layout order; empty where it carries none. */
export function loraPairs(layout: ParameterLayout, { lora }: AdapterConfig, layer: number): LoraPair[] {
  if (!lora?.layers.includes(layer)) return [];
  return (['query', 'value'] as const)
    .filter((target) => lora.targets.includes(target))
    .map((target) => {
      const prefix = `encoder.layer.${layer}.attention.self.${target}`;
      return {
        block: targetBlock[target],
        offsetA: parameterEntry(layout, `${prefix}.lora_A.weight`).offset,
        offsetB: parameterEntry(layout, `${prefix}.lora_B.weight`).offset,
        rank: lora.rank,
        scaling: lora.alpha / lora.rank,
      };
    });
}
