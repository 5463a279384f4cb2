import { invariant } from '../ground/check.ts';
import { EncoderLayers, type LayerTape, type MapGradient, type Work } from './encoder-layers.ts';
import type { EngineInput } from './engine.ts';
import type { MicroBatch } from './micro-batch.ts';
import type { BertShape } from './model/weights.ts';
import type { DenseMap, DenseNorm, DenseTables } from './operations/dense/contract.ts';
import type { LayerNormOperations, NormName } from './operations/layer-norm/contract.ts';
import type { LinearName, LinearOperations } from './operations/linear/contract.ts';
import type { Operations } from './operations/operations.ts';
import { type AdapterConfig, firstTrainedLayer, type LayerPairs, parameterEntry, type ParameterLayout } from './parameters.ts';

/** Where the tensors of one layer lie in theta. */
interface WholeLayer {
  readonly maps: Readonly<Record<LinearName, DenseMap>>;
  readonly norms: Readonly<Record<NormName, DenseNorm>>;
}

/** Where everything that trains lies in theta. */
export interface WholePlaces {
  /** By layer; frozen ones have none. */
  readonly layers: ReadonlyMap<number, WholeLayer>;
  readonly embeddings: { readonly tables: DenseTables; readonly norm: DenseNorm } | null;
  readonly head: DenseMap;
}

const noPairs: LayerPairs = {};

/** Places of the tensors of `layout`, that of whole layers. */
function wholePlaces(shape: BertShape, layout: ParameterLayout, { classes, whole }: AdapterConfig): WholePlaces {
  const { layers: L, width: D, feedForwardWidth: F, layerNormEpsilon: epsilon } = shape;
  const at = (name: string) => parameterEntry(layout, name).offset;
  const map = (path: string, inputWidth: number, outputWidth: number): DenseMap => ({ inputWidth, outputWidth, offsetWeight: at(`${path}.weight`), offsetBias: at(`${path}.bias`) });
  const norm = (path: string): DenseNorm => ({ width: D, epsilon, offsetWeight: at(`${path}.weight`), offsetBias: at(`${path}.bias`) });
  const layers = new Map<number, WholeLayer>();
  for (let layer = L - (whole?.topLayers ?? 0); layer < L; layer++) {
    const path = `encoder.layer.${layer}`;
    layers.set(layer, {
      maps: {
        // The three stand together in theta, weights first, and are one map of 3D columns.
        queryKeyValue: map(`${path}.attention.self.query`, D, 3 * D),
        attentionOutput: map(`${path}.attention.output.dense`, D, D),
        intermediate: map(`${path}.intermediate.dense`, D, F),
        output: map(`${path}.output.dense`, F, D),
      },
      norms: { attentionNorm: norm(`${path}.attention.output.LayerNorm`), outputNorm: norm(`${path}.output.LayerNorm`) },
    });
  }
  const tables = (): DenseTables => ({
    width: D, offsetWords: at('embeddings.word_embeddings.weight'), offsetPositions: at('embeddings.position_embeddings.weight'),
    offsetTokenTypes: shape.tokenTypes > 0 ? at('embeddings.token_type_embeddings.weight') : null,
  });
  return { layers, embeddings: whole?.embeddings ? { tables: tables(), norm: norm('embeddings.LayerNorm') } : null, head: map('classifier', D, classes) };
}

/** The operations with the maps and norms of the layers that train read from theta, and their gradients added to `gradient` [P] on the way back. */
function trainedOperations<Buffer>(operations: Operations<Buffer>, { layers }: WholePlaces, theta: Buffer, gradient: Buffer | null): Operations<Buffer> {
  const { dense } = operations;
  const trained: LinearOperations<Buffer> & LayerNormOperations<Buffer> = {
    linear(layer, name, x, tokens, residual) {
      const map = layers.get(layer)?.maps[name];
      return map ? dense.linear(x, theta, map, tokens, residual) : operations.linear(layer, name, x, tokens, residual);
    },
    linearBackward(layer, name, dy, tokens, residual) {
      const map = layers.get(layer)?.maps[name];
      return map ? dense.linearBackward(dy, theta, map, tokens, residual) : operations.linearBackward(layer, name, dy, tokens, residual);
    },
    layerNorm(layer, name, x, tokens) {
      const norm = layers.get(layer)?.norms[name];
      return norm ? dense.norm(x, theta, norm, tokens) : operations.layerNorm(layer, name, x, tokens);
    },
    layerNormBackward(layer, name, dy, x, tokens) {
      const norm = layers.get(layer)?.norms[name];
      return norm && gradient !== null ? dense.normBackward(dy, x, theta, norm, gradient, tokens) : operations.layerNormBackward(layer, name, dy, x, tokens);
    },
  };
  return { ...operations, ...trained };
}

/** Where the trained layers begin: x [T, D], and the sum of the tables' rows [T, D] that it is the norm of, where the embeddings train. */
interface Entry<Buffer> {
  readonly x: Buffer;
  readonly embedded: { readonly ids: Int32Array; readonly sum: Buffer } | null;
}

/** The passes of a model whose upper layers (and embeddings) train as they are, over the same encoder as any other. */
export class WholeModel<Buffer> {
  readonly #operations: Operations<Buffer>;
  readonly #shape: BertShape;
  readonly #places: WholePlaces;
  readonly #firstLayer: number;
  readonly #classes: number;

  constructor(operations: Operations<Buffer>, shape: BertShape, layout: ParameterLayout, adapter: AdapterConfig) {
    this.#operations = operations;
    this.#shape = shape;
    this.#places = wholePlaces(shape, layout, adapter);
    this.#firstLayer = firstTrainedLayer(shape, adapter);
    this.#classes = adapter.classes;
  }

  /** Logits of one micro-batch: [B, C]. `prefix` gives the outputs of the layers below. */
  logits({ input, rows }: MicroBatch, theta: Buffer, work: Work<Buffer>, prefix: () => Buffer): Buffer {
    const { arena } = work;
    const encoder = new EncoderLayers(trainedOperations(this.#operations, this.#places, theta, null), this.#shape);
    let { x } = this.#enter(input, theta, work, prefix);
    for (let layer = this.#firstLayer; layer < this.#shape.layers; layer++) {
      const { y, tape } = encoder.forward(layer, x, null, work);
      encoder.forget(tape, work);
      arena.free(x);
      x = y;
    }
    return this.#head(x, rows, theta, work).logits;
  }

  /** Losses [B] of one micro-batch; adds the gradient of their sum to `gradient` [P]. */
  addGradient({ input, rows }: MicroBatch, labels: Int32Array, theta: Buffer, gradient: Buffer, work: Work<Buffer>, prefix: () => Buffer): Buffer {
    const { dense } = this.#operations;
    const { arena, sequences } = work;
    const { layers, embeddings, head } = this.#places;
    const { layers: L } = this.#shape;
    const encoder = new EncoderLayers(trainedOperations(this.#operations, this.#places, theta, gradient), this.#shape);
    const entry = this.#enter(input, theta, work, prefix);
    const tapes: LayerTape<Buffer>[] = [];
    let { x } = entry;
    for (let layer = this.#firstLayer; layer < L; layer++) {
      const { y, tape } = encoder.forward(layer, x, null, work);
      tapes.push(tape);
      x = y;
    }

    const { pooled, logits } = this.#head(x, rows, theta, work);
    const { losses, dLogits } = dense.crossEntropy(logits, labels, this.#classes, rows);
    arena.own(losses);
    arena.own(dLogits);
    dense.linearGradient(pooled, dLogits, head, gradient, rows);
    const dPooled = arena.own(dense.linearBackward(dLogits, theta, head, rows));

    const mapGradient: MapGradient<Buffer> = (layer, map, read, dOutput, tokens) => dense.linearGradient(read, dOutput, layers.get(layer)!.maps[map], gradient, tokens);
    let dy: Buffer | null = arena.own(this.#operations.meanPoolBackward(dPooled, sequences));
    for (let layer = L - 1; layer >= this.#firstLayer && dy !== null; layer--) {
      const isLowest = layer === this.#firstLayer && entry.embedded === null;
      const dx = encoder.backward(layer, dy, tapes.pop()!, { pairs: noPairs, theta, mapGradient }, { gradients: gradient, parameters: 0 }, isLowest, work);
      arena.free(dy);
      dy = dx;
    }
    if (entry.embedded && embeddings && dy !== null) {
      const dSum = arena.own(dense.normBackward(dy, entry.embedded.sum, theta, embeddings.norm, gradient, work.tokens));
      dense.embedBackward(entry.embedded.ids, sequences, dSum, embeddings.tables, gradient);
    }
    return losses;
  }

  #enter(input: EngineInput, theta: Buffer, { arena, sequences, tokens }: Work<Buffer>, prefix: () => Buffer): Entry<Buffer> {
    const { embeddings } = this.#places;
    if (!embeddings) return { x: prefix(), embedded: null };
    invariant('ids' in input, 'embeddings that train are read from tokens');
    const { dense } = this.#operations;
    const sum = arena.own(dense.embed(input.ids, sequences, theta, embeddings.tables));
    return { x: arena.own(dense.norm(sum, theta, embeddings.norm, tokens)), embedded: { ids: input.ids, sum } };
  }

  #head(x: Buffer, rows: number, theta: Buffer, { arena, sequences }: Work<Buffer>): { pooled: Buffer; logits: Buffer } {
    const pooled = arena.own(this.#operations.meanPool(x, sequences));
    return { pooled, logits: arena.own(this.#operations.dense.linear(pooled, theta, this.#places.head, rows)) };
  }
}

