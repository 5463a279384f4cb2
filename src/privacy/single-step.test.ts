import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { composedEpsilon } from './composition.ts';
import { gaussianDelta } from './gaussian.ts';
import { singleStepDelta } from './single-step.ts';

interface Goldens {
  readonly single_step_exact: readonly { readonly sigma: number; readonly q: number; readonly epsilon: number; readonly delta_remove_exact: string; readonly delta_add_exact: string }[];
}
const goldens = JSON.parse(readFileSync(new URL('../fixtures/goldens/privacy.json', import.meta.url), 'utf8')) as Goldens;

describe('singleStepDelta', () => {
  it.each(goldens.single_step_exact)('sigma $sigma, q $q, epsilon $epsilon', ({ sigma, q, epsilon, delta_remove_exact, delta_add_exact }) => {
    const { remove, add } = singleStepDelta(q, sigma, epsilon);
    // mpmath, 14 digits; 1 - (1 - e^-eps)/q may cancel two of them.
    expect(Math.abs(remove - Number(delta_remove_exact))).toBeLessThanOrEqual(1e-10 * Number(delta_remove_exact) + 1e-30);
    expect(Math.abs(add - Number(delta_add_exact))).toBeLessThanOrEqual(1e-10 * Number(delta_add_exact) + 1e-30);
  });

  it('is the Gaussian at rate 1', () => {
    const { remove, add } = singleStepDelta(1, 2, 0.7);
    expect(remove).toBeCloseTo(gaussianDelta(0.5, 0.7), 15);
    expect(add).toBeCloseTo(gaussianDelta(0.5, 0.7), 15);
  });

  it('never exceeds what the accountant promises for one step', () => {
    for (const q of [0.001, 0.01, 0.1, 0.5, 0.99]) {
      for (const sigma of [0.4, 1, 5]) {
        for (const delta of [1e-3, 1e-5, 1e-8]) {
          const { epsilon } = composedEpsilon([{ mechanism: { kind: 'poisson-gaussian', samplingRate: q, noiseMultiplier: sigma }, count: 1 }], delta);
          const exact = singleStepDelta(q, sigma, epsilon);
          expect(Math.max(exact.remove, exact.add)).toBeLessThanOrEqual(delta);
        }
      }
    }
  });

  it('refuses what is no setting', () => {
    for (const [q, sigma, epsilon] of [[0, 1, 1], [1.1, 1, 1], [NaN, 1, 1], [0.1, 0, 1], [0.1, NaN, 1], [0.1, 1, -1], [0.1, 1, NaN]] as const) expect(() => singleStepDelta(q, sigma, epsilon)).toThrow();
  });
});
