import { expect, it } from 'vitest';
import { divided } from './scaled.ts';

it('divides in double precision and rounds once', () => {
  expect([...divided(Float64Array.of(1, -2, 10), 3)]).toEqual([1, -2, 10].map((value) => Math.fround(value / 3)));
  expect([...divided([], 3)]).toEqual([]);
});
