import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { composedEpsilon, type Charge } from './composition.ts';
import type { Cohort, Stop } from './data-sets.ts';
import type { Mechanism } from './events.ts';
import { chargesAt, forSeveralUnits, worstEpsilon } from './exposure.ts';
import { KnownBounds } from './known-bounds.ts';
import { pldEpsilon } from './pld/pld.ts';
import { noUnits } from './unit-sets.ts';

const cohort = (cohortId: string): Cohort => ({ cohortId, splitId: cohortId, part: 'training', unit: 'row', keyIds: new Set(), maximumRowsPerPerson: 1, maximumRowsPerText: 1, personNaming: null, hasUnnamedRows: false, units: noUnits, lastGrown: 0, declaredAt: -1, isAboutNobody: false });
const mechanism: fc.Arbitrary<Mechanism> = fc.oneof(
  fc.constantFrom(2, 5, 9).map((noiseMultiplier): Mechanism => ({ kind: 'gaussian', noiseMultiplier })),
  fc.constantFrom(1, 3).map((noiseMultiplier): Mechanism => ({ kind: 'poisson-gaussian', noiseMultiplier, samplingRate: 0.05 })),
);
const charges = fc.array(fc.record({ mechanism, count: fc.integer({ min: 1, max: 20 }) }), { maxLength: 2 });

describe('the most exposed way', () => {
  it('is the worst of all choices, tried one by one', () => {
    fc.assert(fc.property(charges, fc.array(fc.tuple(charges, charges), { maxLength: 3 }), fc.integer({ min: 1, max: 3 }), (own, others, count) => {
      const book = new Map<string, readonly Charge[]>([['own', own], ...others.flatMap(([a, b], index): [string, readonly Charge[]][] => [[`${index} a`, a], [`${index} b`, b]])]);
      const chargesTo = ({ cohortId }: Cohort) => book.get(cohortId) ?? [];
      const places = others.map((_, index) => ['a', 'b'].map((part): Stop[] => [{ cohort: cohort(`${index} ${part}`), count }]));
      let ways: Stop[][] = [[{ cohort: cohort('own'), count: 1 }]];
      for (const options of places) ways = ways.flatMap((way) => options.map((option) => [...way, ...option]));
      const worst = Math.max(...ways.map((way) => composedEpsilon(chargesAt(way, chargesTo), 1e-5).epsilon));
      // Choices whose charges another one holds as well are not tried: no more than the order of a sum may differ.
      expect(worstEpsilon({ own: cohort('own'), others: places }, chargesTo, 1e-5, new KnownBounds())).toBeCloseTo(worst, 12);
    }), { numRuns: 60 });
  });

  it('adds everything up where the choices are too many', () => {
    const places = Array.from({ length: 7 }, (_, index) => ['a', 'b'].map((part): Stop[] => [{ cohort: cohort(`${index} ${part}`), count: 1 }]));
    const chargesTo = () => [{ mechanism: { kind: 'gaussian', noiseMultiplier: 10 } as const, count: 1 }];
    expect(worstEpsilon({ own: cohort('own'), others: places }, chargesTo, 1e-5, new KnownBounds())).toBe(composedEpsilon([{ mechanism: { kind: 'gaussian', noiseMultiplier: 10 }, count: 15 }], 1e-5).epsilon);
  });
});

describe('somebody who is several units', () => {
  it('pays at least as much as for each of them', () => {
    fc.assert(fc.property(mechanism, fc.integer({ min: 2, max: 6 }), (one, units) => {
      const epsilon = (count: number) => composedEpsilon([{ mechanism: forSeveralUnits(one, count), count: 10 }], 1e-5).epsilon;
      expect(epsilon(units)).toBeGreaterThan(epsilon(1));
      expect(epsilon(units)).toBeGreaterThanOrEqual(epsilon(units - 1));
    }), { numRuns: 30 });
    expect(forSeveralUnits({ kind: 'gaussian', noiseMultiplier: 6 }, 3)).toEqual({ kind: 'gaussian', noiseMultiplier: 2 });
    expect(forSeveralUnits({ kind: 'poisson-gaussian', noiseMultiplier: 6, samplingRate: 1 }, 2)).toEqual({ kind: 'poisson-gaussian', noiseMultiplier: 3, samplingRate: 1 });
  });

  it('who stays in part of one, pays as two for what moves a drawn sum by twice the clip norm', () => {
    const ratios: number[] = [];
    for (const delta of [1e-5, 0.05])
      for (const samplingRate of [0.01, 0.1, 0.5, 0.9])
        for (const noiseMultiplier of [0.7, 1.5, 8])
          for (const count of [1, 20]) {
            const one: Mechanism = { kind: 'poisson-gaussian', noiseMultiplier, samplingRate };
            const charged = pldEpsilon([{ mechanism: forSeveralUnits(one, 2), count }], delta).epsilon;
            const replaced = pldEpsilon([{ mechanism: one, count }], delta, { adjacency: 'replace-one' }).epsilon;
            expect(replaced, `q ${samplingRate}, sigma ${noiseMultiplier}, ${count} steps`).toBeLessThanOrEqual(charged * (1 + 1e-3) + 1e-6);
            if (charged > 0.1) ratios.push(replaced / charged);
          }
    // Both accountants may be pessimistic by their grids, no more: the comparison has something to compare.
    expect(ratios.length).toBeGreaterThan(20);
    expect(Math.max(...ratios)).toBeGreaterThan(0.5);
  });
});
