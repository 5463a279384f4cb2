import type { QuantizedMatrix } from '../model/weights.ts';

/** Wᵀ [K, N / 4] as words: byte j of word [k, n4] is w[4 n4 + j, k], lowest byte first, as unpack4x8snorm reads it. */
export function packTransposed({ rows: N, columns: K, values }: QuantizedMatrix): Int32Array {
  const bytes = new Int8Array(K * N);
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) bytes[k * N + n] = values[n * K + k]!;
  }
  return new Int32Array(bytes.buffer);
}

/** W [N, K / 4] as words, four neighbours of a row to a word. */
export function packRows({ values }: QuantizedMatrix): Int32Array {
  return new Int32Array(Int8Array.from(values).buffer);
}

/** Scales for unpack4x8snorm, which yields q / 127. */
export function snormScales({ scales }: QuantizedMatrix): Float32Array {
  return scales.map((scale) => scale * 127);
}

/** w[n, k] in float32, row-major. */
export function dequantize({ columns, values, scales }: QuantizedMatrix): Float32Array {
  return Float32Array.from(values, (value, i) => value * scales[Math.floor(i / columns)]!);
}
