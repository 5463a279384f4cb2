import type { Arena } from './arena.ts';
import { keptColumns } from './kept-activations.ts';
import type { BertShape } from './model/weights.ts';
import type { Sequences } from './operations/buffers/contract.ts';
import type { LinearName } from './operations/linear/contract.ts';
import type { Operations } from './operations/operations.ts';
import type { LayerPairs } from './parameters.ts';

/** One micro-batch on the device. */
export interface Work<Buffer> {
  readonly arena: Arena<Buffer>;
  readonly sequences: Sequences;
  readonly tokens: number;
}

/** Takes what a map read and the gradient of what it gave, where the map itself trains. */
export type MapGradient<Buffer> = (layer: number, map: LinearName, input: Buffer, dOutput: Buffer, tokens: number) => void;

/** The LoRA pairs of one layer, and theta [P] that holds them. */
export interface LayerAdapters<Buffer> {
  readonly pairs: LayerPairs;
  readonly theta: Buffer;
  /** Where the layer trains whole. */
  readonly mapGradient?: MapGradient<Buffer>;
}

/** Per-example gradients on the device: [B, parameters], one column per trainable parameter. */
export interface GradientMatrix<Buffer> {
  readonly gradients: Buffer;
  readonly parameters: number;
}

/** What a layer's backward pass needs of its forward pass. */
export interface LayerTape<Buffer> {
  readonly x: Buffer;
  readonly qkv: Buffer;
  /** x Aᵀ of the pairs beside each map that has any. */
  readonly u: Readonly<Partial<Record<LinearName, Buffer>>>;
  readonly context: Buffer;
  readonly attentionSum: Buffer;
  readonly feedForward: Buffer;
  readonly outputSum: Buffer;
  /** What holds all of these but u, where they are kept in half their bytes. */
  readonly whole?: Buffer;
}

/** The encoder's layers, post-layer norm as in BERT: a = LayerNorm(x + Attention(x)); y = LayerNorm(a + W2 gelu(W1 a)). */
export class EncoderLayers<Buffer> {
  constructor(
    private readonly operations: Operations<Buffer>,
    private readonly shape: BertShape,
  ) {}

  /** Layer number `layer`, with LoRA added to its maps where given. Shapes: x, y [T, D]. */
  forward(layer: number, x: Buffer, adapters: LayerAdapters<Buffer> | null, work: Work<Buffer>): { y: Buffer; tape: LayerTape<Buffer> } {
    const { operations } = this;
    const { arena, sequences, tokens } = work;
    const u: Partial<Record<LinearName, Buffer>> = {};
    const adapt = (map: LinearName, input: Buffer, output: Buffer): void => {
      const pairs = adapters?.pairs[map];
      if (adapters && pairs) u[map] = arena.own(operations.addLora(input, adapters.theta, pairs, output, tokens));
    };

    const qkv = arena.own(operations.linear(layer, 'queryKeyValue', x, tokens));
    adapt('queryKeyValue', x, qkv);
    const context = arena.own(operations.attention(qkv, sequences));
    const attentionSum = arena.own(operations.linear(layer, 'attentionOutput', context, tokens, x));
    adapt('attentionOutput', context, attentionSum);
    const attended = this.#attended(layer, attentionSum, work);

    const feedForward = arena.own(operations.linear(layer, 'intermediate', attended, tokens));
    adapt('intermediate', attended, feedForward);
    const activated = this.#activated(feedForward, work);
    const outputSum = arena.own(operations.linear(layer, 'output', activated, tokens, attended));
    adapt('output', activated, outputSum);
    arena.free(attended, activated);
    const y = arena.own(operations.layerNorm(layer, 'outputNorm', outputSum, tokens));
    return { y, tape: { x, qkv, u, context, attentionSum, feedForward, outputSum } };
  }

  /**
   * The same layer backwards. Writes the gradients of its adapters into the matrix and frees the tape;
   * returns dx [T, D], or null where the layers below do not train. Shapes: dy [T, D].
   */
  backward(layer: number, dy: Buffer, tape: LayerTape<Buffer>, { pairs, theta, mapGradient }: LayerAdapters<Buffer>, { gradients, parameters }: GradientMatrix<Buffer>, isLowest: boolean, work: Work<Buffer>): Buffer | null {
    const { operations } = this;
    const { arena, sequences, tokens } = work;
    const trains = (...maps: readonly LinearName[]) => mapGradient !== undefined || maps.some((map) => pairs[map] !== undefined);
    const adapt = (map: LinearName, input: Buffer, dOutput: Buffer, dInput?: Buffer): void => {
      mapGradient?.(layer, map, input, dOutput, tokens);
      const [own, u] = [pairs[map], tape.u[map]];
      if (own && u !== undefined) operations.loraBackward(input, u, dOutput, theta, own, gradients, parameters, sequences, dInput);
    };

    const dOutputSum = arena.own(operations.layerNormBackward(layer, 'outputNorm', dy, tape.outputSum, tokens));
    const dActivated = arena.own(operations.linearBackward(layer, 'output', dOutputSum, tokens));
    if (trains('output')) this.#with(this.#activated(tape.feedForward, work), work, (activated) => adapt('output', activated, dOutputSum, dActivated));
    const dFeedForward = arena.own(operations.geluBackward(dActivated, tape.feedForward, tokens * this.shape.feedForwardWidth));
    const dAttended = arena.own(operations.linearBackward(layer, 'intermediate', dFeedForward, tokens, dOutputSum));
    if (trains('intermediate')) this.#with(this.#attended(layer, tape.attentionSum, work), work, (attended) => adapt('intermediate', attended, dFeedForward, dAttended));
    arena.free(dOutputSum, dActivated, dFeedForward);

    const dx = isLowest && !trains('queryKeyValue', 'attentionOutput') ? null : this.#attentionBackward(layer, dAttended, tape, adapt, isLowest, work);
    arena.free(dAttended);
    this.forget(tape, work);
    return dx;
  }

  /** The attention block backwards, from the gradient of its normed output. */
  #attentionBackward(layer: number, dAttended: Buffer, tape: LayerTape<Buffer>, adapt: (map: LinearName, input: Buffer, dOutput: Buffer, dInput?: Buffer) => void, isLowest: boolean, { arena, sequences, tokens }: Work<Buffer>): Buffer | null {
    const { operations } = this;
    const dAttentionSum = arena.own(operations.layerNormBackward(layer, 'attentionNorm', dAttended, tape.attentionSum, tokens));
    const dContext = arena.own(operations.linearBackward(layer, 'attentionOutput', dAttentionSum, tokens));
    adapt('attentionOutput', tape.context, dAttentionSum, dContext);
    const dQkv = arena.own(operations.attentionBackward(tape.qkv, tape.context, dContext, sequences));
    const dx = isLowest ? null : arena.own(operations.linearBackward(layer, 'queryKeyValue', dQkv, tokens, dAttentionSum));
    adapt('queryKeyValue', tape.x, dQkv, dx ?? undefined);
    arena.free(dAttentionSum, dContext, dQkv);
    return dx;
  }

  /** What the feed-forward block reads; computed again in the backward pass, where it is wanted, rather than kept. */
  #attended(layer: number, attentionSum: Buffer, { arena, tokens }: Work<Buffer>): Buffer {
    return arena.own(this.operations.layerNorm(layer, 'attentionNorm', attentionSum, tokens));
  }

  #activated(feedForward: Buffer, { arena, tokens }: Work<Buffer>): Buffer {
    return arena.own(this.operations.gelu(feedForward, tokens * this.shape.feedForwardWidth));
  }

  #with(buffer: Buffer, { arena }: Work<Buffer>, use: (buffer: Buffer) => void): void {
    use(buffer);
    arena.free(buffer);
  }

  /** The tape in half its bytes, where the backend can. Frees what it then stands for, x too. */
  keptInHalves(tape: LayerTape<Buffer>, { arena, tokens }: Work<Buffer>): LayerTape<Buffer> {
    const { x, u, qkv, context, attentionSum, feedForward, outputSum } = tape;
    const given = [x, qkv, context, attentionSum, feedForward, outputSum];
    const kept = this.operations.keepHalves?.(given, keptColumns(this.shape).map((columns) => tokens * columns));
    if (!kept) return tape;
    arena.own(kept.whole);
    arena.free(...given);
    const [xHalf, qkvHalf, contextHalf, attentionSumHalf, feedForwardHalf, outputSumHalf] = kept.parts;
    return { x: xHalf!, qkv: qkvHalf!, u, context: contextHalf!, attentionSum: attentionSumHalf!, feedForward: feedForwardHalf!, outputSum: outputSumHalf!, whole: kept.whole };
  }

  /** Frees what only the backward pass would need; x stays, unless it is kept with the others. */
  forget({ qkv, u, context, attentionSum, feedForward, outputSum, whole }: LayerTape<Buffer>, { arena }: Work<Buffer>): void {
    arena.free(...Object.values(u), ...(whole === undefined ? [qkv, context, attentionSum, feedForward, outputSum] : [whole]));
  }
}
