import { describe, expect, test } from 'vitest';
import { utf8ToBytes } from '../../ground/bytes.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import type { Tensor } from './tensor.ts';

/** A file with that header text and data, whatever they say. */
function file(header: string, data: readonly number[] = []): Uint8Array {
  const text = utf8ToBytes(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const tensors = new Map<string, Tensor>([
  ['weight', { shape: [2, 3], values: Int8Array.of(-127, 0, 1, 2, 3, 127) }],
  ['weight.scale', { shape: [2], values: Float32Array.of(0.5, -1e-30) }],
  ['naïve.größe', { shape: [], values: Float32Array.of(7) }],
  ['empty', { shape: [0, 4], values: new Float32Array(0) }],
]);

describe('safetensors', () => {
  test('reads what it wrote', () => expect(readSafetensors(writeSafetensors(tensors))).toEqual(tensors));

  test('writes the format to the byte', () => {
    // Little-endian header length, JSON padded with spaces to 8 bytes, float32 before int8.
    const bytes = writeSafetensors(new Map<string, Tensor>([['b', { shape: [1], values: Int8Array.of(5) }], ['a', { shape: [1], values: Float32Array.of(1) }]]));
    const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[1],"data_offsets":[4,5]}}'.padEnd(112);
    expect([...bytes]).toEqual([112, 0, 0, 0, 0, 0, 0, 0, ...utf8ToBytes(header), 0, 0, 0x80, 0x3f, 5]);
  });

  test('is the same for the same tensors', () => expect(writeSafetensors(tensors)).toEqual(writeSafetensors(tensors)));

  test('reads at any alignment, from a Node buffer too, without keeping it', () => {
    const bytes = writeSafetensors(tensors);
    for (let shift = 0; shift < 4; shift++) {
      const shifted = Buffer.alloc(bytes.length + shift).subarray(shift);
      shifted.set(bytes);
      expect(readSafetensors(shifted)).toEqual(readSafetensors(bytes));
    }
    const odd = file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}', [9, 0, 0, 0x80, 0x3f]);
    expect(readSafetensors(odd).get('a')?.values).toEqual(Float32Array.of(1));
  });

  test('widens float16 and bfloat16, and leaves other types and the metadata out', () => {
    const read = readSafetensors(
      file('{"__metadata__":{"format":"pt"},"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[2,4]},"ids":{"dtype":"I64","shape":[1],"data_offsets":[4,12]}}',
        [0x00, 0x3c, 0x40, 0xc0, 1, 0, 0, 0, 0, 0, 0, 0]),
    );
    expect(read).toEqual(new Map([['h', { shape: [1], values: Float32Array.of(1) }], ['b', { shape: [1], values: Float32Array.of(-3) }]]));
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['is empty', new Uint8Array(0), /at least 8 bytes, found 0/],
    ['is shorter than its header', Uint8Array.of(200, 0, 0, 0, 0, 0, 0, 0, 0x7b), /header of 200 bytes, found a file of 9 bytes/],
    ['claims a header beyond any number', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255), /header of 18446744073709551615 bytes/],
    ['has no JSON', file('{"a":'), /a JSON header, found something else/],
    ['has a list for a header', file('[]'), /a JSON header, found something else/],
    ['has an entry without a shape', file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', [0, 0, 0, 0]), /dtype, shape and data_offsets for a/],
    ['has fewer bytes than the shape needs', file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', [0, 0, 0, 0]), /8 bytes for a, found offsets 0 to 4 of 4/],
    ['was cut', file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', [0, 0, 0, 0]), /8 bytes for a, found offsets 0 to 8 of 4/],
    ['has negative sizes', file('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', [0, 0, 0, 0]), /dtype, shape and data_offsets/],
  ])('refuses a file that %s', (_name, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(message);
    expect(() => readSafetensors(bytes)).toThrow(expect.objectContaining({ code: 'model/safetensors', family: 'model' }));
  });
});
