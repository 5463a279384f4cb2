import { describe, expect, it } from 'vitest';
import { fromTaggedJson, toTaggedJson } from './tagged-json.ts';

describe('tagged JSON', () => {
  it.each([
    ['float arrays, bit for bit', { weights: Float32Array.of(0.1, -0, 3e38, 1e-45), nested: [{ mean: new Float32Array(0) }] }],
    ['numbers that are not finite', { high: Infinity, low: -Infinity, text: 'Infinity', none: null }],
    ['a long array', { weights: Float32Array.from({ length: 40_000 }, (_, index) => Math.sin(index)) }],
    ['plain values', { name: 'a "quoted" name', list: [1, 2.5], flag: false }],
  ])('keeps %s', (_name, value) => {
    expect(fromTaggedJson(toTaggedJson(value))).toEqual(value);
  });

  it('keeps NaN', () => {
    expect(fromTaggedJson(toTaggedJson([NaN]))).toEqual([NaN]);
  });

  it('keeps an array that is a view of a larger buffer', () => {
    const view = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(fromTaggedJson(toTaggedJson(view))).toEqual(Float32Array.of(2, 3));
  });
});
