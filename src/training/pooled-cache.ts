/**
 * Pooled outputs of rows that were computed before, kept for longer than a trainer lives.
 * Guarantee: no method rejects; what cannot be found is computed, what cannot be kept is forgotten. Values are kept in float32, bit for bit.
 */
export interface PooledCache {
  /** What is known of each row: its pooled outputs [layers, D], or null where one of `layers` is missing. */
  find(rows: readonly Int32Array[], layers: readonly number[]): Promise<readonly (Float32Array | null)[]>;
  /** Takes rows that were just computed. Shapes: pooled [rows, layers, D]. */
  keep(rows: readonly Int32Array[], layers: readonly number[], pooled: Float32Array): Promise<void>;
  /** Resolves when nothing is held back any more. */
  flush(): Promise<void>;
}
