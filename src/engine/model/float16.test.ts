import { expect, test } from 'vitest';
import { bfloat16ToFloat32, float16ToFloat32 } from './float16.ts';

test('float16: named numbers of IEEE 754 binary16', () => {
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555, 0x7c00, 0xfc00, 0x8000, 0x7e00);
  // 1, -2, largest, smallest normal, smallest denormal, nearest to 1/3, infinities, -0, NaN.
  expect([...float16ToFloat32(bits)]).toEqual([1, -2, 65504, 2 ** -14, 2 ** -24, 0.333251953125, Infinity, -Infinity, -0, NaN]);
});

test('bfloat16 is the upper half of a float32', () => {
  expect([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc040, 0x3eab, 0x7f80))]).toEqual([1, -3, 0.333984375, Infinity]);
});
