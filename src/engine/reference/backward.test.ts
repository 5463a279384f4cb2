import { describe, expect, test } from 'vitest';
import { caseShape, caseWeights, offsetsOf, caseValues } from '../operations/operation-case.ts';
import { createReferenceOperationsIn } from './reference-operations.ts';

/*
 * Every backward twin against central differences of its forward twin, in float64. With step h the error of
 * (f(x + h) - f(x - h)) / 2h is h² f''' / 6 + 1e-16 |f| / h; h = 1e-5 puts both near 1e-10, and derivatives here are of order 1.
 */
const h = 1e-5;
const tolerance = 1e-7;

const shape = caseShape('nano');
const { width: D, feedForwardWidth: F } = shape;
const operations = createReferenceOperationsIn<Float64Array>((length) => new Float64Array(length));
operations.load(caseWeights('nano'));

const values = (length: number, seed: number, deviation = 1) => Float64Array.from(caseValues(length, seed, deviation));
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** d f / d x[i] for every i. */
function centralDifferences(f: (x: Float64Array) => number, x: Float64Array): Float64Array {
  return x.map((value, i) => {
    const at = (moved: number) => f(x.with(i, moved));
    return (at(value + h) - at(value - h)) / (2 * h);
  });
}

function expectGradient(found: Float64Array, f: (x: Float64Array) => number, x: Float64Array): void {
  const wanted = centralDifferences(f, x);
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(1e-3);
  const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
  expect(worst / largest).toBeLessThan(tolerance);
}

const offsets = Int32Array.from(offsetsOf([1, 3, 2]));
const tokens = 6;
const sequences = operations.sequences(offsets);

describe('backward twins against central differences', () => {
  test.each(['queryKeyValue', 'attentionOutput', 'intermediate', 'output'] as const)('linear %s', (name) => {
    const [N, K] = { queryKeyValue: [3 * D, D], attentionOutput: [D, D], intermediate: [F, D], output: [D, F] }[name] as [number, number];
    const [x, dy] = [values(2 * K, 1), values(2 * N, 2)];
    expectGradient(operations.linearBackward(0, name, dy, 2), (moved) => dot(dy, operations.linear(0, name, moved, 2)), x);
    // A residual path adds its gradient as it is.
    const residual = values(2 * K, 3);
    const through = operations.linearBackward(0, name, dy, 2, residual);
    expectGradient(through, (moved) => dot(dy, operations.linear(0, name, moved, 2)) + dot(residual, moved), x);
  });

  test('layerNorm', () => {
    const [x, dy] = [values(3 * D, 4), values(3 * D, 5)];
    expectGradient(operations.layerNormBackward(1, 'outputNorm', dy, x, 3), (moved) => dot(dy, operations.layerNorm(1, 'outputNorm', moved, 3)), x);
  });

  test('gelu', () => {
    const x = Float64Array.of(-6, -3, -0.75, -1e-3, 0, 1e-3, 0.4, 2, 6);
    const dy = values(x.length, 6);
    expectGradient(operations.geluBackward(dy, x, x.length), (moved) => dot(dy, operations.gelu(moved, x.length)), x);
  });

  test('attention', () => {
    const [qkv, dy] = [values(tokens * 3 * D, 7), values(tokens * D, 8)];
    const context = operations.attention(qkv, sequences);
    expectGradient(operations.attentionBackward(qkv, context, dy, sequences), (moved) => dot(dy, operations.attention(moved, sequences)), qkv);
  });

  test('meanPool', () => {
    const [x, dy] = [values(tokens * D, 9), values(3 * D, 10)];
    expectGradient(operations.meanPoolBackward(dy, sequences), (moved) => dot(dy, operations.meanPool(moved, sequences)), x);
  });

  test.each([
    ['a block of query, key, value', { inputWidth: D, outputWidth: D, outputStride: 3 * D, outputColumn: 2 * D }],
    ['a map that is wider out than in', { inputWidth: D, outputWidth: 2 * D, outputStride: 2 * D, outputColumn: 0 }],
    ['a map that is wider in than out', { inputWidth: 2 * D, outputWidth: D, outputStride: D, outputColumn: 0 }],
  ])('LoRA beside %s: both factors of each row, and the input', (_, place) => {
    const { inputWidth: K, outputWidth: N, outputStride } = place;
    const pair = { ...place, offsetA: 3, offsetB: 5 + 2 * K, rank: 2, scaling: 1.5 };
    const parameters = pair.offsetB + 2 * N + 1;
    const [x, theta, y, dy] = [values(tokens * K, 11), values(parameters, 12), values(tokens * outputStride, 13), values(tokens * outputStride, 14)];
    const after = (input: Float64Array, factors: Float64Array) => {
      const out = y.slice();
      operations.addLora(input, factors, [pair], out, tokens);
      return out;
    };
    const u = operations.addLora(x, theta, [pair], y.slice(), tokens);
    const gradients = operations.zeros(3 * parameters);
    const dx = operations.zeros(tokens * K);
    operations.loraBackward(x, u, dy, theta, [pair], gradients, parameters, sequences, dx);
    expectGradient(dx, (moved) => dot(dy, after(moved, theta)), x);
    for (let row = 0; row < 3; row++) {
      const rowOnly = dy.map((value, i) => (i >= offsets[row]! * outputStride && i < offsets[row + 1]! * outputStride ? value : 0));
      expectGradient(gradients.subarray(row * parameters, (row + 1) * parameters), (moved) => dot(rowOnly, after(x, moved)), theta);
    }
  });

  test('head: weights and bias of each row, and the pooled input', () => {
    const [rows, classes, offsetWeight] = [3, 4, 2];
    const offsetBias = offsetWeight + classes * D;
    const parameters = offsetBias + classes + 1;
    const [pooled, theta, labels] = [values(rows * D, 15), values(parameters, 16, 0.3), Int32Array.of(3, 0, 2)];
    const losses = (input: Float64Array, head: Float64Array) => {
      const logits = operations.headLogits(input, head, offsetWeight, offsetBias, classes, rows);
      return operations.headBackward(input, logits, labels, head, offsetWeight, offsetBias, classes, operations.zeros(rows * parameters), parameters, rows).losses;
    };
    const gradients = operations.zeros(rows * parameters);
    const logits = operations.headLogits(pooled, theta, offsetWeight, offsetBias, classes, rows);
    const { dPooled } = operations.headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, classes, gradients, parameters, rows);
    expectGradient(dPooled, (moved) => losses(moved, theta).reduce((sum, loss) => sum + loss, 0), pooled);
    for (let row = 0; row < rows; row++) {
      expectGradient(gradients.subarray(row * parameters, (row + 1) * parameters), (moved) => losses(pooled, moved)[row]!, theta);
    }
  });
});

describe('forward twins by other routes', () => {
  test('cross entropy of equal logits is log C', () => {
    const theta = new Float64Array(3 * D + 3);
    const pooled = values(D, 17);
    const logits = operations.headLogits(pooled, theta, 0, 3 * D, 3, 1);
    const { losses } = operations.headBackward(pooled, logits, Int32Array.of(1), theta, 0, 3 * D, 3, operations.zeros(theta.length), theta.length, 1);
    expect(losses[0]).toBeCloseTo(Math.log(3), 14);
  });

  test('a loss of 2000 nats neither overflows nor loses its gradient', () => {
    const theta = new Float64Array(2 * D + 2);
    theta.set([2000, 0], 2 * D);
    const pooled = new Float64Array(D);
    const logits = operations.headLogits(pooled, theta, 0, 2 * D, 2, 1);
    const gradients = operations.zeros(theta.length);
    const { losses } = operations.headBackward(pooled, logits, Int32Array.of(1), theta, 0, 2 * D, 2, gradients, theta.length, 1);
    expect(losses[0]).toBe(2000);
    expect([...gradients.subarray(2 * D)]).toEqual([1, -1]);
  });

  test('equal keys attend alike: the context is the mean of the values', () => {
    const qkv = values(tokens * 3 * D, 18);
    for (let t = 0; t < tokens; t++) qkv.fill(0.5, t * 3 * D + D, t * 3 * D + 2 * D);
    const v = new Float64Array(tokens * D);
    for (let t = 0; t < tokens; t++) v.set(qkv.subarray(t * 3 * D + 2 * D, (t + 1) * 3 * D), t * D);
    const mean = operations.meanPool(v, sequences);
    const context = operations.attention(qkv, sequences);
    for (let b = 0; b < 3; b++) {
      for (let t = offsets[b]!; t < offsets[b + 1]!; t++) {
        for (let d = 0; d < D; d++) expect(context[t * D + d]).toBeCloseTo(mean[b * D + d]!, 12);
      }
    }
  });

  test('gelu at 1 is Phi(1) (0.8413447460685429, Abramowitz & Stegun table 26.1)', () => {
    expect(operations.gelu(Float64Array.of(1), 1)[0]).toBeCloseTo(0.8413447460685429, 14);
  });
});
