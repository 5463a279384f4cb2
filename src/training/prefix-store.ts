/**
 * Outputs of frozen layers by row, kept where memory has no room for them.
 * Guarantee: no method rejects; what cannot be found is computed, what cannot be kept is forgotten. Binary16, bit for bit.
 */
export interface PrefixStore {
  /** Outputs [tokens, D] of the first `layer` layers for a row, or null. */
  find(layer: number, ids: Int32Array): Promise<Uint16Array | null>;
  keep(layer: number, ids: Int32Array, outputs: Uint16Array): Promise<void>;
}
