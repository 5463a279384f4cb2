/** Keeps the clipped float norm a little below the bound, so that truncation ends inside; the loss is 1e-12 of the step. */
export const clipShrink = 1 - 2 ** -40;

/**
 * Scales, clips and truncates a vector in place to integers of norm at most `sensitivity`; false where the result is not such a vector
 * (then it must not be used).
 * Guarantee: the check cannot be fooled by rounding. Squares of integers and their partial sums are exact in float64 up to 2^53 and stay
 * at or above 2^53 once past it (rounding is monotone), and `sensitivity`^2 is below 2^52; a vector that is not finite fails it.
 */
export function clipToIntegers(vector: Float64Array, scale: number, sensitivity: number): boolean {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  const factor = scale * Math.min(1, (clipShrink * sensitivity) / (scale * Math.sqrt(squares)));
  let integerSquares = 0;
  for (let i = 0; i < vector.length; i++) {
    // + 0 turns -0 into 0, so that sums do not depend on their order even in sign.
    const value = Math.trunc(factor * vector[i]!) + 0;
    vector[i] = value;
    integerSquares += value * value;
  }
  return integerSquares <= sensitivity * sensitivity;
}
