import { checkInteger, invariant } from '../ground/check.ts';
import { Arena } from './arena.ts';
import { EncoderLayers, type LayerAdapters, type LayerTape, type Work } from './encoder-layers.ts';
import type { Engine, EngineInput, ExampleGradients } from './engine.ts';
import { checkInput } from './input-check.ts';
import { type MicroBatch, microBatches } from './micro-batch.ts';
import type { BertWeights } from './model/weights.ts';
import type { Operations } from './operations/operations.ts';
import { type AdapterConfig, firstTrainedLayer, type LayerPairs, loraPairs, type ParameterLayout, parameterEntry, parameterLayout } from './parameters.ts';

export interface EngineOptions {
  /** Tokens computed at a time; the memory of activations follows it. */
  readonly maximumTokens?: number;
}

/** What trains, and where it lies in theta [P] on the device. */
interface Trained<Buffer> {
  readonly adapter: AdapterConfig;
  readonly layout: ParameterLayout;
  readonly theta: Buffer;
  /** By layer. */
  readonly pairs: readonly LayerPairs[];
  /** Everything below is a frozen prefix. */
  readonly firstLayer: number;
  readonly offsetWeight: number;
  readonly offsetBias: number;
}

/**
 * BERT (Devlin et al., arXiv 1810.04805), forward and backward, over the fused operations of any backend:
 * a frozen quantized encoder, LoRA pairs, and a linear head on the mean of the last layer's outputs.
 */
export function createEngine<Buffer>(operations: Operations<Buffer>, weights: BertWeights, { maximumTokens = 512 }: EngineOptions = {}): Engine {
  const { layers: L, width: D } = weights.shape;
  operations.load(weights);
  const encoder = new EncoderLayers(operations, weights.shape);
  let current: Trained<Buffer> | null = null;

  function trained(): Trained<Buffer> {
    invariant(current !== null, 'the engine is configured before its head is used');
    return current;
  }

  function adaptersOf(layer: number, { pairs, theta }: Trained<Buffer>): LayerAdapters<Buffer> {
    return { pairs: pairs[layer]!, theta };
  }

  /** Runs `compute` on one micro-batch after another; each leaves nothing on the device. */
  async function eachMicroBatch(input: EngineInput, compute: (part: MicroBatch, work: Work<Buffer>) => Promise<void>): Promise<void> {
    checkInput(input, weights.shape);
    for (const part of microBatches(input, maximumTokens, D)) {
      const arena = new Arena(operations);
      try {
        await compute(part, { arena, sequences: arena.sequences(part.input.offsets), tokens: part.tokens });
      } finally {
        arena.close();
      }
    }
  }

  /** Embeds the tokens, or takes the hidden states given; `layer` is the number of layers behind x [T, D]. */
  function enter(input: EngineInput, { arena, sequences }: Work<Buffer>): { x: Buffer; layer: number } {
    if ('ids' in input) return { x: arena.own(operations.embed(input.ids, sequences)), layer: 0 };
    return { x: arena.own(operations.upload(input.hidden)), layer: input.layer };
  }

  /** Layers `from` to `to` for their output alone; frees x. */
  function run(x: Buffer, from: number, to: number, adapted: Trained<Buffer> | null, work: Work<Buffer>): Buffer {
    let output = x;
    for (let layer = from; layer < to; layer++) {
      const { y, tape } = encoder.forward(layer, output, adapted && adaptersOf(layer, adapted), work);
      encoder.forget(tape, work);
      work.arena.free(output);
      output = y;
    }
    return output;
  }

  /** Mean of x [T, D] over each row's tokens, and the head's logits of it [B, C]. */
  function head(x: Buffer, rows: number, { arena, sequences }: Work<Buffer>): { pooled: Buffer; logits: Buffer } {
    const { theta, adapter, offsetWeight, offsetBias } = trained();
    const pooled = arena.own(operations.meanPool(x, sequences));
    const logits = arena.own(operations.headLogits(pooled, theta, offsetWeight, offsetBias, adapter.classes, rows));
    return { pooled, logits };
  }

  /** Losses [B] and per-example gradients [B, P] of one micro-batch: forward, head, and back to the lowest adapter. */
  async function gradientsOf({ input, rows }: MicroBatch, labels: Int32Array, work: Work<Buffer>): Promise<ExampleGradients> {
    const { arena, sequences } = work;
    const model = trained();
    const { theta, adapter, firstLayer, offsetWeight, offsetBias } = model;
    const parameters = model.layout.length;

    const entered = enter(input, work);
    let x = run(entered.x, entered.layer, firstLayer, null, work);
    const tapes: LayerTape<Buffer>[] = [];
    for (let layer = firstLayer; layer < L; layer++) {
      const { y, tape } = encoder.forward(layer, x, adaptersOf(layer, model), work);
      tapes.push(tape);
      x = y;
    }

    const { pooled, logits } = head(x, rows, work);
    const gradients = arena.own(operations.zeros(rows * parameters));
    const { losses, dPooled } = operations.headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, adapter.classes, gradients, parameters, rows);
    arena.own(losses);
    arena.own(dPooled);

    let dy = firstLayer < L ? arena.own(operations.meanPoolBackward(dPooled, sequences)) : null;
    for (let layer = L - 1; dy !== null; layer--) {
      const dx = encoder.backward(layer, dy, tapes.pop()!, adaptersOf(layer, model), { gradients, parameters }, layer === firstLayer, work);
      arena.free(dy);
      dy = dx;
    }
    return { losses: await operations.download(losses, rows), gradients: await operations.download(gradients, rows * parameters) };
  }

  /** Hidden states taken above an adapted layer would leave its adapter out. */
  function checkAdapted(input: EngineInput): void {
    if ('hidden' in input) checkInteger('layer of the hidden states', input.layer, 0, trained().firstLayer);
  }

  return {
    backend: operations.backend,
    device: operations.device,
    shape: weights.shape,

    configure(adapter) {
      const layout = parameterLayout(weights.shape, adapter);
      const earlier = current;
      current = {
        adapter,
        layout,
        theta: operations.zeros(layout.length),
        pairs: weights.layers.map((_, layer) => loraPairs(weights.shape, layout, adapter, layer)),
        firstLayer: firstTrainedLayer(weights.shape, adapter),
        offsetWeight: parameterEntry(layout, 'classifier.weight').offset,
        offsetBias: parameterEntry(layout, 'classifier.bias').offset,
      };
      if (earlier) operations.release(earlier.theta);
      return layout;
    },

    setParameters(theta) {
      const model = trained();
      invariant(theta.length === model.layout.length, `theta has the ${model.layout.length} values of the layout`);
      current = { ...model, theta: operations.upload(theta) };
      operations.release(model.theta);
    },

    async encode(input, layers) {
      const lowest = 'ids' in input ? 0 : input.layer;
      for (const layer of layers) checkInteger('encoded layer', layer, lowest, L);
      const ascending = [...new Set(layers)].sort((a, b) => a - b);
      const result = new Float32Array((input.offsets.length - 1) * layers.length * D);
      await eachMicroBatch(input, async ({ input: part, firstRow, rows }, work) => {
        let { x, layer } = enter(part, work);
        for (const wanted of ascending) {
          x = run(x, layer, wanted, null, work);
          layer = wanted;
          const pooled = await operations.download(work.arena.own(operations.meanPool(x, work.sequences)), rows * D);
          for (const [place, asked] of layers.entries()) {
            if (asked !== wanted) continue;
            for (let row = 0; row < rows; row++) result.set(pooled.subarray(row * D, (row + 1) * D), ((firstRow + row) * layers.length + place) * D);
          }
        }
      });
      return result;
    },

    async hidden(input, layer) {
      checkInteger('layer', layer, 0, L);
      const result = new Float32Array(input.ids.length * D);
      await eachMicroBatch(input, async ({ input: part, firstToken, tokens }, work) => {
        const entered = enter(part, work);
        result.set(await operations.download(run(entered.x, entered.layer, layer, null, work), tokens * D), firstToken * D);
      });
      return result;
    },

    async logits(input) {
      const model = trained();
      checkAdapted(input);
      const { classes } = model.adapter;
      const result = new Float32Array((input.offsets.length - 1) * classes);
      await eachMicroBatch(input, async ({ input: part, firstRow, rows }, work) => {
        const entered = enter(part, work);
        const { logits } = head(run(entered.x, entered.layer, L, model, work), rows, work);
        result.set(await operations.download(logits, rows * classes), firstRow * classes);
      });
      return result;
    },

    async gradients(input, labels) {
      const { adapter, layout } = trained();
      checkAdapted(input);
      const rows = input.offsets.length - 1;
      invariant(labels.length === rows, 'every row has a label');
      for (const label of labels) checkInteger('label', label, 0, adapter.classes - 1);
      const losses = new Float32Array(rows);
      const gradients = new Float32Array(rows * layout.length);
      await eachMicroBatch(input, async (part, work) => {
        const found = await gradientsOf(part, labels.subarray(part.firstRow, part.firstRow + part.rows), work);
        losses.set(found.losses, part.firstRow);
        gradients.set(found.gradients, part.firstRow * layout.length);
      });
      return { losses, gradients };
    },

    dispose() {
      if (current) operations.release(current.theta);
      current = null;
      operations.dispose();
    },
  };
}
