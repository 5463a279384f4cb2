export interface HeadOperations<Buffer> {
  /** pooled · Wᵀ + b with W at offsetWeight [C, D] and b at offsetBias [C] of theta: [B, C]. */
  headLogits(pooled: Buffer, theta: Buffer, offsetWeight: number, offsetBias: number, classes: number, rows: number): Buffer;
  /**
   * Cross entropy per row. Writes the head's per-example gradients into `gradients` [B, P] at the offsets, in place.
   * Returns losses [B] (nats) and dPooled [B, D].
   */
  headBackward(pooled: Buffer, logits: Buffer, labels: Int32Array, theta: Buffer, offsetWeight: number, offsetBias: number, classes: number, gradients: Buffer, parameters: number, rows: number): { losses: Buffer; dPooled: Buffer };
}
