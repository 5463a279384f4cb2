import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../ground/random.ts';
import { normalCdf, normalQuantile } from '../../ground/special.ts';
import { gaussianEpsilon } from '../gaussian.ts';
import { gaussianIntegers } from '../noise.ts';
import { testStream } from '../testing/streams.ts';
import { epsilonLowerBound, epsilonLowerBoundOfScores } from './epsilon-bound.ts';
import { canaryExposure } from './canary-exposure.ts';
import { calibratedScores, lossScores } from './membership.ts';
import { guessCoins, oneRunEpsilon, oneRunGaussianEpsilon, oneRunPValue } from './one-run.ts';
import { rateAtFalseAlarms, rocOf } from './roc.ts';

const normals = (random: () => number, count: number, mean: number) => Float64Array.from({ length: count }, () => mean + normalQuantile((Math.floor(random() * 2 ** 31) + 0.5) / 2 ** 31));

describe('rocOf', () => {
  it('counts by hand, ties in one point', () => {
    const roc = rocOf([3, 1, 3, 2], [2, 0, 3]);
    expect(roc.points).toEqual([
      { threshold: Infinity, truePositives: 0, falsePositives: 0 },
      { threshold: 3, truePositives: 2, falsePositives: 1 },
      { threshold: 2, truePositives: 3, falsePositives: 2 },
      { threshold: 1, truePositives: 4, falsePositives: 2 },
      { threshold: 0, truePositives: 4, falsePositives: 3 },
    ]);
    // Pairs won: 3 beats 2, 0 and ties 3 (twice), 2 beats 0 and ties 2, 1 beats 0: (2.5 + 2.5 + 1.5 + 1) / 12.
    expect(roc.area).toBeCloseTo(7.5 / 12, 14);
  });

  it('has the area of two normals, within its interval as often as stated', () => {
    const random = mulberry32(5);
    const truth = normalCdf(1 / Math.SQRT2);
    let covered = 0;
    for (let trial = 0; trial < 300; trial++) {
      const { area, areaInterval } = rocOf(normals(random, 120, 1), normals(random, 200, 0));
      expect(Math.abs(area - truth)).toBeLessThan(0.15);
      if (areaInterval.low <= truth && truth <= areaInterval.high) covered++;
    }
    // 95 % of 300 is 285 with deviation 3.8; DeLong's interval is a few tenths of a percent short at these sizes. Four deviations below.
    expect(covered).toBeGreaterThan(269);
  });

  it('refuses no scores and NaN', () => {
    expect(() => rocOf([], [1])).toThrow(/no scores/);
    expect(() => rocOf([1], [NaN])).toThrow(/position 0/);
    expect(() => rocOf([1], [1], 1)).toThrow(/confidence/);
  });
});

describe('rateAtFalseAlarms', () => {
  it('finds what may be found at 1 % false alarms, and never uses more', () => {
    const random = mulberry32(8);
    const roc = rocOf(normals(random, 2000, 1), normals(random, 2000, 0));
    const rate = rateAtFalseAlarms(roc);
    expect(rate.falsePositiveRate).toBeLessThanOrEqual(0.01);
    // 1 - Phi(Phi^-1(0.99) - 1) = 9.24 %; the threshold itself wavers by 0.4 % and the count by 0.65 %: five deviations of both.
    expect(Math.abs(rate.truePositiveRate - normalCdf(1 - normalQuantile(0.99)))).toBeLessThan(0.06);
    expect(rate.interval.low).toBeLessThan(rate.truePositiveRate);
    expect(rate.interval.high).toBeGreaterThan(rate.truePositiveRate);
  });

  it('at one in a hundred allows exactly one', () => {
    const others = Array.from({ length: 100 }, (_, index) => index);
    expect(rateAtFalseAlarms(rocOf([98.5, 99.5, 50], others)).truePositiveRate).toBeCloseTo(2 / 3, 14);
    expect(rateAtFalseAlarms(rocOf([97.5, 99.5, 50], others)).truePositiveRate).toBeCloseTo(1 / 3, 14);
    // Fewer than a hundred others: no false alarm at all is allowed.
    expect(rateAtFalseAlarms(rocOf([98.5, 99.5], others.slice(0, 99))).truePositiveRate).toBe(1);
  });
});

describe('membership scores', () => {
  it('calibration takes away what every model finds easy', () => {
    const random = mulberry32(3);
    // Loss: difficulty, the same for both models, less 0.5 where trained on.
    const difficulty = normals(random, 1000, 5).map((value) => 3 * value);
    const noise = normals(random, 1000, 0);
    const losses = difficulty.map((value, index) => value + 0.3 * noise[index]! - (index < 500 ? 0.5 : 0));
    const split = (scores: Float64Array) => rocOf(scores.subarray(0, 500), scores.subarray(500));
    const plain = split(lossScores(losses));
    const calibrated = split(calibratedScores(losses, difficulty));
    expect(plain.area).toBeLessThan(0.62);
    expect(calibrated.area).toBeGreaterThan(0.85);
    expect(rateAtFalseAlarms(calibrated).truePositiveRate).toBeGreaterThan(5 * Math.max(0.01, rateAtFalseAlarms(plain).truePositiveRate));
    expect(() => calibratedScores([1], [1, 2])).toThrow(/length/);
  });
});

describe('epsilonLowerBound', () => {
  it('of counts by hand: with all right of 100, ln(0.964 / 0.036)', () => {
    // One-sided 97.5 % of 100 of 100: 0.025^(1/100) = 0.96378.
    const p = 0.025 ** 0.01;
    expect(epsilonLowerBound({ members: 100, truePositives: 100, others: 100, falsePositives: 0 }, 0)).toBeCloseTo(Math.log(p / (1 - p)), 9);
    expect(epsilonLowerBound({ members: 100, truePositives: 100, others: 100, falsePositives: 0 }, 0.5)).toBeCloseTo(Math.log((p - 0.5) / (1 - p)), 9);
  });

  it('is 0 for an attack that knows nothing, and turns over with the answers', () => {
    expect(epsilonLowerBound({ members: 100, truePositives: 50, others: 100, falsePositives: 50 }, 0)).toBe(0);
    const [members, truePositives, others, falsePositives] = [300, 290, 200, 60];
    const one = epsilonLowerBound({ members, truePositives, others, falsePositives }, 1e-5);
    const turned = epsilonLowerBound({ members: others, truePositives: others - falsePositives, others: members, falsePositives: members - truePositives }, 1e-5);
    expect(one).toBeCloseTo(turned, 9);
    expect(one).toBeGreaterThan(1);
  });

  it('refuses counts that cannot be', () => {
    expect(() => epsilonLowerBound({ members: 0, truePositives: 0, others: 1, falsePositives: 0 }, 0)).toThrow();
    expect(() => epsilonLowerBound({ members: 1, truePositives: 2, others: 1, falsePositives: 0 }, 0)).toThrow();
    expect(() => epsilonLowerBound({ members: 1, truePositives: 1, others: 1, falsePositives: 0.5 }, 0)).toThrow();
    for (const bad of [-0.1, NaN, 2]) expect(() => epsilonLowerBound({ members: 1, truePositives: 1, others: 1, falsePositives: 0 }, bad)).toThrow();
    expect(() => epsilonLowerBound({ members: 1, truePositives: 1, others: 1, falsePositives: 0 }, 0, 1)).toThrow();
  });

  it('randomized response: above the truth in fewer than the stated share of 500 audits, and close below it', () => {
    const random = mulberry32(21);
    const truth = 1;
    const right = Math.E / (1 + Math.E);
    const count = (n: number, p: number) => { let hits = 0; for (let i = 0; i < n; i++) if (random() < p) hits++; return hits; };
    let above = 0;
    let sum = 0;
    for (let trial = 0; trial < 500; trial++) {
      const bound = epsilonLowerBound({ members: 400, truePositives: count(400, right), others: 400, falsePositives: count(400, 1 - right) }, 0);
      if (bound > truth) above++;
      sum += bound;
    }
    // At most 5 %, 25 +- 5; the two rates must err together, so far fewer do.
    expect(above).toBeLessThan(25);
    expect(sum / 500).toBeGreaterThan(0.7);
  });

  it('of scores of a Gaussian mechanism: below its epsilon in 60 of 60 audits; without noise far above', () => {
    const random = mulberry32(22);
    const delta = 1e-5;
    for (const mu of [0.5, 1, 2]) {
      const truth = gaussianEpsilon(mu, delta);
      for (let trial = 0; trial < 20; trial++) expect(epsilonLowerBoundOfScores(normals(random, 400, mu), normals(random, 400, 0), { delta, random })).toBeLessThan(truth);
    }
    expect(epsilonLowerBoundOfScores(normals(random, 400, 20), normals(random, 400, 0), { delta, random })).toBeGreaterThan(3.5);
  });
});

describe('one-run audit', () => {
  it('randomized response at delta 0: above the truth in at most 5 % of 2,000 audits, and close below it', () => {
    const random = mulberry32(31);
    for (const epsilon of [0.5, 2]) {
      const right = 1 / (1 + Math.exp(-epsilon));
      let above = 0;
      let sum = 0;
      const known = new Map<number, number>();
      for (let trial = 0; trial < 1000; trial++) {
        let correct = 0;
        for (let i = 0; i < 500; i++) if (random() < right) correct++;
        const bound = known.get(correct) ?? oneRunEpsilon({ canaries: 500, guesses: 500, correct }, 0);
        known.set(correct, bound);
        if (bound > epsilon) above++;
        sum += bound;
      }
      // The bound is tight here: near 50 of 1,000 err, with deviation 6.9; 5 deviations of both sides, and 15 for the steps of the binomial.
      expect(above).toBeLessThan(50 + 35);
      expect(above).toBeGreaterThan(10);
      expect(sum / 1000).toBeGreaterThan(epsilon - 0.35);
    }
  });

  it('the chance rises with epsilon and with delta, and falls with right guesses', () => {
    const found = { canaries: 200, guesses: 60, correct: 50 };
    let last = 0;
    for (let epsilon = 0; epsilon < 8; epsilon += 0.05) {
      const p = oneRunPValue(found, epsilon, 1e-4);
      expect(p).toBeGreaterThanOrEqual(last * (1 - 1e-12)); // Sums near 1 round.
      last = p;
    }
    expect(oneRunPValue(found, 1, 1e-3)).toBeGreaterThan(oneRunPValue(found, 1, 1e-4));
    expect(oneRunPValue({ ...found, correct: 51 }, 1, 1e-4)).toBeLessThan(oneRunPValue(found, 1, 1e-4));
    expect(oneRunPValue({ ...found, correct: 0 }, 1, 0)).toBeCloseTo(1, 12);
  });

  it('concludes nothing where delta allows anything, or nothing was guessed', () => {
    expect(oneRunEpsilon({ canaries: 1000, guesses: 1000, correct: 1000 }, 1e-2)).toBe(0);
    expect(oneRunEpsilon({ canaries: 10, guesses: 0, correct: 0 }, 1e-5)).toBe(0);
    expect(oneRunGaussianEpsilon({ canaries: 10, guesses: 0, correct: 0 }, 1e-5)).toBe(0);
  });

  it('refuses what cannot be', () => {
    for (const bad of [{ canaries: 0, guesses: 0, correct: 0 }, { canaries: 5, guesses: 6, correct: 1 }, { canaries: 5, guesses: 3, correct: 4 }, { canaries: 5, guesses: 3, correct: NaN }]) {
      expect(() => oneRunPValue(bad, 1, 0)).toThrow();
      expect(() => oneRunEpsilon(bad, 0)).toThrow();
      expect(() => oneRunGaussianEpsilon(bad, 1e-5)).toThrow();
    }
    const found = { canaries: 5, guesses: 3, correct: 3 };
    for (const bad of [-1, NaN]) {
      expect(() => oneRunPValue(found, bad, 0)).toThrow();
      expect(() => oneRunEpsilon(found, bad)).toThrow();
    }
    expect(() => guessCoins([1, 2], [true], 1, 0)).toThrow(/length/);
    expect(() => guessCoins([1, 2], [true, false], 2, 1)).toThrow();
    expect(() => guessCoins([1, NaN], [true, false], 1, 1)).toThrow();
  });

  it('guesses the ends of the order', () => {
    expect(guessCoins([5, 1, 4, 0, 3], [true, true, false, false, true], 2, 1)).toEqual({ canaries: 5, guesses: 3, correct: 2 });
  });
});

describe('one-run audit of a noisy sum', () => {
  const canaries = 400;
  const sensitivity = 1000;
  const delta = 1e-5;
  /** Each canary fills a coordinate of its own; the score is what is released there. Sensitivity 1 each, so mu = 1 / noise multiplier. */
  async function audit(seed: number, noiseMultiplier: number, guesses: number) {
    const random = mulberry32(seed);
    const isIn = Array.from({ length: canaries }, () => random() < 0.5);
    const noise = noiseMultiplier === 0 ? new Float64Array(canaries) : await gaussianIntegers(testStream(seed), 1, 2, canaries, noiseMultiplier * sensitivity);
    // Ties of a sum without noise must not fall in the order of the coins.
    const scores = Float64Array.from(noise, (value, index) => value + (isIn[index] ? sensitivity : 0) + random() * 1e-6);
    const found = guessCoins(scores, isIn, guesses / 2, guesses / 2);
    return { steinke: oneRunEpsilon(found, delta), gaussian: oneRunGaussianEpsilon(found, delta) };
  }

  it('stays below the true epsilon in 198 of 200 bounds and more', async () => {
    for (const noiseMultiplier of [0.5, 1, 2, 4]) {
      const truth = gaussianEpsilon(1 / noiseMultiplier, delta);
      let above = 0;
      for (let seed = 0; seed < 25; seed++) {
        const { steinke, gaussian } = await audit(1000 * noiseMultiplier + seed, noiseMultiplier, 100);
        if (steinke > truth) above++;
        if (gaussian > truth) above++;
      }
      // 5 % may; a pure-epsilon bound on a Gaussian is loose, so hardly any does.
      expect(above).toBeLessThanOrEqual(2);
    }
  });

  it('catches a missing noise, a tenth of it, and an eighth; 30 of 30 runs each', async () => {
    // Claimed: noise multiplier 2, epsilon 1.99.
    const claimed = gaussianEpsilon(1 / 2, delta);
    for (const actual of [0, 0.2, 0.25]) {
      for (let seed = 0; seed < 30; seed++) {
        const { steinke, gaussian } = await audit(7000 + seed, actual, 200);
        expect(steinke).toBeGreaterThan(claimed);
        expect(gaussian).toBeGreaterThan(claimed);
      }
    }
  });

  it('half the noise is caught by the Gaussian bound in most runs of 400 canaries, by the other hardly ever', async () => {
    const claimed = gaussianEpsilon(1 / 2, delta);
    const caught = { steinke: 0, gaussian: 0 };
    for (let seed = 0; seed < 100; seed++) {
      const { steinke, gaussian } = await audit(9000 + seed, 1, 100);
      if (steinke > claimed) caught.steinke++;
      if (gaussian > claimed) caught.gaussian++;
    }
    expect(caught.gaussian).toBeGreaterThan(50);
    expect(caught.steinke).toBeLessThan(20);
  });
});

describe('canaryExposure', () => {
  it('of the best of 1,023 is 10 bits at most, of the median 1', () => {
    const candidates = Array.from({ length: 1023 }, (_, index) => index);
    expect(canaryExposure(-1, candidates)).toMatchObject({ bits: 10, rank: 1, candidates: 1024, high: Infinity });
    expect(canaryExposure(510.5, candidates).bits).toBe(1);
    expect(canaryExposure(2000, candidates).bits).toBe(0);
    // A tie ranks the canary last.
    expect(canaryExposure(0, candidates).rank).toBe(2);
  });

  it('of a canary never trained on exceeds k bits once in 2^k', () => {
    const random = mulberry32(44);
    const bits = Array.from({ length: 2000 }, () => canaryExposure(random(), Array.from({ length: 255 }, random)).bits);
    for (const k of [1, 3, 5]) {
      const share = bits.filter((one) => one >= k).length / bits.length;
      // Binomial, four deviations.
      expect(Math.abs(share - 2 ** -k)).toBeLessThan(4 * Math.sqrt(2 ** -k / bits.length));
    }
  });

  it('refuses NaN and an empty space', () => {
    expect(() => canaryExposure(NaN, [1])).toThrow();
    expect(() => canaryExposure(1, [])).toThrow();
    expect(() => canaryExposure(1, [NaN])).toThrow();
  });
});
