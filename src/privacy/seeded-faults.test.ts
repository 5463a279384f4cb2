/**
 * Seeded faults: each composes the parts as a faulty program would, and is run through the same check as the right composition.
 * The check must accept the one and reject the other; a check that cannot tell them apart defends nothing.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../ground/random.ts';
import { wilsonInterval } from '../ground/statistics.ts';
import { createGradientAccumulator, type Grid } from './clipping.ts';
import { composedEpsilon } from './composition.ts';
import { gaussianDelta, gaussianEpsilon } from './gaussian.ts';
import { oncePerTensor, type KeyStream } from './key-stream.ts';
import { gaussianIntegers } from './noise.ts';
import { poissonDraw } from './sampling.ts';
import { replaceOneEpsilon } from './statement.ts';
import { testStream } from './testing/streams.ts';

const LENGTH = 4;
const CLIP_NORM = 0.5;

interface Sum extends Grid {
  readonly sum: Float64Array;
  readonly unitCount: number;
}
/** One unit's gradients in, the exact clipped sum out. */
type Clip = (units: readonly Float64Array[]) => Sum;

const clippedSum: Clip = (units) => {
  const accumulator = createGradientAccumulator({ length: LENGTH, clipNorm: CLIP_NORM });
  for (const unit of units) accumulator.addUnit(unit);
  return { ...accumulator.result(), sensitivity: accumulator.sensitivity };
};

/** A noisy sum as integers over the grid: what the mechanism releases. */
type Release = (stream: KeyStream, step: number, sum: Sum, noiseMultiplier: number) => Promise<Float64Array>;

const noisySum: Release = async (stream, step, { sum, sensitivity }, noiseMultiplier) => {
  const noise = await gaussianIntegers(stream, step, 1, sum.length, noiseMultiplier * sensitivity);
  return sum.map((value, index) => value + noise[index]!);
};

const random = mulberry32(99);
const smallUnit = () => Float64Array.from({ length: LENGTH }, () => (random() - 0.5) * 0.2);
/** A unit whose gradient is far longer than the clip norm, along the first axis. */
const giant = Float64Array.from([1e6, 0, 0, 0]);
const crowd = Array.from({ length: 20 }, smallUnit);

/** Euclidean distance between two sums, in clip norms. */
function sensitivityOf(clip: Clip): number {
  const withGiant = clip([...crowd, giant]);
  const without = clip(crowd);
  return Math.hypot(...withGiant.sum.map((value, index) => value - without.sum[index]!)) / withGiant.sensitivity;
}

describe('missing clip', () => {
  const isWithinClipNorm = (clip: Clip) => sensitivityOf(clip) <= 1;

  it('one giant gradient moves the right sum by the clip norm at most, and the unclipped sum by more', () => {
    expect(isWithinClipNorm(clippedSum)).toBe(true);
    const unclipped: Clip = (units) => {
      const right = clippedSum([]);
      return { ...right, unitCount: units.length, sum: right.sum.map((_, index) => units.reduce((sum, unit) => sum + Math.trunc(unit[index]! * right.gridScale), 0)) };
    };
    expect(isWithinClipNorm(unclipped)).toBe(false);
  });

  it('clipping the batch instead of each unit is a missing clip: the giant shrinks everyone else', () => {
    const batchClipped: Clip = (units) => clippedSum([units.reduce((sum, unit) => sum.map((value, index) => value + unit[index]!), new Float64Array(LENGTH))]);
    // The move is at most 2 clip norms here, and more than one: enough to be seen.
    const opposed = (clip: Clip) => {
      const units = Array.from({ length: 20 }, () => Float64Array.from([-1, 0, 0, 0]));
      const difference = clip([...units, giant]).sum.map((value, index) => value - clip(units).sum[index]!);
      return Math.hypot(...difference) / clip(units).sensitivity <= 1;
    };
    expect(opposed(clippedSum)).toBe(true);
    expect(opposed(batchClipped)).toBe(false);
  });
});

/** Sample deviation of a release around its sum, over `noiseMultiplier` clip norms: 1 where the noise is right. */
async function noiseRatio(release: Release, clip: Clip, noiseMultiplier: number, units: readonly Float64Array[] = crowd): Promise<number> {
  const sum = clip(units);
  const steps = 2000;
  let squares = 0;
  for (let step = 0; step < steps; step++) {
    const released = await release(testStream(17), step, sum, noiseMultiplier);
    for (const [index, value] of released.entries()) squares += (value - sum.sum[index]!) ** 2;
  }
  return Math.sqrt(squares / (steps * LENGTH)) / (noiseMultiplier * sum.sensitivity);
}
/** 8,000 values give the deviation to 0.8 %; five of those. 2/3 and 3/2 of the truth lie far outside. */
const isRightNoise = (ratio: number) => Math.abs(ratio - 1) < 0.04;

describe('variance for deviation', () => {
  it.each([0.25, 0.5, 2, 3, 20])('the noise has the deviation s K at s = %d', async (noiseMultiplier) => {
    expect(isRightNoise(await noiseRatio(noisySum, clippedSum, noiseMultiplier))).toBe(true);
    const squared: Release = (stream, step, sum, s) => noisySum(stream, step, sum, s * s);
    expect(isRightNoise(await noiseRatio(squared, clippedSum, noiseMultiplier))).toBe(false);
    const root: Release = (stream, step, sum, s) => noisySum(stream, step, sum, Math.sqrt(s));
    expect(isRightNoise(await noiseRatio(root, clippedSum, noiseMultiplier))).toBe(false);
  });

  it('at s = 1 the fault cannot be seen, which is why it is not tested there alone', async () => {
    const squared: Release = (stream, step, sum, s) => noisySum(stream, step, sum, s * s);
    expect(isRightNoise(await noiseRatio(squared, clippedSum, 1))).toBe(true);
  });

  it('rejects 2/3 and 3/2 of the truth, and noise on one coordinate only', async () => {
    for (const factor of [2 / 3, 3 / 2]) expect(isRightNoise(await noiseRatio((stream, step, sum, s) => noisySum(stream, step, sum, factor * s), clippedSum, 3))).toBe(false);
    const first: Release = async (stream, step, sum, s) => {
      const [noisy] = await noisySum(stream, step, sum, s);
      return sum.sum.map((value, index) => (index === 0 ? noisy! : value));
    };
    expect(isRightNoise(await noiseRatio(first, clippedSum, 3))).toBe(false);
  });
});

describe('mean for sum', () => {
  /**
   * An attacker who knows all units but one compares the release with and without it along the giant's axis. The share of right answers at even
   * odds cannot exceed (1 + TV)/2, TV = gaussianDelta(mu, 0), when the release is what is charged: a sum of sensitivity 1 with noise s.
   */
  async function attackWins(clip: Clip, toRelease: (sum: Sum) => Sum, noiseMultiplier: number): Promise<{ readonly low: number; readonly high: number }> {
    const trials = 4000;
    let right = 0;
    const sums = [toRelease(clip(crowd)), toRelease(clip([...crowd, giant]))] as const;
    const threshold = (sums[0].sum[0]! + sums[1].sum[0]!) / 2;
    for (let trial = 0; trial < trials; trial++) {
      const isIn = trial % 2 === 1;
      const released = await noisySum(testStream(23), trial, sums[isIn ? 1 : 0], noiseMultiplier);
      if (released[0]! > threshold === isIn) right++;
    }
    return wilsonInterval(right, trials, 0.999);
  }
  const identity = (sum: Sum) => sum;
  const best = (noiseMultiplier: number) => (1 + gaussianDelta(1 / noiseMultiplier, 0)) / 2;

  it('an attack on the sum wins just as often as its noise allows; on a sum never averaged, with the noise of an average, more often', async () => {
    const right = await attackWins(clippedSum, identity, 2);
    expect(right.low).toBeLessThanOrEqual(best(2));
    expect(right.high).toBeGreaterThanOrEqual(best(2));
    // The noise of a mean (s K / N) on a sum: the division happened in the noise alone.
    const faulty = await attackWins(clippedSum, identity, 2 / crowd.length);
    expect(faulty.low).toBeGreaterThan(best(2));
  });

  it('a mean by the realised count moves by other units\' values too: two units of the same size answer for it', () => {
    // Sensitivity of sum / n when one of n is left out is not C / n: the others are re-weighted. The identity check: leaving out a unit that
    // contributes nothing must change nothing.
    const zero = new Float64Array(LENGTH);
    const meanOf: Clip = (units) => {
      const sum = clippedSum(units);
      return { ...sum, sum: sum.sum.map((value) => value / sum.unitCount) };
    };
    const ignoresZero = (clip: Clip) => clip([...crowd, zero]).sum.every((value, index) => value === clip(crowd).sum[index]);
    expect(ignoresZero(clippedSum)).toBe(true);
    expect(ignoresZero(meanOf)).toBe(false);
  });
});

describe('drawn for expected batch size', () => {
  /** The step that the optimizer takes, from a release and what is known about the batch. */
  type Step = (noisy: number, drawnCount: number) => number;
  const units = 200;
  const rate = 0.1;
  const byExpected: Step = (noisy) => noisy / (rate * units);
  const byDrawn: Step = (noisy, drawnCount) => noisy / Math.max(1, drawnCount);

  /** With the same noisy sum, the step must not depend on how many were drawn. */
  async function isIndependentOfDraw(step: Step): Promise<boolean> {
    const counts = new Set<number>();
    const steps = new Set<number>();
    for (let number = 0; number < 50; number++) {
      const drawn = await poissonDraw(testStream(31), number, units, rate);
      counts.add(drawn.length);
      steps.add(step(1234, drawn.length));
    }
    expect(counts.size).toBeGreaterThan(5);
    return steps.size === 1;
  }

  it('the step divides by a number that was fixed in advance', async () => {
    expect(await isIndependentOfDraw(byExpected)).toBe(true);
    expect(await isIndependentOfDraw(byDrawn)).toBe(false);
  });

  it('an empty draw is a step with noise like any other', async () => {
    const empty = clippedSum([]);
    expect(empty.unitCount).toBe(0);
    expect(isRightNoise(await noiseRatio(noisySum, clippedSum, 3, []))).toBe(true);
    const skipsEmpty: Release = (stream, step, sum, s) => (sum.unitCount === 0 ? Promise.resolve(sum.sum) : noisySum(stream, step, sum, s));
    expect(isRightNoise(await noiseRatio(skipsEmpty, clippedSum, 3, []))).toBe(false);
  });
});

describe('reused key', () => {
  /** Correlation of the noise of two releases; independent streams stay within 5/sqrt(n). */
  async function noiseCorrelation(first: readonly [KeyStream, number], second: readonly [KeyStream, number]): Promise<number> {
    const count = 4000;
    const a = await gaussianIntegers(first[0], first[1], 1, count, 1e6);
    const b = await gaussianIntegers(second[0], second[1], 1, count, 1e6);
    return a.reduce((sum, value, index) => sum + value * b[index]!, 0) / (count * 1e12);
  }
  const isIndependent = (correlation: number) => Math.abs(correlation) < 5 / Math.sqrt(4000);

  it('two steps, and two sessions at one step, have independent noise; a resumed step under the old key has the same', async () => {
    expect(isIndependent(await noiseCorrelation([testStream(1), 1], [testStream(1), 2]))).toBe(true);
    expect(isIndependent(await noiseCorrelation([testStream(1), 5], [testStream(2), 5]))).toBe(true);
    expect(isIndependent(await noiseCorrelation([testStream(1), 5], [testStream(1), 5]))).toBe(false);
  });

  it('a guarded stream refuses the second draw', async () => {
    const guarded = oncePerTensor(testStream(1));
    await noiseCorrelation([guarded, 1], [guarded, 2]);
    await expect(noiseCorrelation([guarded, 3], [guarded, 3])).rejects.toMatchObject({ code: 'privacy/reused-stream' });
  });

  it('a difference of two releases with one noise shows the data exactly', async () => {
    const step = async (stream: KeyStream, units: readonly Float64Array[]) => noisySum(stream, 1, clippedSum(units), 20);
    const reveals = async (first: KeyStream, second: KeyStream) => {
      const [a, b] = [await step(first, [...crowd, giant]), await step(second, crowd)];
      return Math.abs(Math.hypot(...a.map((value, index) => value - b[index]!)) / clippedSum([]).sensitivity - 1) < 1e-3;
    };
    expect(await reveals(testStream(1), testStream(1))).toBe(true);
    expect(await reveals(testStream(1), testStream(2))).toBe(false);
  });
});

describe('wrong adjacency', () => {
  /** How far the clipped sum moves, in clip norms, when a unit is zeroed out and when it is replaced by its opposite. */
  const zeroed = () => sensitivityOf(clippedSum);
  const replaced = () => {
    const opposite = giant.map((value) => -value);
    const difference = clippedSum([...crowd, giant]).sum.map((value, index) => value - clippedSum([...crowd, opposite]).sum[index]!);
    return Math.hypot(...difference) / clippedSum([]).sensitivity;
  };

  it('zero-out moves the sum by 1 and replacement by 2 clip norms: each has its own epsilon', () => {
    // Truncation to the grid leaves out a step of 2^-19.
    expect(zeroed()).toBeGreaterThan(1 - 1e-5);
    expect(zeroed()).toBeLessThanOrEqual(1);
    expect(replaced()).toBeGreaterThan(2 - 1e-5);
    expect(replaced()).toBeLessThanOrEqual(2);
  });

  it('the statement\'s two epsilons are those of the two movements; exchanging them is seen', () => {
    const noiseMultiplier = 5;
    const charges = [{ mechanism: { kind: 'gaussian', noiseMultiplier } as const, count: 10 }];
    const covers = (epsilon: number, movement: number) => epsilon >= gaussianEpsilon((Math.round(movement) * Math.sqrt(10)) / noiseMultiplier, 1e-5);
    const zeroOut = composedEpsilon(charges, 1e-5).epsilon;
    expect(covers(zeroOut, zeroed())).toBe(true);
    expect(covers(replaceOneEpsilon(charges, 1e-5), replaced())).toBe(true);
    // The fault: the zero-out epsilon printed for replacement.
    expect(covers(zeroOut, replaced())).toBe(false);
  });
});
