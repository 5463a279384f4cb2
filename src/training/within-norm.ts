/** Twice what a node leaves below the bound for rounding, so that it sends these very numbers. */
const BELOW_BOUND = 1 - 2 ** -19;

/** Scaled to `bound` where it is longer, in float32. Post-processing of noisy values. */
export function withinNorm(values: Float64Array, bound: number): Float32Array {
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const factor = norm > bound * BELOW_BOUND ? (bound / norm) * BELOW_BOUND : 1;
  return Float32Array.from(values, (value) => value * factor);
}
