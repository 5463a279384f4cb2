import { describe, expect, test } from 'vitest';
import { createAdamW, createSgd } from './optimizer.ts';
import { schedule } from './schedule.ts';

// Values are stored in float32, so numbers near 1 are good to 6e-8.
const float32Digits = 6;

describe('AdamW', () => {
  test('first step is the learning rate against the sign of the gradient', () => {
    // Bias correction makes m = g and v = g² after one step, so the update is g / (|g| + epsilon).
    const theta = Float32Array.of(1, 1, 1);
    createAdamW(3).step(theta, Float32Array.of(0.5, -20, 0), 0.1);
    expect(theta[0]).toBeCloseTo(0.9, float32Digits);
    expect(theta[1]).toBeCloseTo(1.1, float32Digits);
    expect(theta[2]).toBe(1);
  });

  test('second step, by hand', () => {
    // beta1 0.5, beta2 0.75, gradients 1 and then 3, learning rate 0.1, epsilon 1:
    // m1 = 0.5, v1 = 0.25; corrected 1 and 1: step 0.1 * 1 / (1 + 1) = 0.05.
    // m2 = 0.25 + 1.5 = 1.75, v2 = 0.1875 + 2.25 = 2.4375; corrected 1.75 / 0.75 = 7/3 and 2.4375 / 0.4375 = 39/7:
    // step 0.1 * (7/3) / (sqrt(39/7) + 1) = 0.0694320...
    const theta = Float32Array.of(0);
    const adam = createAdamW(1, { beta1: 0.5, beta2: 0.75, epsilon: 1 });
    adam.step(theta, Float32Array.of(1), 0.1);
    expect(theta[0]).toBeCloseTo(-0.05, float32Digits);
    adam.step(theta, Float32Array.of(3), 0.1);
    expect(theta[0]).toBeCloseTo(-0.05 - (0.1 * (7 / 3)) / (Math.sqrt(39 / 7) + 1), float32Digits);
  });

  test('weight decay is decoupled: it shrinks theta by learning rate times decay, gradient or not', () => {
    const theta = Float32Array.of(2);
    createAdamW(1, { weightDecay: 0.5 }).step(theta, Float32Array.of(0), 0.1);
    expect(theta[0]).toBeCloseTo(2 * (1 - 0.1 * 0.5), float32Digits);
    const pulled = Float32Array.of(2);
    createAdamW(1, { weightDecay: 0.5 }).step(pulled, Float32Array.of(4), 0.1);
    // L2 regularisation inside the gradient would leave 1.9: the sign step alone.
    expect(pulled[0]).toBeCloseTo(2 * 0.95 - 0.1, float32Digits);
  });
});

test('SGD with momentum, by hand: velocity 1, then 0.9 + 1', () => {
  const theta = Float32Array.of(1);
  const sgd = createSgd(1, { momentum: 0.9 });
  sgd.step(theta, Float32Array.of(1), 0.1);
  expect(theta[0]).toBeCloseTo(0.9, float32Digits);
  sgd.step(theta, Float32Array.of(1), 0.1);
  expect(theta[0]).toBeCloseTo(0.9 - 0.19, float32Digits);
});

test.each([
  ['AdamW', () => createAdamW(2, { weightDecay: 0.01 })],
  ['SGD', () => createSgd(2, { momentum: 0.9, weightDecay: 0.01 })],
])('%s goes on from a saved state bit for bit', (_name, create) => {
  const gradients = [Float32Array.of(0.3, -1), Float32Array.of(2, 0.1), Float32Array.of(-0.7, 5)];
  const straight = Float32Array.of(1, -1);
  const one = create();
  for (const gradient of gradients) one.step(straight, gradient, 0.05);

  const resumed = Float32Array.of(1, -1);
  const before = create();
  before.step(resumed, gradients[0]!, 0.05);
  const state = before.save();
  before.step(Float32Array.of(9, 9), Float32Array.of(9, 9), 0.05);
  const after = create();
  after.restore(state);
  for (const gradient of gradients.slice(1)) after.step(resumed, gradient, 0.05);
  expect(resumed).toEqual(straight);
});

describe('schedules', () => {
  test('constant', () => expect([0, 5, 500].map(schedule('none', 0.2, 500))).toEqual([0.2, 0.2, 0.2]));
  test('linear to 0', () => expect([0, 1, 2, 3, 4, 5].map(schedule('linear', 4, 4))).toEqual([4, 3, 2, 1, 0, 0]));
  test('linear with warmup', () => expect([0, 1, 2, 3, 4, 5, 6].map(schedule('linear', 4, 6, 2))).toEqual([0, 2, 4, 3, 2, 1, 0]));
  test('cosine with warm-up: half at the middle of the fall, level at both its ends', () => {
    const rate = schedule('cosine', 4, 10, 2);
    expect([0, 1, 2, 6, 10, 11].map(rate)).toEqual([0, 2, 4, expect.closeTo(2, 12), 0, 0]);
    expect(rate(3)).toBeGreaterThan(schedule('linear', 4, 10, 2)(3));
    expect(rate(9)).toBeLessThan(schedule('linear', 4, 10, 2)(9));
  });
  test('constant after a warm-up; nothing but one where all is warm-up', () => {
    expect([0, 1, 2, 3, 9].map(schedule('none', 4, 9, 2))).toEqual([0, 2, 4, 4, 4]);
    expect([0, 1, 2, 3].map(schedule('linear', 4, 2, 2))).toEqual([0, 2, 4, 0]);
  });
  test('refuses a warm-up longer than all', () => expect(() => schedule('linear', 4, 2, 3)).toThrow(/warm-up steps/));
});
