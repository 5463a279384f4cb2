import { describe, expect, it } from 'vitest';
import { reportingList } from './reporting-list.ts';
import { statementLineKeys } from './statement-lines.ts';
import { buildStatement, notCoveredCodes, type StatementFacts } from './statement.ts';

const facts: StatementFacts = {
  charges: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 20 }, count: 50 }], delta: 1e-5, unit: 'person', samplingRate: 1, noiseMultiplier: 20, steps: 50, clipNorm: 0.3, validationEpsilon: 1, isSecureNoise: true,
};
const search = { meanRuns: 5, runsMade: 29, epsilonOfOne: 1, candidates: 7 };
const kinds: Readonly<Record<string, StatementFacts>> = {
  'full batch': facts,
  'Poisson samples': { ...facts, unit: 'row', samplingRate: 0.01, noiseMultiplier: 1, charges: [{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 1, samplingRate: 0.01 }, count: 50 }] },
  'discrete noise': { ...facts, noiseLaw: 'discrete-gaussian', charges: [{ mechanism: { kind: 'discrete-gaussian', noiseMultiplier: 20 }, count: 50 }] },
  'a search': { ...facts, search, charges: [{ mechanism: { kind: 'repeat-and-select', noiseMultiplier: 3, law: { kind: 'poisson', mean: 5 } }, count: 1 }] },
  'a run that went on': { ...facts, validationEpsilon: null, continues: { runNumber: 2, stepsBefore: 10, charges: [] } },
};

describe('the list of what to report', () => {
  it.each(Object.entries(kinds))('is answered item by item by the statement of %s', (_, of) => {
    const statement = buildStatement(of);
    if (!statement.isPrivate) throw new Error('private');
    for (const { asks, saidIn, saidOfSearchIn } of reportingList) {
      const lines = (of.search && saidOfSearchIn) || saidIn;
      expect(lines.length, asks).toBeGreaterThan(0);
      expect(lines.filter((line) => !statement.lines.includes(line)), asks).toEqual([]);
    }
    // Where no search was paid for, it is said that settings were chosen at no charge.
    expect(statement.notCovered).toContain('hyper-parameters');
  });

  it('is missed by a statement that lacks a line of it', () => {
    const needed = new Set(reportingList.flatMap(({ saidIn, saidOfSearchIn = [] }) => [...saidIn, ...saidOfSearchIn]));
    // Of the lines that stand in every statement none may go.
    const whole = buildStatement(facts);
    expect(whole.isPrivate && whole.lines.filter((line) => !needed.has(line))).toEqual(['validation', 'mu']);
    expect(statementLineKeys.filter((line) => !needed.has(line))).toEqual(['rdp', 'continues', 'validation', 'mu', 'releases']);
    expect(notCoveredCodes).toContain('hyper-parameters');
  });
});
