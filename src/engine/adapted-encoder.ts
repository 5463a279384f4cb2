import { invariant } from '../ground/check.ts';
import { EncoderLayers, type LayerAdapters, type LayerTape, type Work } from './encoder-layers.ts';
import type { EngineInput } from './engine.ts';
import { keepsHalvesOf } from './kept-activations.ts';
import type { MicroBatch } from './micro-batch.ts';
import type { BertShape } from './model/weights.ts';
import type { Operations } from './operations/operations.ts';
import { type AdapterConfig, firstTrainedLayer, type LayerPairs, loraPairs, type ParameterLayout, parameterEntry, parameterLayout } from './parameters.ts';
import { WholeModel } from './whole-layers.ts';

/** What trains, and where it lies in theta [P] on the device. */
export interface Trained<Buffer> {
  readonly adapter: AdapterConfig;
  readonly layout: ParameterLayout;
  readonly theta: Buffer;
  /** By layer. */
  readonly pairs: readonly LayerPairs[];
  /** Everything below is a frozen prefix. */
  readonly firstLayer: number;
  readonly offsetWeight: number;
  readonly offsetBias: number;
  /** Where whole layers train. */
  readonly whole: WholeModel<Buffer> | null;
}

/** Parameters of `adapter`, all zero, on the device. */
export function trainedOn<Buffer>(operations: Operations<Buffer>, shape: BertShape, adapter: AdapterConfig): Trained<Buffer> {
  const layout = parameterLayout(shape, adapter);
  return {
    adapter,
    layout,
    theta: operations.zeros(layout.length),
    pairs: Array.from({ length: shape.layers }, (_, layer) => loraPairs(shape, layout, adapter, layer)),
    firstLayer: firstTrainedLayer(shape, adapter),
    offsetWeight: parameterEntry(layout, 'classifier.weight').offset,
    offsetBias: parameterEntry(layout, 'classifier.bias').offset,
    whole: adapter.whole ? new WholeModel(operations, shape, layout, adapter) : null,
  };
}

/** The encoder with adapters and a head on one micro-batch: forward, and back to the lowest adapter. */
export class AdaptedEncoder<Buffer> {
  readonly #layers: EncoderLayers<Buffer>;

  /** `keepsHalves`: whether activations are kept in binary16; by the model and what trains where absent. */
  constructor(
    private readonly operations: Operations<Buffer>,
    private readonly shape: BertShape,
    private readonly keepsHalves: boolean | undefined,
  ) {
    this.#layers = new EncoderLayers(operations, shape);
  }

  /** Embeds the tokens, or takes the hidden states given; `layer` is the number of layers behind x [T, D]. */
  enter(input: EngineInput, { arena, sequences }: Work<Buffer>): { x: Buffer; layer: number } {
    if ('ids' in input) return { x: arena.own(this.operations.embed(input.ids, sequences)), layer: 0 };
    return { x: arena.own(this.operations.upload(input.hidden)), layer: input.layer };
  }

  /** Layers `from` to `to` for their output alone; frees x. */
  run(x: Buffer, from: number, to: number, model: Trained<Buffer> | null, work: Work<Buffer>): Buffer {
    let output = x;
    for (let layer = from; layer < to; layer++) {
      const { y, tape } = this.#layers.forward(layer, output, model && adaptersOf(layer, model), work);
      this.#layers.forget(tape, work);
      work.arena.free(output);
      output = y;
    }
    return output;
  }

  /** Outputs of the first `to` layers [T, D]. */
  through(input: EngineInput, to: number, model: Trained<Buffer> | null, work: Work<Buffer>): Buffer {
    const { x, layer } = this.enter(input, work);
    return this.run(x, layer, to, model, work);
  }

  /** Outputs of the layers below the first that trains. */
  prefix(input: EngineInput, { firstLayer }: Trained<Buffer>, work: Work<Buffer>): Buffer {
    return this.through(input, firstLayer, null, work);
  }

  /** Logits [B, C] of one micro-batch. */
  logits(part: MicroBatch, model: Trained<Buffer>, work: Work<Buffer>): Buffer {
    const { input, rows } = part;
    if (model.whole) return model.whole.logits(part, model.theta, work, () => this.prefix(input, model, work));
    return this.#head(this.through(input, this.shape.layers, model, work), rows, model, work).logits;
  }

  /** Mean of x [T, D] over each row's tokens, and the head's logits of it [B, C]. */
  #head(x: Buffer, rows: number, { theta, adapter, offsetWeight, offsetBias }: Trained<Buffer>, { arena, sequences }: Work<Buffer>): { pooled: Buffer; logits: Buffer } {
    const pooled = arena.own(this.operations.meanPool(x, sequences));
    const logits = arena.own(this.operations.headLogits(pooled, theta, offsetWeight, offsetBias, adapter.classes, rows));
    return { pooled, logits };
  }

  /** Losses [B] and per-example gradients [B, P] of one micro-batch, on the device: forward, head, and back to the lowest adapter. */
  gradients({ input, rows }: MicroBatch, labels: Int32Array, model: Trained<Buffer>, work: Work<Buffer>): { losses: Buffer; gradients: Buffer } {
    const { operations, shape } = this;
    const { layers: L } = shape;
    const { arena, sequences } = work;
    const { theta, adapter, firstLayer, offsetWeight, offsetBias } = model;
    const parameters = model.layout.length;
    invariant(model.whole === null, 'gradients by example are of adapters and head');

    let x = this.prefix(input, model, work);
    const inHalves = this.keepsHalves ?? keepsHalvesOf(shape, adapter);
    const tapes: LayerTape<Buffer>[] = [];
    for (let layer = firstLayer; layer < L; layer++) {
      const { y, tape } = this.#layers.forward(layer, x, adaptersOf(layer, model), work);
      tapes.push(inHalves ? this.#layers.keptInHalves(tape, work) : tape);
      x = y;
    }

    const { pooled, logits } = this.#head(x, rows, model, work);
    const gradients = arena.own(operations.zeros(rows * parameters));
    const { losses, dPooled } = operations.headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, adapter.classes, gradients, parameters, rows);
    arena.own(losses);
    arena.own(dPooled);

    let dy = firstLayer < L ? arena.own(operations.meanPoolBackward(dPooled, sequences)) : null;
    for (let layer = L - 1; dy !== null; layer--) {
      const dx = this.#layers.backward(layer, dy, tapes.pop()!, adaptersOf(layer, model), { gradients, parameters }, layer === firstLayer, work);
      arena.free(dy);
      dy = dx;
    }
    return { losses, gradients };
  }
}

function adaptersOf<Buffer>(layer: number, { pairs, theta }: Trained<Buffer>): LayerAdapters<Buffer> {
  return { pairs: pairs[layer]!, theta };
}
