import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { composedEpsilon, type Charge } from './composition.ts';
import { pldEpsilon } from './pld/pld.ts';
import { gaussianEpsilon, gaussianMu } from './gaussian.ts';
import { samplerDelta } from './noise.ts';
import { gaussianFound, gaussianGuessed, pairFound, pairGuessed } from './attack-limit.ts';
import { buildStatement, completedStatement, replaceOneEpsilon, type StatementFacts } from './statement.ts';

interface Goldens {
  readonly replace_one: readonly { readonly sigma: number; readonly q: number; readonly steps: number; readonly pld_add_remove: Readonly<Record<string, number>>; readonly pld_replace_one: Readonly<Record<string, number>> }[];
}
const goldens = JSON.parse(readFileSync(new URL('../fixtures/goldens/privacy.json', import.meta.url), 'utf8')) as Goldens;

const facts: StatementFacts = {
  charges: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 20 }, count: 50 }], delta: 1e-5, unit: 'person', samplingRate: 1, noiseMultiplier: 20, steps: 50, clipNorm: 0.3, validationEpsilon: 1, isSecureNoise: true,
};

describe('replaceOneEpsilon', () => {
  it('reproduces the table of the full-batch recipe at 1,201 units: .5/1/3/8 become 1.09/2.20/6.88/19.7', () => {
    const delta = 1 / (10 * 1201);
    for (const [epsilon, replaced] of [[0.5, 1.09], [1, 2.2], [3, 6.88], [8, 19.7]] as const) {
      const charges: Charge[] = [{ mechanism: { kind: 'gaussian', noiseMultiplier: 1 / gaussianMu(epsilon, delta) }, count: 1 }];
      // The table has three digits.
      expect(Math.abs(replaceOneEpsilon(charges, delta) / replaced - 1)).toBeLessThan(0.003);
    }
  });

  it.each(goldens.replace_one)('is the recorded value at sigma $sigma, q $q, $steps steps', ({ sigma, q, steps, pld_add_remove, pld_replace_one }) => {
    for (const [delta, exact] of Object.entries(pld_replace_one)) {
      const charges: Charge[] = [{ mechanism: { kind: 'poisson-gaussian', samplingRate: q, noiseMultiplier: sigma }, count: steps }];
      const found = replaceOneEpsilon(charges, Number(delta));
      // Both are pessimistic by up to 2e-4 of themselves and 1e-4.
      expect(Math.abs(found - exact)).toBeLessThan(exact * 2e-4 + 1e-4);
      expect(found).toBeGreaterThan(pld_add_remove[delta]!);
    }
  });
});

describe('buildStatement', () => {
  it('computes epsilon from the charges, with every other fact beside it', () => {
    const statement = buildStatement(facts);
    expect(statement).toMatchObject({
      isPrivate: true, epsilon: composedEpsilon(facts.charges, 1e-5).epsilon, delta: 1e-5, unit: 'person', adjacency: 'zero-out', accountant: 'exact-gaussian', sampling: 'full-batch',
      validation: { part: 'held-out', epsilon: 1 }, isSecureNoise: true, mu: Math.sqrt(50) / 20,
    });
    expect(statement.isPrivate && statement.epsilonReplaceOne).toBe(gaussianEpsilon((2 * Math.sqrt(50)) / 20, 1e-5));
    expect(statement.isPrivate && statement.publicFacts).toContain('person-count');
    expect(statement.isPrivate && statement.notCovered).toContain('held-out-people');
  });

  it('names rows where rows are protected, and what RDP says beside PLD', () => {
    const charges: Charge[] = [{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 1, samplingRate: 0.01 }, count: 1000 }];
    const statement = buildStatement({ ...facts, charges, unit: 'row', samplingRate: 0.01, noiseMultiplier: 1, steps: 1000, validationEpsilon: null });
    if (!statement.isPrivate) throw new Error('private');
    expect(statement).toMatchObject({ accountant: 'pld', epsilon: pldEpsilon(charges, 1e-5).epsilon, epsilonRdp: composedEpsilon(charges, 1e-5).epsilon, sampling: 'poisson', mu: null, validation: null });
    expect(statement.epsilon).toBeLessThan(statement.epsilonRdp!);
    expect(statement.accountantSettings).toMatch(/^connect-the-dots, both directions, grid \d\.\de-\d, \d\.\de-\d+ of delta for rounding and cut tails$/);
    expect(statement.publicFacts).not.toContain('person-count');
    expect(statement.notCovered).not.toContain('held-out-people');
    expect(statement.epsilonReplaceOne).toBeGreaterThan(statement.epsilon);
  });

  it('adds the sampler\'s error to delta where it is known, and lists it as not covered where it is not', () => {
    const [unknown, known] = [buildStatement(facts), buildStatement({ ...facts, samplerError: 1e-13 })];
    if (!unknown.isPrivate || !known.isPrivate) throw new Error('private');
    expect(unknown.notCovered).toContain('sampler-error');
    expect(unknown.samplerDelta).toBeUndefined();
    expect(known.notCovered).not.toContain('sampler-error');
    expect(known.samplerDelta).toBeCloseTo((1 + Math.exp(known.epsilon)) * 1e-13, 24);
    expect(known).toMatchObject({ epsilon: unknown.epsilon, delta: unknown.delta });
  });

  it('states a delta with the sampler\'s error in it where that is more than a thousandth: at a tiny delta, at a large epsilon, and of a replaced unit before', () => {
    const stated = (change: Partial<StatementFacts>) => {
      const statement = buildStatement({ ...facts, samplerError: 1e-13, ...change });
      if (!statement.isPrivate) throw new Error('private');
      return statement;
    };
    const usual = stated({});
    expect(usual).not.toHaveProperty('deltaInAll');
    expect(usual).not.toHaveProperty('deltaReplaceOne');
    const tiny = stated({ delta: 1e-12 });
    expect(tiny.samplerDelta).toBeGreaterThan(1e-13);
    expect(tiny.deltaInAll).toBe(1e-12 + tiny.samplerDelta!);
    const large = stated({ charges: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 2 }, count: 50 }] });
    expect(large.epsilon).toBeGreaterThan(20);
    expect(large.deltaInAll).toBe(1e-5 + large.samplerDelta!);
    expect(large.deltaReplaceOne).toBe(1);
    // Of a replaced unit epsilon is twice as large and more, and the error weighs as e^epsilon.
    const middle = stated({ charges: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 4.5 }, count: 50 }] });
    expect(middle).not.toHaveProperty('deltaInAll');
    expect(middle.deltaReplaceOne).toBeGreaterThanOrEqual(1e-5 + samplerDelta(middle.epsilonReplaceOne, 1e-13));
    expect(completedStatement({ ...usual, deltaInAll: 0.5, deltaReplaceOne: 0.5 })).toEqual(usual);
  });

  it('says how often a guess is right: by mu where all is one Gaussian, by epsilon and delta else, what the sampler adds included', () => {
    const poisson = buildStatement({ ...facts, charges: [{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 1, samplingRate: 0.01 }, count: 1000 }], samplingRate: 0.01, samplerError: 1e-5 });
    const [gaussian, exact] = [buildStatement(facts), buildStatement({ ...facts, samplerError: 1e-3 })];
    if (!poisson.isPrivate || !gaussian.isPrivate || !exact.isPrivate) throw new Error('private');
    expect(gaussian.guessingBound).toBe(gaussianGuessed(Math.sqrt(50) / 20));
    expect(exact.guessingBound).toBe(gaussian.guessingBound + exact.samplerDelta!);
    expect(poisson.guessingBound).toBe(pairGuessed(poisson.epsilon, 1e-5 + poisson.samplerDelta!));
  });

  it('lists all releases, so that epsilon can be worked out again from what it states', () => {
    const mean: Charge = { mechanism: { kind: 'gaussian', noiseMultiplier: 8 }, count: 1 };
    const step = (noiseMultiplier: number, count: number): Charge => ({ mechanism: { kind: 'gaussian', noiseMultiplier }, count });
    const statement = buildStatement({ ...facts, charges: [step(10, 20), step(10, 5)], noiseMultiplier: 10, steps: 25, continues: { runNumber: 1, stepsBefore: 50, charges: [mean, ...facts.charges] } });
    if (!statement.isPrivate) throw new Error('private');
    expect(statement.releases).toEqual([mean, step(20, 50), step(10, 25)]);
    expect(composedEpsilon(statement.releases!, statement.delta)).toMatchObject({ epsilon: statement.epsilon, mu: statement.mu });
    expect(statement.lines).toContain('releases');
    // Steps of one noise multiplier and nothing beside them have their own two lines.
    const plain = buildStatement(facts);
    expect(plain.isPrivate && plain.lines).not.toContain('releases');
  });

  it('says what an attacker finds: by mu where all is one Gaussian, by epsilon and delta else', () => {
    const poisson = buildStatement({ ...facts, charges: [{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 1, samplingRate: 0.01 }, count: 1000 }], samplingRate: 0.01 });
    const [gaussian, discrete] = [buildStatement(facts), buildStatement({ ...facts, charges: [{ mechanism: { kind: 'discrete-gaussian', noiseMultiplier: 20 }, count: 50 }] })];
    if (!poisson.isPrivate || !gaussian.isPrivate || !discrete.isPrivate) throw new Error('private');
    expect(gaussian.foundAtOnePercent).toBe(gaussianFound(Math.sqrt(50) / 20, 0.01));
    for (const one of [poisson, discrete]) {
      expect(one.mu).toBeNull();
      expect(one.foundAtOnePercent).toBe(pairFound(one.epsilon, 1e-5, 0.01));
    }
  });

  it('of an older version is completed, and a spoilt figure that follows from others is worked out anew', () => {
    const statement = buildStatement(facts);
    if (!statement.isPrivate) throw new Error('private');
    const { lines: _lines, foundAtOnePercent: _found, ...older } = statement;
    expect(completedStatement({ ...older, guessingBound: 0.5 })).toEqual(statement);
    expect(completedStatement({ ...older, epsilon: Infinity })).toMatchObject({ foundAtOnePercent: 1, guessingBound: 1 });
    expect(completedStatement({ isPrivate: false })).toEqual({ isPrivate: false });
  });

  it('refuses facts that are none', () => {
    for (const change of [{ delta: 0 }, { delta: NaN }, { samplingRate: 0 }, { noiseMultiplier: 0 }, { noiseMultiplier: NaN }, { clipNorm: -1 }, { steps: 0.5 }, { samplerError: NaN }, { samplerError: -1 }]) expect(() => buildStatement({ ...facts, ...change })).toThrow();
  });
});
