import { describe, expect, it } from 'vitest';
import { composedEpsilon } from './composition.ts';
import { checkNoiseLaw, drawNoise, noiseEpsilon, noiseMechanism, type NoiseLaw } from './noise-laws.ts';
import { testStream } from './testing/streams.ts';

const laws = ['rounded-gaussian', 'discrete-gaussian'] as const;
/** As it may come from a file: of no type. */
const untyped = (law: unknown): NoiseLaw => (JSON.parse(JSON.stringify({ law })) as { law: NoiseLaw }).law;

describe.each(laws)('%s', (law) => {
  it('comes to infinity without noise and without delta, and to 0 where nothing is promised or released', () => {
    expect([noiseEpsilon(law, Infinity, 1e-5), noiseEpsilon(law, Number.MAX_VALUE, 1e-5), noiseEpsilon(law, 1, 0)]).toEqual([Infinity, Infinity, Infinity]);
    expect([noiseEpsilon(law, Infinity, 1), noiseEpsilon(law, 0, 1e-5), noiseEpsilon(law, 0, 0)]).toEqual([0, 0, 0]);
  });

  it('is composed as what it is charged as', () => {
    for (const noiseMultiplier of [0, 0.5, 3, Infinity]) expect(composedEpsilon([{ mechanism: noiseMechanism(law, noiseMultiplier), count: 1 }], 1e-5).epsilon).toBe(noiseEpsilon(law, 1 / noiseMultiplier, 1e-5));
  });
});

describe('a law that is neither', () => {
  it.each(['', 'laplace', 'Discrete-Gaussian', 'discrete-gaussian ', 7, null, ['rounded-gaussian']])('is refused by name and not taken for one of the two: %j', async (given) => {
    const law = untyped(given);
    const named = expect.objectContaining({ code: 'privacy/noise-law', family: 'settings' }) as Error;
    expect(() => checkNoiseLaw(law)).toThrow(named);
    expect(() => noiseEpsilon(law, 1, 1e-5)).toThrow(named);
    expect(() => noiseMechanism(law, 1)).toThrow(named);
    await expect(drawNoise(law, testStream(1), 1, 1, 2, 3)).rejects.toEqual(named);
  });
});
