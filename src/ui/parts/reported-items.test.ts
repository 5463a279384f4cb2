import { describe, expect, it } from 'vitest';
import { reportingList } from '../../privacy/reporting-list.ts';
import type { StatementLine } from '../../privacy/statement-lines.ts';
import { buildStatement, notCoveredCodes, publicFactCodes, type PrivacyStatement, type StatementFacts } from '../../privacy/statement.ts';
import { cardLines } from '../../training/statement-card.ts';
import { en } from '../words/en.ts';
import { zh } from '../words/zh.ts';
import { promiseLines } from './promise-lines.ts';

type Private = Extract<PrivacyStatement, { isPrivate: true }>;
type Voice = 'English page' | 'Chinese page' | 'card';
/** One line as it is read: with its name, where the page gives it one. */
interface Said {
  readonly line: StatementLine;
  readonly label: string | null;
  readonly text: string;
}

const facts: StatementFacts = {
  charges: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 20 }, count: 50 }], delta: 1e-5, unit: 'person', samplingRate: 1, noiseMultiplier: 20, steps: 50, clipNorm: 0.3, validationEpsilon: 1, isSecureNoise: true,
};
const kinds: Readonly<Record<string, Partial<StatementFacts>>> = {
  'full batch': {},
  'Poisson samples': { unit: 'row', samplingRate: 0.1, noiseMultiplier: 2, steps: 20, samplerError: 1e-13, charges: [{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier: 2, samplingRate: 0.1 }, count: 20 }] },
  'discrete noise': { noiseLaw: 'discrete-gaussian', charges: [{ mechanism: { kind: 'discrete-gaussian', noiseMultiplier: 20 }, count: 50 }] },
  'a search': { search: { meanRuns: 5, runsMade: 29, epsilonOfOne: 1, candidates: 7 }, charges: [{ mechanism: { kind: 'repeat-and-select', noiseMultiplier: 3, law: { kind: 'poisson', mean: 5 } }, count: 1 }] },
  'a run that went on': { validationEpsilon: null, continues: { runNumber: 2, stepsBefore: 10, charges: [] } },
};

const number = (digits: string) => new RegExp(`(?<![\\d.])${digits.replaceAll('.', '\\.')}(?!\\d)`);

/** What a reader must find in a line for it to answer what is asked: all of these. Of every language its own words, and numbers as the statement has them. */
function marksOf({ unit, sampling, clipNorm, steps, noiseLaw, search, notCovered, publicFacts }: Private): Readonly<Partial<Record<StatementLine, Readonly<Record<Voice, readonly (RegExp | string)[]>>>>> {
  const same = (...marks: readonly (RegExp | string)[]) => ({ 'English page': marks, 'Chinese page': marks, card: marks });
  const words = (english: readonly RegExp[], chinese: readonly RegExp[], card: readonly RegExp[] = english) => ({ 'English page': english, 'Chinese page': chinese, card });
  const [one, ofChinese] = unit === 'row' ? [/\bnote/i, /病历/] : [/\bperson/i, /一个人/];
  return {
    epsilon: words([/(ε|epsilon) is at most/, /(δ|delta)/], [/ε/, /δ/]),
    guess: words([/even odds/, /in 100/], [/一半/, /100/]),
    found: words([/1 ?% false alarms/, /attacker/], [/1% /, /攻击者/]),
    search: words([/public list/, /secret number of runs/, /best/], [/公开清单/, /保密/, /最好/]),
    'not-covered': { 'English page': notCovered.map((code) => en.privacy.notCovered[code]!), 'Chinese page': notCovered.map((code) => zh.privacy.notCovered[code]!), card: [/^Not covered/, new RegExp(`^(?:[^\\n]*\\n  - [^\\n]{12,}){${notCovered.length}}$`)] },
    public: { 'English page': publicFacts.map((code) => en.privacy.publicFacts[code]!), 'Chinese page': publicFacts.map((code) => zh.privacy.publicFacts[code]!), card: [/public/, new RegExp(`^(?:[^\\n]*\\n  - [^\\n]{8,}){${publicFacts.length}}$`)] },
    'replace-one': words([/replace/, /at most/], [/替换/, /不超过/]),
    setting: words([/trust/i, /central/, /device/], [/信任/, /中心/, /设备/]),
    unit: words([/unit/i, one], [/单位/, ofChinese]),
    adjacency: words([/adjacency/i, /zero-out/, one], [/相邻/, /置零/]),
    accesses: words([/training reads/, /labels/], [/读取/, /标签/]),
    output: words([/model/, /noisy sum/], [/模型/, /加噪/]),
    sampling: sampling === 'full-batch' ? words([/sampling/i, /every unit/], [/抽样/, /全部单位/]) : words([/sampling/i, /Poisson/, /0\.1/, /secret/], [/抽样/, /泊松/, /0\.1/, /保密/]),
    clip: same(number(String(clipNorm))),
    noise: words([/noise multiplier/i, /\d/], [/噪声倍数/, /\d/]),
    steps: same(number(String(steps))),
    runs: words([/secret number/, number(String(search?.runsMade))], [/保密/, number(String(search?.runsMade))]),
    accountant: words([/accountant/i, /exact Gaussian|RDP|PLD|zCDP/], [/核算/, /精确高斯|RDP|PLD|zCDP/]),
    assumptions: words([/as the training does/], [/训练正是如此/]),
    randomness: words([/secure generator/, ...(noiseLaw ? [/discrete/] : [])], [/安全生成器/, ...(noiseLaw ? [/离散/] : [])]),
    verifying: words([/code is open/, /npm run -s goldens/, /ledger/], [/代码公开/, /npm run -s goldens/, /账本/]),
  };
}

const holds = (text: string, mark: RegExp | string) => (typeof mark === 'string' ? mark !== '' && text.includes(mark) : mark.test(text));

/** What is asked for and not said: an item is said where each of its lines is there once, has words, and says what it must. */
function unsaid(statement: Private, said: readonly Said[], voice: Voice): readonly string[] {
  const marks = marksOf(statement);
  const isSaid = (line: StatementLine) => {
    const [one, ...more] = said.filter((other) => other.line === line);
    if (!one || more.length > 0 || !/\S/.test(one.text) || one.label === '') return false;
    return (marks[line]?.[voice] ?? []).every((mark) => holds(one.label === null ? one.text : `${one.label}: ${one.text}`, mark));
  };
  return reportingList.flatMap(({ asks, saidIn, saidOfSearchIn }) => (((statement.search && saidOfSearchIn) || saidIn).every(isSaid) ? [] : [asks]));
}

describe.each(Object.entries(kinds))('what a report must say is said of %s', (_, change) => {
  const statement = buildStatement({ ...facts, ...change });
  if (!statement.isPrivate) throw new Error('private');
  const voices: readonly (readonly [Voice, readonly Said[]])[] = [
    ['English page', promiseLines(statement, en.privacy, en.format)],
    ['Chinese page', promiseLines(statement, zh.privacy, zh.format)],
    ['card', cardLines(statement).map((line) => ({ ...line, label: null }))],
  ];
  const needed = [...new Set(reportingList.flatMap(({ saidIn, saidOfSearchIn }) => (statement.search && saidOfSearchIn) || saidIn))];

  it.each(voices)('by the %s', (voice, said) => {
    expect(unsaid(statement, said, voice)).toEqual([]);
  });

  it.each(voices)('and is missed in the %s without a line, or with one that says nothing or something else', (voice, said) => {
    for (const line of needed) {
      const changed = (text: string) => said.map((one) => (one.line === line ? { ...one, text } : one));
      const other = said.find((one) => one.line === (line === 'unit' ? 'verifying' : 'unit'))!;
      for (const spoilt of [said.filter((one) => one.line !== line), changed(''), changed(' '), changed('…'), changed(other.text)]) expect(unsaid(statement, spoilt, voice).length, line).toBeGreaterThan(0);
    }
  });

  it('is missed where a language lacks the words of one code', () => {
    for (const [words, voice] of [[en, 'English page'], [zh, 'Chinese page']] as const) {
      const without = (list: 'notCovered' | 'publicFacts', code: string) => ({ ...words.privacy, [list]: { ...words.privacy[list], [code]: '' } });
      for (const code of statement.notCovered) expect(unsaid(statement, promiseLines(statement, without('notCovered', code), words.format), voice), code).not.toEqual([]);
      for (const code of statement.publicFacts) expect(unsaid(statement, promiseLines(statement, without('publicFacts', code), words.format), voice), code).not.toEqual([]);
    }
  });
});

it.each([['English', en], ['Chinese', zh]] as const)('every code has words of its own in %s', (_, { privacy }) => {
  for (const [codes, words] of [[notCoveredCodes, privacy.notCovered], [publicFactCodes, privacy.publicFacts]] as const) {
    for (const code of codes) expect(words[code]?.trim(), code).toMatch(/../);
    expect(new Set(codes.map((code) => words[code])).size).toBe(codes.length);
  }
});
