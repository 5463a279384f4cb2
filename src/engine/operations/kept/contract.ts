/** Activations in binary16, for as long as the backward pass is to come. */
export interface KeptHalves<Buffer> {
  /** Holds them all, in half their bytes; this is what is released. */
  readonly whole: Buffer;
  /** One for each that was given, in their order; they live as long as `whole`. */
  readonly parts: readonly Buffer[];
}

export interface KeptOperation<Buffer> {
  /**
   * Where a backend can read them: copies in binary16, rounded to a nearest number and to 65504 at most. Sums over them stay in float32.
   * What a layer's backward pass reads of its forward pass may be a part: x of `layerNorm`, `layerNormBackward`, `gelu`, `geluBackward` and `loraBackward`,
   * qkv and context (both or neither) of `attentionBackward`. Nothing else may. Lengths are multiples of 4.
   */
  keepHalves?(buffers: readonly Buffer[], lengths: readonly number[]): KeptHalves<Buffer>;
}
