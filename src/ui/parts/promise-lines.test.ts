import { describe, expect, it } from 'vitest';
import { composedEpsilon, type Charge } from '../../privacy/composition.ts';
import { buildStatement, type PrivacyStatement, type StatementFacts } from '../../privacy/statement.ts';
import { cardLines } from '../../training/statement-card.ts';
import { en } from '../words/en.ts';
import { zh } from '../words/zh.ts';
import { promiseLines } from './promise-lines.ts';

type Private = Extract<PrivacyStatement, { isPrivate: true }>;
const facts: StatementFacts = {
  charges: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 20 }, count: 50 }], delta: 1e-5, unit: 'person', samplingRate: 1, noiseMultiplier: 20, steps: 50, clipNorm: 0.3, validationEpsilon: 1, isSecureNoise: true,
};
function built(change: Partial<StatementFacts>): Private {
  const statement = buildStatement({ ...facts, ...change });
  if (!statement.isPrivate) throw new Error('private');
  return statement;
}
const poisson = built({ unit: 'row', samplingRate: 0.1, noiseMultiplier: 2, steps: 20, samplerError: 1e-13, charges: [{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 2, samplingRate: 0.1 }, count: 20 }] });
const kinds: Readonly<Record<string, Private>> = {
  'full batch': built({}),
  'Poisson samples': poisson,
  'discrete noise': built({ noiseLaw: 'discrete-gaussian', charges: [{ mechanism: { kind: 'discrete-gaussian', noiseMultiplier: 20 }, count: 50 }] }),
  'a search': built({ search: { meanRuns: 5, runsMade: 29, epsilonOfOne: 1, candidates: 7 }, charges: [{ mechanism: { kind: 'repeat-and-select', noiseMultiplier: 3, law: { kind: 'poisson', mean: 5 } }, count: 2 }] }),
  'a run that went on': built({
    validationEpsilon: null, isSecureNoise: false,
    continues: { runNumber: 2, stepsBefore: 10, charges: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 8.02859123 }, count: 1 }, { mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 31, samplingRate: 0.00427361 }, count: 10 }, { mechanism: { kind: 'discrete-gaussian', noiseMultiplier: 41 }, count: 3 }] },
  }),
};
const pageOf = (statement: Private, { privacy, format } = en) => promiseLines(statement, privacy, format);

describe.each(Object.entries(kinds))('the promise of %s', (_, statement) => {
  it('states the same facts in the same order on the page, in both languages, and in the card', () => {
    const card = cardLines(statement);
    for (const said of [pageOf(statement), pageOf(statement, zh), card]) {
      expect(said.map(({ line }) => line)).toEqual(statement.lines);
      for (const { line, text } of said) expect(text, line).toMatch(/\S/);
    }
    expect(new Set(card.map(({ text }) => text)).size).toBe(card.length);
  });

  it('lists every release, with no more noise and no lower a rate than it has, so that epsilon can be worked out again', () => {
    const { releases = [] } = statement;
    for (const said of [pageOf(statement), pageOf(statement, zh), cardLines(statement)]) {
      const text = said.find(({ line }) => line === 'releases')?.text;
      expect(text !== undefined).toBe(statement.lines.includes('releases'));
      const shown = [...(text ?? '').replaceAll(',', '').matchAll(/\d+(?:\.\d+)?/g)].map(([one]) => Number(one));
      for (const { mechanism, count } of text === undefined ? [] : releases) {
        if (count > 1) expect(shown).toContain(count);
        expect(shown.some((one) => one <= mechanism.noiseMultiplier && one > mechanism.noiseMultiplier * (1 - 1e-6)), `${mechanism.kind}: ${text}`).toBe(true);
        if (mechanism.kind === 'poisson-gaussian') expect(shown.some((one) => one >= mechanism.samplingRate && one < mechanism.samplingRate * (1 + 1e-6)), `${mechanism.kind}: ${text}`).toBe(true);
      }
    }
  });

  it('has a card from whose releases epsilon is worked out again: no less, and the same to five digits', () => {
    const { releases = [], delta } = statement;
    const text = cardLines(statement).find(({ line }) => line === 'releases')?.text;
    if (text === undefined) return expect(statement.lines).not.toContain('releases');
    const read = text.replace(/^.*?: /, '').replace(/\.$/, '').split('; ').map((one): Charge => {
      const noiseMultiplier = Number(/noise multiplier ([\d.]+)/.exec(one)![1]);
      const count = Number(/^(\d+) /.exec(one)?.[1] ?? 1);
      const rate = /rate ([\d.]+),/.exec(one)?.[1];
      const mean = /mean ([\d.]+),/.exec(one)?.[1];
      if (mean !== undefined) return { mechanism: { kind: 'repeat-and-select', noiseMultiplier, law: { kind: 'poisson', mean: Number(mean) } }, count };
      if (rate !== undefined) return { mechanism: { kind: 'poisson-gaussian', noiseMultiplier, samplingRate: Number(rate) }, count };
      return { mechanism: { kind: one.includes('discrete') ? 'discrete-gaussian' : 'gaussian', noiseMultiplier }, count };
    });
    const [again, stated] = [composedEpsilon(read, delta).epsilon, composedEpsilon(releases, delta).epsilon];
    expect(again).toBeGreaterThanOrEqual(stated);
    expect(again / stated - 1).toBeLessThan(1e-5);
  });

  it('marks epsilon, and whatever stands beside it, as upper bounds', () => {
    const bounds = ['epsilon', 'rdp', 'guess', 'found', 'replace-one', 'mu'];
    for (const [said, mark] of [[pageOf(statement), /at most/], [pageOf(statement, zh), /不超过|最多/], [cardLines(statement), /at most/]] as const) {
      for (const { line, text } of said.filter(({ line: of }) => bounds.includes(of))) expect(text, line).toMatch(mark);
    }
  });

  it('carries the numbers of the statement into page and card', () => {
    const { epsilonRdp, foundAtOnePercent: found, steps } = statement;
    const textOf = (line: string) => [...pageOf(statement), ...pageOf(statement, zh), ...cardLines(statement)].filter((one) => one.line === line).map(({ text }) => text);
    const holds = (line: string, value: number) => {
      for (const text of textOf(line)) {
        // The number of the text that is nearest from above: rounded up by at most a hundredth, and a thousandth of a share.
        const numbers = [...text.replaceAll(',', '').matchAll(/\d+(?:\.\d+)?/g)].map(([one]) => Number(one));
        expect(numbers.some((one) => one >= value && one - value <= 0.011 + value / 100), `${line}: ${text}`).toBe(true);
      }
    };
    holds('epsilon', statement.epsilon);
    if (epsilonRdp !== undefined) holds('rdp', epsilonRdp);
    holds('replace-one', statement.epsilonReplaceOne);
    for (const text of textOf('found')) {
      const shown = Math.max(...[...text.matchAll(/([\d.]+) ?%/g)].map(([, one]) => Number(one)));
      expect(shown).toBeGreaterThanOrEqual(100 * found);
      expect(shown - 100 * found).toBeLessThan(0.1);
    }
    for (const text of textOf('steps')) expect(text).toContain(String(steps));
  });
});

describe('the settings of the accountant', () => {
  it('stand on the page, in its language, with the sampling that was used and the randomness', () => {
    expect(poisson.accountant).toBe('pld');
    const text = (language: typeof en) => new Map(pageOf(poisson, language).map(({ line, text: said }) => [line, said]));
    expect(text(en).get('accountant')).toMatch(/PLD\): connect-the-dots, both directions, grid \d\.\de-\d, .* of δ/);
    expect(text(zh).get('accountant')).toMatch(/网格 \d\.\de-\d/);
    expect(text(en).get('sampling')).toBe('Poisson, rate 0.1, secret');
    expect(text(en).get('randomness')).toMatch(/^secure generator.*rounding adds at most/);
    expect(text(en).has('mu')).toBe(false);
    expect(text(en).has('replace-one') && text(en).has('found')).toBe(true);
    // One that an older version wrote has its words alone.
    const { settings: _, ...older } = poisson;
    expect(pageOf(older).find(({ line }) => line === 'accountant')!.text).toContain(poisson.accountantSettings);
  });
});
