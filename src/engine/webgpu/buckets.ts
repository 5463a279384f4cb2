const smallest = 64;

/**
 * Length of the device buffer that holds `length` numbers: the next of 64, 80, 96, 112, 128, 160, … (four steps an octave).
 * The pool keeps freed buffers by exact size, so ragged batches would fill it with sizes that never return.
 * Guarantee: a multiple of 4, at least `length`, and less than 5/4 of it above 64.
 */
export function bucketLength(length: number): number {
  if (length <= smallest) return smallest;
  const octave = 2 ** Math.floor(Math.log2(length));
  const step = octave / 4;
  return Math.ceil(length / step) * step;
}
