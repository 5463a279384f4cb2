import { expect, test } from 'vitest';
import { bfloat16ToFloat32, float16ToFloat32, float32ToFiniteFloat16, float32ToFloat16 } from './float16.ts';

test('float16: named numbers of IEEE 754 binary16', () => {
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555, 0x7c00, 0xfc00, 0x8000, 0x7e00);
  // 1, -2, largest, smallest normal, smallest denormal, nearest to 1/3, infinities, -0, NaN.
  expect([...float16ToFloat32(bits)]).toEqual([1, -2, 65504, 2 ** -14, 2 ** -24, 0.333251953125, Infinity, -Infinity, -0, NaN]);
});

test('every binary16 number is narrowed to its own bits, and what lies between two to the nearer, ties to even', () => {
  const every = Uint16Array.from({ length: 65536 }, (_, half) => half).filter((half) => (half & 0x7c00) !== 0x7c00);
  expect(float32ToFloat16(float16ToFloat32(every))).toEqual(every);
  const finite = every.filter((half) => half < 0x7bff);
  const next = Uint16Array.from(finite, (half) => half + 1);
  const [low, high] = [float16ToFloat32(finite), float16ToFloat32(next)];
  const between = (share: number) => float32ToFloat16(low.map((value, i) => value + share * (high[i]! - value)));
  expect(between(0.499)).toEqual(finite);
  expect(between(0.501)).toEqual(next);
  expect(between(0.5)).toEqual(finite.map((half) => half + (half & 1)));
  expect([...float32ToFloat16(Float32Array.of(65519, 65520, -1e30, Infinity, NaN, -0, 1e-30))]).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x7e00, 0x8000, 0]);
});

test('finite numbers beyond binary16 are kept at its largest where they are to stay finite', () => {
  expect([...float32ToFiniteFloat16(Float32Array.of(1, 65519, 65520, 1e6, -1e30, Infinity, -Infinity, NaN))]).toEqual([0x3c00, 0x7bff, 0x7bff, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00]);
});

test('bfloat16 is the upper half of a float32', () => {
  expect([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc040, 0x3eab, 0x7f80))]).toEqual([1, -3, 0.333984375, Infinity]);
});
