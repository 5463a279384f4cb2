import { describe, expect, test } from 'vitest';
import { guessColumns, guessedRoles } from './columns.ts';
import type { ColumnRole } from './table.ts';

function roles(header: readonly string[], cells: (index: number) => readonly string[], count = 60): Readonly<Record<string, ColumnRole>> {
  return guessedRoles(guessColumns({ header, rows: Array.from({ length: count }, (_, index) => ({ row: index + 2, cells: cells(index) })) }));
}

const sentence = (index: number) => `a note of some length about visit number ${index} and what was said then`;

describe('guesses from names and values', () => {
  test('the usual clinical export', () => {
    expect(roles(['id', 'date', 'note', 'specialty', 'patient_id', 'sex', 'age', 'language'], (i) => [String(i), `2024-03-${10 + (i % 20)}`, sentence(i), `s${i % 4}`, `P${i % 25}`, i % 2 ? 'f' : 'm', String(20 + i), ['en', 'es'][i % 2]!])).toEqual({
      id: 'ignore', date: 'ignore', note: 'text', specialty: 'label', patient_id: 'person', sex: 'group', age: 'ignore', language: 'group',
    });
  });

  test('names that say nothing: the longest text, the column of few values', () => {
    expect(roles(['a', 'b', 'c'], (i) => [`code${i}`, sentence(i), `k${i % 5}`])).toEqual({ a: 'ignore', b: 'text', c: 'label' });
  });

  test('a named text column wins over a longer one, a named label over one of fewer values', () => {
    expect(roles(['remarks', 'dialogue', 'site', 'section_header'], (i) => [sentence(i) + sentence(i), sentence(i), `w${i % 2}`, `h${i % 9}`])).toEqual({ remarks: 'ignore', dialogue: 'text', site: 'ignore', section_header: 'label' });
  });

  test('numbers as labels, camel case, Chinese', () => {
    expect(roles(['noteText', 'label'], (i) => [sentence(i), String(i % 2)])).toEqual({ noteText: 'text', label: 'label' });
    expect(roles(['病历文本', '科室', '患者编号', '性别'], (i) => [`咳嗽咳痰三天伴发热就诊${i}号`, `科${i % 3}`, `P${i % 20}`, i % 2 ? '男' : '女'])).toEqual({ 病历文本: 'text', 科室: 'label', 患者编号: 'person', 性别: 'group' });
  });

  test.each(['住院号', '门诊号', '病案号', '病历号', '就诊卡号'])('the number that a Chinese hospital gives a person is no text: %s', (name) => {
    expect(roles(['主诉', '科室', name], (i) => [`胸痛${i % 7}天余`, `科${i % 3}`, `ZY2024${1000 + (i % 20)}`])).toEqual({ 主诉: 'text', 科室: 'label', [name]: 'person' });
    expect(roles(['描述', '科室', name], (i) => [`咳嗽咳痰三天，伴发热，夜间加重，就诊第${i}次`, `科${i % 3}`, `ZY2024${1000 + (i % 20)}`])).toEqual({ 描述: 'text', 科室: 'label', [name]: 'person' });
  });

  test('a person column without its name, where identifiers come back', () => {
    expect(roles(['case id', 'text', 'label'], (i) => [`K${i % 30}`, sentence(i), `k${i % 3}`])).toEqual({ 'case id': 'person', text: 'text', label: 'label' });
  });

  test('nothing to guess from: everything is left out', () => {
    expect(roles(['x', 'y'], (i) => [String(i), String(i * 3.5)])).toEqual({ x: 'ignore', y: 'ignore' });
    expect(roles(['note'], () => [''])).toEqual({ note: 'ignore' });
  });

  test('a header that says label is reason enough: all values different, all the same, no row at all', () => {
    const header = ['note', 'label'];
    const of = (cells: (index: number) => readonly string[], count: number) => guessColumns({ header, rows: Array.from({ length: count }, (_, index) => ({ row: index + 2, cells: cells(index) })) });
    expect(of((i) => [sentence(i), `k${i}`], 3)[1]).toMatchObject({ role: 'label', reason: { code: 'label-name', values: { distinct: 3 } } });
    expect(of((i) => [sentence(i), 'k'], 30)[1]).toMatchObject({ role: 'label', reason: { code: 'label-name' } });
    expect(of(() => ['', ''], 0).map(({ role }) => role)).toEqual(['text', 'label']);
    expect(of((i) => ['cough', `k${i % 2}`], 4).map(({ reason }) => reason.code)).toEqual(['text-name', 'few-values']);
    expect(guessedRoles(guessColumns({ header: ['病历', '科室'], rows: [0, 1, 2].map((i) => ({ row: i + 2, cells: ['咳嗽三天，伴发热，夜间加重。', `${i}科`] })) }))).toEqual({ 病历: 'text', 科室: 'label' });
    // Not where there are too many values to learn.
    expect(of((i) => [sentence(i), `k${i}`], 300)[1]!.role).toBe('ignore');
    expect(guessedRoles(guessColumns({ header: ['site', 'note', 'category'], rows: [0, 1, 2].map((i) => ({ row: i + 2, cells: [`s${i % 2}`, sentence(i), `c${i}`] })) }))).toEqual({ site: 'ignore', note: 'text', category: 'label' });
  });

  test('names that objects have by birth', () => {
    expect(roles(['constructor', '__proto__'], (i) => [sentence(i), `k${i % 3}`])['constructor']).toBe('text');
  });

  test('each guess says why, with counts, and shows first values', () => {
    const guesses = guessColumns({ header: ['note', 'label'], rows: Array.from({ length: 30 }, (_, i) => ({ row: i + 2, cells: [sentence(1), `k${i % 3}`] })) });
    expect(guesses[1]).toEqual({ name: 'label', role: 'label', reason: { code: 'few-values', values: { distinct: 3 } }, firstValues: ['k0', 'k1', 'k2'], distinctCount: 3 });
    expect(guesses[0]!.reason).toEqual({ code: 'longest-text', values: { meanCharacters: sentence(1).length } });
  });
});
