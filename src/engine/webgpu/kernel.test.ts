import { describe, expect, it } from 'vitest';
import { bucketLength } from './buckets.ts';
import { hoistDirectives } from './directives.ts';
import { kernelText } from './kernel.ts';
import { attention } from '../operations/attention/webgpu.ts';
import { dequantize, packRows, packTransposed } from './packed-matrix.ts';
import { sequenceNumbers } from './sequence-buffer.ts';

describe('bucketLength', () => {
  it('holds every length, in whole words of four, and wastes less than a quarter', () => {
    const lengths = Array.from({ length: 20_000 }, (_, i) => i + 1);
    const isGood = (length: number, bucket: number) => bucket >= length && bucket % 4 === 0 && (length <= 64 || bucket < 1.25 * length);
    expect(lengths.filter((length) => !isGood(length, bucketLength(length)))).toEqual([]);
  });

  it('knows four sizes an octave, so that ragged batches share buffers', () => {
    const sizes = new Set(Array.from({ length: 4096 }, (_, i) => bucketLength(4097 + i)));
    expect([...sizes]).toEqual([5120, 6144, 7168, 8192]);
  });
});

describe('hoistDirectives', () => {
  it('moves directives to the head, each once', () => {
    const text = 'struct Uniforms { NAN : f32 };\nenable subgroups;\n  requires packed_4x8_integer_dot_product;\nenable subgroups;\ndiagnostic(off, subgroup_uniformity);\nfn main() {}';
    expect(hoistDirectives(text)).toMatch(/^enable subgroups;\nrequires packed_4x8_integer_dot_product;\ndiagnostic\(off, subgroup_uniformity\);\nstruct Uniforms/);
    expect(hoistDirectives(text).match(/enable/g)).toHaveLength(1);
  });

  it('leaves other text as it is', () => {
    const text = 'fn enabled() -> bool { return true; }\n// enable f16;';
    expect(hoistDirectives(text)).toBe(text);
  });
});

describe('kernelText', () => {
  it('mentions the uniforms and every input, so that no binding falls out of an automatic layout', () => {
    expect(kernelText(attention({ width: 32, heads: 2 }))).toContain('_ = uniforms.NAN; _ = &qkv; _ = &sequences;');
  });
});

describe('packed matrices', () => {
  // w[n, k] = 10 n + k with signs, N = 4 and K = 8
  const values = Int8Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? 1 : -1) * (10 * Math.floor(i / 8) + (i % 8)));
  const matrix = { rows: 4, columns: 8, values, scales: Float32Array.of(1, 2, 4, 8) };

  it('puts four outputs of one input into a word, lowest byte first', () => {
    const bytes = new Int8Array(packTransposed(matrix).buffer);
    for (let n = 0; n < 4; n++) for (let k = 0; k < 8; k++) expect(bytes[k * 4 + n]).toBe(values[n * 8 + k]);
  });

  it('keeps rows as they lie', () => {
    expect(new Int8Array(packRows(matrix).buffer)).toEqual(values);
  });

  it('packs a matrix whose values start inside a larger buffer', () => {
    const inside = Int8Array.from([9, ...values]).subarray(1);
    expect(new Int8Array(packRows({ ...matrix, values: inside }).buffer)).toEqual(values);
  });

  it('dequantizes by the scale of the row', () => {
    expect(dequantize(matrix)[3 * 8 + 2]).toBe(8 * 32);
  });
});

it('sequenceNumbers holds the offsets, then the row of each token', () => {
  expect([...sequenceNumbers(Int32Array.of(0, 2, 3, 6))]).toEqual([0, 2, 3, 6, 0, 0, 1, 2, 2, 2]);
});
