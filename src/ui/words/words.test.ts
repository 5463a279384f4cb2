import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { notCoveredCodes, publicFactCodes } from '../../privacy/statement.ts';
import { en } from './en.ts';
import { zh } from './zh.ts';

const source = join(import.meta.dirname, '../..');
type Leaf = { readonly path: string; readonly value: unknown };

function leaves(value: unknown, path = ''): Leaf[] {
  if (value === null || typeof value !== 'object') return [{ path, value }];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key));
}

const wordsOf = (language: object) => leaves(language).filter(({ path }) => !path.startsWith('format.') && path !== 'language');
const hasChinese = (text: string) => /\p{Script=Han}/u.test(text);

/** What a function of the words says, whatever it takes: numbers first, then a shape that reads like text or a list. */
function said(make: (...values: unknown[]) => unknown): string {
  const list = Object.assign([{ label: '甲', count: 3 }], { toString: () => '3', rows: [3] });
  for (const sample of [3, list]) {
    try {
      const result = make(...Array.from({ length: 6 }, () => sample));
      return typeof result === 'string' ? result : Object.values(result as object).join(' ');
    } catch {
      continue;
    }
  }
  throw new Error('A function of the words takes something that this test does not know.');
}

/** Leaves that are the same in every language: names, units, figures, rules of the network, keys. */
const languageFree = /^(train\.plan\.optimizers\.adamw|train\.energy\.carbonRange|train\.finished\.energy|federation\.audit\.energy|results\.fair\.chartPoint|explain\.probability|privacy\.facts\.(epsilon|accountants\.rdp)|codes\.encodings\.utf-16[lb]e|start\.proof\.rule|start\.saved\.none|frame\.otherLanguage(Label)?|frame\.keys\.list\.\d\.0|frame\.(energy|epsilonOf)|.*\.(wh|total|privacyFree\.value|plainChart|delta|phaseProgress|number|runOption|of|value|range|parts\.\d)|.*fields\.(delta|alpha)|.*Value|settings\.device\.names\.(wasm|webgpu)|settings\.model\.hash|codes\.encodings\.utf-8|codes\.encodings\.windows-1252|codes\.operations\.gelu|results\.calibration\.ece|train\.cost\..*|privacy\.listed|results\.fair\.(stop|groupOf)|results\.cost\..*)$/;

describe('the words', () => {
  it('speak of one round as one', () => {
    const { sent, numbers, consent } = en.federation;
    expect([sent.outList(1540, 1, 'row')[0], numbers.epsilonTotal(1), consent.limitHint(1), en.projector.title.finished(1)].join(' ')).not.toMatch(/\brounds come|each|all 1|1 rounds/i);
    expect([sent.outList(1540, 5, 'row')[0], numbers.epsilonTotal(5), consent.limitHint(5)].join(' ')).toMatch(/5 updates at most, one a round.*numbers each.*all 5 together.*All 5 rounds come/);
  });

  it('have the same keys in every language', () => {
    const keys = (language: object) => wordsOf(language).map(({ path }) => path).filter((path) => !path.startsWith('codes.errors')).sort();
    expect(keys(zh)).toEqual(keys(en));
  });

  it('leave no English in Chinese', () => {
    const left = wordsOf(zh).filter(({ path, value }) => {
      const text = typeof value === 'function' ? said(value as () => unknown) : String(value);
      return !hasChinese(text) && !languageFree.test(path);
    });
    expect(left.map(({ path }) => path)).toEqual([]);
  });

  it('catch a Chinese text that was left in English', () => {
    const planted = { ...zh, start: { ...zh.start, drop: en.start.drop } };
    expect(wordsOf(planted).filter(({ path, value }) => path === 'start.drop' && !hasChinese(String(value)) && !languageFree.test(path))).toHaveLength(1);
  });

  it('call every kind of file that is no table by a Chinese name, with what to do', () => {
    const source = readFileSync(join(import.meta.dirname, '../../data/file-kind.ts'), 'utf8');
    const kinds = [...source.matchAll(/kind: '([^']+)'|notATableError\('([^']+)'/g)].map((match) => (match[1] ?? match[2])!);
    expect(kinds.length).toBeGreaterThan(15);
    const said = kinds.map((kind) => ({ kind, ...zh.codes.errors['data/not-a-table']!({ kind }) }));
    expect(said.filter(({ kind, message }) => message.includes(kind)).map(({ kind }) => kind)).toEqual([]);
    expect(said.find(({ kind }) => kind === 'an Excel file')!.hint).toContain('CSV');
  });

  it('name every fact that a privacy statement may list', () => {
    for (const { privacy } of [en, zh]) {
      expect(publicFactCodes.filter((code) => privacy.publicFacts[code] === undefined)).toEqual([]);
      expect(notCoveredCodes.filter((code) => privacy.notCovered[code] === undefined)).toEqual([]);
    }
  });

  it('give a sentence for every reason of a plan and every choice of a device', () => {
    const propose = readFileSync(join(source, 'training/propose.ts'), 'utf8');
    const reasons = [...propose.matchAll(/code: (?:[^'}]*\? )?'([a-z-]+)'(?: : '([a-z-]+)')?/g)].flatMap((match) => [match[1], match[2]]).filter((code) => code !== undefined);
    expect(reasons.length).toBeGreaterThan(7);
    const device = readFileSync(join(source, 'shell/device.ts'), 'utf8');
    const choices = [...(/Reasons: (.*)\./.exec(device)?.[1] ?? '').matchAll(/'([a-z-]+)'/g)].map((match) => match[1]!);
    expect(choices.length).toBeGreaterThan(4);
    for (const words of [en, zh]) {
      expect(reasons.filter((code) => words.train.reasons[code] === undefined)).toEqual([]);
      expect(choices.filter((code) => words.codes.deviceReasons[code] === undefined)).toEqual([]);
    }
  });
});

describe('numbers', () => {
  it('are written as each language writes them', () => {
    expect(en.format.count(1482)).toBe('1,482');
    expect(en.format.interval(-0.03, 0.44)).toBe('−0.03 to 0.44');
    expect(zh.format.interval(-0.03, 0.44)).toBe('−0.03 至 0.44');
    expect(en.format.interval(0.77, 0.81)).toBe('0.77–0.81');
    expect(en.format.epsilon(Infinity)).toBe('∞');
    expect(en.format.delta(0.00001)).toBe('0.00001');
    expect(en.format.span(780)).toBe('13 minutes');
    expect(zh.format.span(780)).toBe('13 分钟');
    expect(zh.format.span(2)).toBe('2 秒钟');
    expect(zh.format.bytes(0)).toBe('0 字节');
    expect(en.format.bytes(22_900_000)).toBe('23 MB');
    expect(en.format.short(0.0312)).toBe('0.031');
  });

  it('never say that less privacy was spent than was, or that more is left than is', () => {
    for (const { format, privacy, train, runs, frame } of [en, zh]) {
      expect([2.9983, 3, 3.0001, 0.001, 0.07].map((value) => format.epsilon(value))).toEqual(['3.00', '3.00', '3.01', '0.01', '0.07']);
      expect([1.999, 2, 0.3 - 0.1, 0.009].map((value) => format.epsilonLeft(value))).toEqual(['1.99', '2.00', '0.20', '0.00']);
      expect([1.04e-5, 1e-5, 2.049e-7].map((value) => format.delta(value))).toEqual(['0.000011', '0.00001', '0.00000021']);
      expect(privacy.headline(1.0001, 1.04e-5)).toMatch(/1\.01.*0\.000011/);
      expect(privacy.besideRdp(1.0001)).toContain('1.01');
      expect(privacy.validation(1.0001)).toContain('1.01');
      expect(train.budget.hintReady(3.001, 0.999)).toMatch(/3\.01.*0\.99/);
      expect(train.budget.heldOut(0.001, 0.109, true)).toMatch(/0\.01.*0\.10/);
      expect(runs.ledger.allowance(1.999, 1e-5)).toContain('1.99');
      expect([runs.ledger.gaussian(2.999), runs.ledger.discrete(2.999), runs.ledger.search(2.999, 5)].filter((text) => !text.includes('2.99'))).toEqual([]);
      expect(runs.ledger.poisson(2.999, 0.0101)).toMatch(/0\.011.*2\.99/);
      expect(frame.project.share.after(0.999, 1.01e-5)).toMatch(/0\.99.*0\.000011/);
    }
  });

  it('stand in a list as each language joins it', () => {
    expect(en.train.cost.both('1 minute', 'memory')).toBe('1 minute, memory');
    expect(zh.train.cost.both('1 分钟', zh.train.cost.memory(2))).not.toMatch(/[,;]/);
  });

  it('never call a label certain or impossible by rounding', () => {
    for (const { format } of [en, zh]) expect([1, 0.9951, 0.994, 0.5, 0.0051, 0.0049, 0].map((value) => format.probability(value))).toEqual(['> 0.99', '> 0.99', '0.99', '0.50', '0.01', '< 0.01', '< 0.01']);
  });

  it('take the plural of the language', () => {
    expect(en.data.title.ready(1)).toBe('1 note is ready to train on');
    expect(en.data.title.ready(1482)).toBe('1,482 notes are ready to train on');
  });

  it('name the labels that a mean is of', () => {
    expect(en.results.headline.macroHint(17, 0, 20)).toContain('17 labels that have held-out notes, of 20 in all');
    expect(en.results.headline.macroHint(17, 3, 20)).toContain('and of 3 given only by mistake.');
    expect(zh.results.headline.macroHint(17, 0, 20)).toMatch(/20.*17/);
  });

  it('tell a day by name while it is near', () => {
    const noon = new Date(2026, 10, 24, 12).getTime();
    expect(en.format.day(noon, noon)).toBe('today');
    expect(en.format.day(noon - 86_400_000, noon)).toBe('yesterday');
    expect(en.format.day(noon - 5 * 86_400_000, noon)).toBe('19 Nov');
  });
});
