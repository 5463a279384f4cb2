import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gradientNoiseMultiplier, nextClipNorm } from './adaptive-clipping.ts';
import { composedEpsilon } from './composition.ts';

describe('the noise of a step with an adaptive clip norm', () => {
  it('costs with the count what one release of the whole multiplier does', () => {
    const delta = 1e-5;
    fc.assert(fc.property(fc.double({ min: 0.5, max: 20, noNaN: true }), fc.double({ min: 1.01, max: 100, noNaN: true }), (noiseMultiplier, ratio) => {
      const countNoise = (noiseMultiplier / 2) * ratio;
      const gradients = gradientNoiseMultiplier({ noiseMultiplier, countNoise });
      const both = composedEpsilon([{ mechanism: { kind: 'gaussian', noiseMultiplier: gradients }, count: 1 }, { mechanism: { kind: 'gaussian', noiseMultiplier: 2 * countNoise }, count: 1 }], delta).epsilon;
      const one = composedEpsilon([{ mechanism: { kind: 'gaussian', noiseMultiplier }, count: 1 }], delta).epsilon;
      // Roots of both are found to some 1e-12.
      expect(Math.abs(both - one)).toBeLessThan(1e-8 * Math.max(1, one));
      expect(gradients).toBeGreaterThan(noiseMultiplier);
    }));
  });

  it('refuses a count that costs all of it', () => {
    for (const countNoise of [0.5, 0.4, 1e-300]) expect(() => gradientNoiseMultiplier({ noiseMultiplier: 1, countNoise })).toThrow(expect.objectContaining({ code: 'privacy/count-noise' }));
    expect(gradientNoiseMultiplier({ noiseMultiplier: 1, countNoise: 0.5000001 })).toBeGreaterThan(1000);
  });
});

describe('the next clip norm', () => {
  const step = { clipNorm: 0.1, noisyUnclippedShare: 0.5, targetQuantile: 0.5, learningRate: 0.2 };

  it('settles on the target quantile of norms that stand still', () => {
    const norms = Array.from({ length: 1000 }, (_, unit) => (unit + 1) / 1000);
    let clipNorm = 0.01;
    for (let round = 0; round < 300; round++) clipNorm = nextClipNorm({ ...step, clipNorm, targetQuantile: 0.3, noisyUnclippedShare: norms.filter((norm) => norm <= clipNorm).length / norms.length });
    expect(clipNorm).toBeCloseTo(0.3, 2);
  });

  it('takes a share that noise took out of [0, 1], and refuses one that is no number and a norm that overflows', () => {
    expect(nextClipNorm({ ...step, noisyUnclippedShare: -0.5 })).toBeCloseTo(0.1 * Math.exp(0.2), 15);
    expect(() => nextClipNorm({ ...step, noisyUnclippedShare: NaN })).toThrow(expect.objectContaining({ code: 'privacy/unclipped-share' }));
    expect(() => nextClipNorm({ ...step, noisyUnclippedShare: -1e6 })).toThrow(expect.objectContaining({ code: 'settings/out-of-range' }));
  });
});
