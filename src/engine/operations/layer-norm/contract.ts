/** The layer norms of one encoder layer. */
export type NormName = 'attentionNorm' | 'outputNorm';

export interface LayerNormOperations<Buffer> {
  /** (x - mean) / sqrt(variance + epsilon) * weight + bias, over each row of D: [T, D]. */
  layerNorm(layer: number, name: NormName, x: Buffer, tokens: number): Buffer;
  /** Gradient of layerNorm with respect to its input `x` (the same x as forward): [T, D]. */
  layerNormBackward(layer: number, name: NormName, dy: Buffer, x: Buffer, tokens: number): Buffer;
}
