import { checkInteger, checkPositive, invariant } from '../ground/check.ts';
import type { BertShape } from './model/weights.ts';
import type { LinearName } from './operations/linear/contract.ts';
import type { LoraPair, LoraPairs } from './operations/lora/contract.ts';

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

/** Whole layers as they are, without adapters. */
export interface WholeConfig {
  /** Encoder layers from the top, 1 to L. */
  readonly topLayers: number;
  /** Embedding tables and their norm too; only where every layer trains. */
  readonly embeddings: boolean;
}

/** What is trained: a linear head of `classes` outputs, and LoRA or whole layers where given. */
export interface AdapterConfig {
  readonly classes: number;
  readonly lora: LoraConfig | null;
  /** Gradients of the batch alone, none by example: only for training that is not private, and without LoRA. */
  readonly whole?: WholeConfig;
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

/** A tensor's name, within its layer or whole, and its dimensions. */
type NamedSizes = readonly [name: string, dimensions: readonly number[]];

/** Frozen tensors of a layer that train where it trains whole, in layout order; query, key and value stand together, as they are multiplied. */
function wholeTensors({ width: D, feedForwardWidth: F }: BertShape): readonly NamedSizes[] {
  const projections = ['query', 'key', 'value'].map((part) => `attention.self.${part}`);
  const map = (path: string, N: number, K: number): readonly NamedSizes[] => [[`${path}.weight`, [N, K]], [`${path}.bias`, [N]]];
  const norm = (path: string): readonly NamedSizes[] => [[`${path}.weight`, [D]], [`${path}.bias`, [D]]];
  return [
    ...projections.map((path): NamedSizes => [`${path}.weight`, [D, D]]),
    ...projections.map((path): NamedSizes => [`${path}.bias`, [D]]),
    ...map('attention.output.dense', D, D), ...norm('attention.output.LayerNorm'),
    ...map('intermediate.dense', F, D),
    ...map('output.dense', D, F), ...norm('output.LayerNorm'),
  ];
}

/** Tensors of the embeddings, in layout order. */
function embeddingTensors({ width: D, vocabularySize, maximumPositions, tokenTypes }: BertShape): readonly NamedSizes[] {
  const tokenTypeTable: readonly NamedSizes[] = tokenTypes > 0 ? [['embeddings.token_type_embeddings.weight', [tokenTypes, D]]] : [];
  return [
    ['embeddings.word_embeddings.weight', [vocabularySize, D]],
    ['embeddings.position_embeddings.weight', [maximumPositions, D]],
    ...tokenTypeTable,
    ['embeddings.LayerNorm.weight', [D]],
    ['embeddings.LayerNorm.bias', [D]],
  ];
}

/** Layout order: embeddings; by layer, then by map in the order of `loraTargets`, then A before B, or the layer's own tensors; then classifier weight and bias. */
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
  if (adapter.whole) {
    const { topLayers, embeddings } = adapter.whole;
    invariant(adapter.lora === null, 'whole layers train without adapters');
    checkInteger('layers that train', topLayers, 1, shape.layers);
    invariant(!embeddings || topLayers === shape.layers, 'embeddings train where every layer does');
    if (embeddings) for (const [name, dimensions] of embeddingTensors(shape)) add(name, dimensions);
    for (let layer = shape.layers - topLayers; layer < shape.layers; layer++) {
      for (const [name, dimensions] of wholeTensors(shape)) add(`encoder.layer.${layer}.${name}`, dimensions);
    }
  }
  add('classifier.weight', [adapter.classes, shape.width]);
  add('classifier.bias', [adapter.classes]);
  return { entries, length: offset };
}

/** Lowest encoder layer that trains; everything below it is a frozen prefix. L where only the head trains. */
export function firstTrainedLayer(shape: BertShape, adapter: AdapterConfig): number {
  if (adapter.whole) return shape.layers - adapter.whole.topLayers;
  return adapter.lora && adapter.lora.targets.length > 0 ? Math.min(shape.layers, ...adapter.lora.layers) : shape.layers;
}

/** The entry of that name. Throws where the layout has none. */
export function parameterEntry(layout: ParameterLayout, name: string): ParameterEntry {
  const entry = layout.entries.find((candidate) => candidate.name === name);
  invariant(entry !== undefined, `the layout has a tensor ${name}`);
  return entry;
}

/** The LoRA pairs of one encoder layer beside each of its frozen maps. */
export type LayerPairs = Readonly<Partial<Record<LinearName, LoraPairs>>>;

/** The LoRA pairs of one encoder layer, each map's in layout order; only of maps that carry any. */
export function loraPairs(shape: BertShape, layout: ParameterLayout, { lora }: AdapterConfig, layer: number): LayerPairs {
  const pairs: Partial<Record<LinearName, [LoraPair, ...LoraPair[]]>> = {};
  if (!lora?.layers.includes(layer)) return pairs;
  for (const { map, path, inputWidth, outputWidth, outputStride, outputColumn } of adaptedMaps(shape, lora)) {
    const offsetOf = (factor: 'A' | 'B') => parameterEntry(layout, `encoder.layer.${layer}.${path}.lora_${factor}.weight`).offset;
    const pair = { inputWidth, outputWidth, outputStride, outputColumn, offsetA: offsetOf('A'), offsetB: offsetOf('B'), rank: lora.rank, scaling: lora.alpha / lora.rank };
    const known = pairs[map];
    if (known) known.push(pair);
    else pairs[map] = [pair];
  }
  return pairs;
}
