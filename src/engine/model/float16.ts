/** Every binary16 number by its bits; made when the first is widened. */
let widened: Float32Array | null = null;

function widen(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Widens IEEE 754 binary16 numbers given by their bits into `target` [length of bits]; exact. */
export function float16ToFloat32(bits: Uint16Array, target = new Float32Array(bits.length)): Float32Array {
  const table = (widened ??= Float32Array.from({ length: 65536 }, (_, half) => widen(half)));
  for (let i = 0; i < bits.length; i++) target[i] = table[bits[i]!]!;
  return target;
}

/** Bits of the nearest binary16 numbers, ties to even; beyond 65504 by half a step and more: infinity. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (word, i) => {
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size > 0x7f800000) return sign | 0x7e00;
    if (size >= 0x477ff000) return sign | 0x7c00;
    // Normal: 112 less in the exponent, 13 bits fewer in the fraction; what is rounded off carries by itself.
    if (size >= 0x38800000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
    const steps = Math.abs(values[i]!) * 2 ** 24;
    const below = Math.floor(steps);
    const rest = steps - below;
    return sign | (below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0));
  });
}

/** The same, with finite numbers that are too large at the largest of binary16, 65504. */
export function float32ToFiniteFloat16(values: Float32Array): Uint16Array {
  return float32ToFloat16(values).map((half, i) => ((half & 0x7fff) === 0x7c00 && Number.isFinite(values[i]) ? half - 1 : half));
}

/** Widens bfloat16 numbers given by their bits: the upper half of a float32; exact. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (half) => half * 65536).buffer);
}
