import type { Arena } from './arena.ts';
import type { BertShape } from './model/weights.ts';
import type { LoraPair, Operations, Sequences } from './operations/operations.ts';

/** One micro-batch on the device. */
export interface Work<Buffer> {
  readonly arena: Arena<Buffer>;
  readonly sequences: Sequences;
  readonly tokens: number;
}

/** The LoRA pairs of one layer, and theta [P] that holds them. */
export interface LayerAdapters<Buffer> {
  readonly pairs: readonly LoraPair[];
  readonly theta: Buffer;
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
  /** x Aᵀ of each pair. */
  readonly u: readonly Buffer[];
  readonly context: Buffer;
  readonly attentionSum: Buffer;
  readonly feedForward: Buffer;
  readonly outputSum: Buffer;
}

/** The encoder's layers, post-layer norm as in BERT: a = LayerNorm(x + Attention(x)); y = LayerNorm(a + W2 gelu(W1 a)). */
export class EncoderLayers<Buffer> {
  constructor(
    private readonly operations: Operations<Buffer>,
    private readonly shape: BertShape,
  ) {}

  /** Layer number `layer`, with LoRA added to its projections where given. Shapes: x, y [T, D]. */
  forward(layer: number, x: Buffer, adapters: LayerAdapters<Buffer> | null, { arena, sequences, tokens }: Work<Buffer>): { y: Buffer; tape: LayerTape<Buffer> } {
    const { operations } = this;
    const qkv = arena.own(operations.linear(layer, 'queryKeyValue', x, tokens));
    const u = adapters ? adapters.pairs.map((pair) => arena.own(operations.addLora(x, adapters.theta, pair, qkv, tokens))) : [];
    const context = arena.own(operations.attention(qkv, sequences));
    const attentionSum = arena.own(operations.linear(layer, 'attentionOutput', context, tokens, x));
    const attended = arena.own(operations.layerNorm(layer, 'attentionNorm', attentionSum, tokens));

    const feedForward = arena.own(operations.linear(layer, 'intermediate', attended, tokens));
    const activated = arena.own(operations.gelu(feedForward, tokens * this.shape.feedForwardWidth));
    const outputSum = arena.own(operations.linear(layer, 'output', activated, tokens, attended));
    arena.free(attended, activated);
    const y = arena.own(operations.layerNorm(layer, 'outputNorm', outputSum, tokens));
    return { y, tape: { x, qkv, u, context, attentionSum, feedForward, outputSum } };
  }

  /**
   * The same layer backwards. Writes the gradients of its adapters into the matrix and frees the tape;
   * returns dx [T, D], or null where the layers below do not train. Shapes: dy [T, D].
   */
  backward(
    layer: number, dy: Buffer, tape: LayerTape<Buffer>, { pairs, theta }: LayerAdapters<Buffer>, { gradients, parameters }: GradientMatrix<Buffer>,
    isLowest: boolean, work: Work<Buffer>,
  ): Buffer | null {
    const { operations } = this;
    const { arena, sequences, tokens } = work;
    const dOutputSum = arena.own(operations.layerNormBackward(layer, 'outputNorm', dy, tape.outputSum, tokens));
    const dActivated = arena.own(operations.linearBackward(layer, 'output', dOutputSum, tokens));
    const dFeedForward = arena.own(operations.geluBackward(dActivated, tape.feedForward, tokens * this.shape.feedForwardWidth));
    const dAttended = arena.own(operations.linearBackward(layer, 'intermediate', dFeedForward, tokens, dOutputSum));
    arena.free(dOutputSum, dActivated, dFeedForward);

    const dAttentionSum = arena.own(operations.layerNormBackward(layer, 'attentionNorm', dAttended, tape.attentionSum, tokens));
    const dContext = arena.own(operations.linearBackward(layer, 'attentionOutput', dAttentionSum, tokens));
    const dQkv = arena.own(operations.attentionBackward(tape.qkv, tape.context, dContext, sequences));
    const dx = isLowest ? null : arena.own(operations.linearBackward(layer, 'queryKeyValue', dQkv, tokens, dAttentionSum));
    for (const [index, pair] of pairs.entries()) {
      operations.loraBackward(tape.x, tape.u[index]!, dQkv, theta, pair, gradients, parameters, sequences, dx ?? undefined);
    }
    arena.free(dAttended, dAttentionSum, dContext, dQkv);
    this.forget(tape, work);
    return dx;
  }

  /** Frees what only the backward pass would need; x stays. */
  forget({ qkv, u, context, attentionSum, feedForward, outputSum }: LayerTape<Buffer>, { arena }: Work<Buffer>): void {
    arena.free(qkv, ...u, context, attentionSum, feedForward, outputSum);
  }
}
