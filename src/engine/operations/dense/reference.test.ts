import { describe, expect, test } from 'vitest';
import { caseValues, offsetsOf } from '../operation-case.ts';
import { referenceDense } from './reference.ts';

/*
 * Backward twins against central differences of their forward twins, in float64. With step h the error of (f(x + h) - f(x - h)) / 2h
 * is h² f''' / 6 + 1e-16 |f| / h; h = 1e-5 puts both near 1e-10, and derivatives here are of order 1.
 */
const h = 1e-5;
const tolerance = 1e-7;

const dense = referenceDense<Float64Array>((length) => new Float64Array(length));
const values = (length: number, seed: number, deviation = 1) => Float64Array.from(caseValues(length, seed, deviation));
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

function expectGradient(found: Float64Array, f: (x: Float64Array) => number, x: Float64Array): void {
  const wanted = x.map((value, i) => (f(x.with(i, value + h)) - f(x.with(i, value - h))) / (2 * h));
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(1e-3);
  expect(wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0) / largest).toBeLessThan(tolerance);
}

describe('twins of weights that train, against central differences', () => {
  test('a map: its input, its weight and its bias, added to what is there', () => {
    const map = { inputWidth: 5, outputWidth: 3, offsetWeight: 2, offsetBias: 18 };
    const [x, theta, dy, residual] = [values(4 * 5, 1), values(22, 2), values(4 * 3, 3), values(4 * 5, 4)];
    const loss = (input: Float64Array, weights: Float64Array) => dot(dy, dense.linear(input, weights, map, 4));
    expectGradient(dense.linearBackward(dy, theta, map, 4), (moved) => loss(moved, theta), x);
    expectGradient(dense.linearBackward(dy, theta, map, 4, residual), (moved) => loss(moved, theta) + dot(residual, moved), x);
    const gradient = new Float64Array(22).fill(0.5);
    dense.linearGradient(x, dy, map, gradient, 4);
    expectGradient(gradient, (moved) => loss(x, moved) + 0.5 * moved.reduce((sum, value) => sum + value, 0), theta);
  });

  test('a norm: its input, its weight and its bias', () => {
    const norm = { width: 6, epsilon: 1e-12, offsetWeight: 1, offsetBias: 8 };
    const [x, theta, dy] = [values(3 * 6, 5), values(15, 6), values(3 * 6, 7)];
    const loss = (input: Float64Array, weights: Float64Array) => dot(dy, dense.norm(input, weights, norm, 3));
    const gradient = new Float64Array(15);
    expectGradient(dense.normBackward(dy, x, theta, norm, gradient, 3), (moved) => loss(moved, theta), x);
    expectGradient(gradient, (moved) => loss(x, moved), theta);
  });

  test.each([12, null])('the embedding tables, where words stand twice, token types at %s', (offsetTokenTypes) => {
    const tables = { width: 2, offsetWords: 0, offsetPositions: 6, offsetTokenTypes };
    const [ids, sequences] = [Int32Array.of(2, 0, 2, 1), { offsets: Int32Array.from(offsetsOf([3, 1])), handle: null }];
    const [theta, dy] = [values(16, 8), values(8, 9)];
    const gradient = new Float64Array(16);
    dense.embedBackward(ids, sequences, dy, tables, gradient);
    expectGradient(gradient, (moved) => dot(dy, dense.embed(ids, sequences, moved, tables)), theta);
  });

  test('cross entropy, and its value where logits are equal: log C', () => {
    const [logits, labels] = [values(3 * 4, 10), Int32Array.of(3, 0, 1)];
    const total = (moved: Float64Array) => dense.crossEntropy(moved, labels, 4, 3).losses.reduce((sum, loss) => sum + loss, 0);
    expectGradient(dense.crossEntropy(logits, labels, 4, 3).dLogits, total, logits);
    expect(dense.crossEntropy(new Float64Array(4), Int32Array.of(1), 4, 1).losses[0]).toBeCloseTo(Math.log(4), 14);
  });
});
