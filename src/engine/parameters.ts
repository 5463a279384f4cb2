import { checkInteger, checkPositive, invariant } from '../ground/check.ts';
import type { BertShape } from './model/weights.ts';
import type { LinearName, LoraPair } from './operations/operations.ts';

/** Maps of an encoder layer that an adapter can sit beside, in layout order; `feed-forward` is both maps of that block. */
export const loraTargets = ['query', 'key', 'value', 'attention-output', 'feed-forward'] as const;
export type LoraTarget = (typeof loraTargets)[number];

/** LoRA on the maps of encoder layers (Hu et al., arXiv 2106.09685): y += (alpha / rank) x Aᵀ Bᵀ. */
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
  /** [rows, columns] row-major, or [length]. lora_A [R, K], lora_B [N, R], classifier.weight [C, D], classifier.bias [C]. */
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

/** Paths of the adapted maps within a layer, as Hugging Face names them. */
export const loraPaths: Readonly<Record<LoraTarget, readonly string[]>> = {
  query: ['attention.self.query'],
  key: ['attention.self.key'],
  value: ['attention.self.value'],
  'attention-output': ['attention.output.dense'],
  'feed-forward': ['intermediate.dense', 'output.dense'],
};

/** One frozen map of a layer that a pair sits beside. */
interface AdaptedMap {
  readonly target: LoraTarget;
  readonly map: LinearName;
  readonly path: string;
  readonly inputWidth: number;
  readonly outputWidth: number;
  readonly outputStride: number;
  readonly outputColumn: number;
}

/** Every map of a layer that can be adapted, in layout order. */
function adaptableMaps({ width: D, feedForwardWidth: F }: BertShape): readonly AdaptedMap[] {
  const projection = (target: LoraTarget, block: number): AdaptedMap => ({ target, map: 'queryKeyValue', path: loraPaths[target][0]!, inputWidth: D, outputWidth: D, outputStride: 3 * D, outputColumn: block * D });
  const whole = (target: LoraTarget, map: LinearName, path: string, inputWidth: number, outputWidth: number): AdaptedMap => ({ target, map, path, inputWidth, outputWidth, outputStride: outputWidth, outputColumn: 0 });
  const [intermediate, output] = loraPaths['feed-forward'] as [string, string];
  return [
    projection('query', 0), projection('key', 1), projection('value', 2),
    whole('attention-output', 'attentionOutput', loraPaths['attention-output'][0]!, D, D),
    whole('feed-forward', 'intermediate', intermediate, D, F),
    whole('feed-forward', 'output', output, F, D),
  ];
}

const adaptedMaps = (shape: BertShape, { targets }: LoraConfig) => adaptableMaps(shape).filter(({ target }) => targets.includes(target));

/** Layout order: by layer, then by map in the order of `loraTargets`, then A before B; then classifier weight and bias. */
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
    const { rank, alpha, layers } = adapter.lora;
    checkInteger('adapter rank', rank, 1, shape.width);
    checkPositive('adapter alpha', alpha);
    for (const layer of layers) {
      checkInteger('adapter layer', layer, 0, shape.layers - 1);
      for (const { path, inputWidth, outputWidth } of adaptedMaps(shape, adapter.lora)) {
        add(`encoder.layer.${layer}.${path}.lora_A.weight`, [rank, inputWidth]);
        add(`encoder.layer.${layer}.${path}.lora_B.weight`, [outputWidth, rank]);
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

/** The LoRA pairs of one encoder layer beside each of its frozen maps. */
export type LayerPairs = Readonly<Record<LinearName, readonly LoraPair[]>>;

/** The LoRA pairs of one encoder layer, each map's in layout order; empty where it carries none. */
export function loraPairs(shape: BertShape, layout: ParameterLayout, { lora }: AdapterConfig, layer: number): LayerPairs {
  const pairs: Record<LinearName, LoraPair[]> = { queryKeyValue: [], attentionOutput: [], intermediate: [], output: [] };
  if (!lora?.layers.includes(layer)) return pairs;
  for (const { map, path, inputWidth, outputWidth, outputStride, outputColumn } of adaptedMaps(shape, lora)) {
    const offsetOf = (factor: 'A' | 'B') => parameterEntry(layout, `encoder.layer.${layer}.${path}.lora_${factor}.weight`).offset;
    pairs[map].push({ inputWidth, outputWidth, outputStride, outputColumn, offsetA: offsetOf('A'), offsetB: offsetOf('B'), rank: lora.rank, scaling: lora.alpha / lora.rank });
  }
  return pairs;
}
