import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeNotesFolder, runCommandLine, type Ran } from './testing/command-line.ts';

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
const train = (...args: readonly string[]) => runCommandLine(folder, 'train', ['--model', at('base'), '--text', 'note', '--label', 'kind', '--data', at('notes.csv'), ...args]);
const predict = (...args: readonly string[]) => runCommandLine(folder, 'predict', ['--base', at('base'), '--text', 'note', ...args]);

beforeAll(async () => {
  folder = await makeNotesFolder();
  writeFileSync(at('FILE'), 'mine');
  const ran = await train('--epsilon', 'none', '--out', at('model'));
  expect(ran, ran.stderr).toMatchObject({ code: 0 });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One sentence or some on standard error, no stack, exit code 2. */
function expectRefusal(ran: Ran, message: RegExp): void {
  expect(ran, ran.stderr).toMatchObject({ code: 2, stdout: '' });
  expect(ran.stderr).toMatch(message);
  expect(ran.stderr).not.toMatch(/\n\s+at /);
}

describe('train', () => {
  it('refuses before anything is charged where the model could not be written', async () => {
    const ledger = at('before.jsonl');
    const outs: readonly [string, RegExp][] = [[at('FILE', 'x'), /FILE\/x runs through a file/], [at('FILE'), /is a file, expected a folder/], [at('n'.repeat(300)), /longer than this disk allows/]];
    const results = await Promise.all(outs.map(([out]) => train('--ledger', ledger, '--out', out)));
    outs.forEach(([, message], i) => expectRefusal(results[i]!, message));
    expect(existsSync(ledger)).toBe(false);
  }, 120_000);

  it('says what is wrong with the ledger and its key, and puts no other key in place of one', async () => {
    for (const [name, key] of [['garbage', 'not a key'], ['short', 'ab12']] as const) writeFileSync(at(`${name}.jsonl.key`), key);
    writeFileSync(at('text.jsonl'), 'my notes\n');
    const cases: readonly [string, RegExp][] = [
      [at('garbage.jsonl'), /garbage\.jsonl\.key holds no key; expected 64 hexadecimal digits/],
      [at('short.jsonl'), /holds no key/],
      [at('FILE', 'l.jsonl'), /runs through a file/],
      [at('base'), /base is a folder, expected a file/],
      [at('text.jsonl'), /text\.jsonl holds a line that is none of a ledger/],
    ];
    const results = await Promise.all(cases.map(([ledger], i) => train('--ledger', ledger, '--out', at(`out-${i}`))));
    cases.forEach(([, message], i) => expectRefusal(results[i]!, message));
    expect(readFileSync(at('garbage.jsonl.key'), 'utf8')).toBe('not a key');
    expect(readFileSync(at('text.jsonl'), 'utf8')).toBe('my notes\n');
  }, 120_000);

  it('begins where a crash during first use left an empty key', async () => {
    writeFileSync(at('crashed.jsonl.key'), '');
    const ran = await train('--ledger', at('crashed.jsonl'), '--out', at('crashed'));
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    expect(readFileSync(at('crashed.jsonl.key'), 'utf8')).toMatch(/^[0-9a-f]{64}$/);
  }, 120_000);

  it('refuses a delta at which the promise says nothing, before anything is charged', async () => {
    const run = (delta: string, ...rest: string[]) => train('--test', at('test.csv'), '--delta', delta, '--ledger', at('delta.jsonl'), '--out', at('delta'), ...rest);
    const [notes, persons] = await Promise.all([run('0.9'), run('0.017', '--person', 'who')]);
    expectRefusal(notes!, /--delta 0\.9 is too large for 120 notes.*Nothing was charged/);
    expectRefusal(persons!, /--delta 0\.017 is too large for 60 persons/);
    expect(existsSync(at('delta.jsonl'))).toBe(false);
  }, 120_000);

  it('counts the rows that an open quote took along, and names the place', async () => {
    // No quote behind the open one, which would close it.
    const rows = readFileSync(at('notes.csv'), 'utf8').trim().replaceAll('"', '').replaceAll(', day', ' day').split('\n');
    writeFileSync(at('open.csv'), `${rows.slice(0, 101).join('\n')}\n"secret note,cough,p1\n${rows.slice(102).join('\n')}\n`);
    const ran = await train('--data', at('open.csv'), '--epsilon', 'none', '--out', at('open'));
    expect(ran.stderr).toMatch(/open\.csv: 100 notes; rows set aside: 20 unclosed-quote\./);
    expect(ran.stderr).toMatch(/row 102 cannot be read \(unclosed-quote\), nor can those behind it up to row 121: 20 rows\./);
    expect(ran.stderr).not.toContain('secret');
  }, 120_000);
});

describe('predict', () => {
  it('says in a sentence what is wrong with its files', async () => {
    cpSync(at('model'), at('other'), { recursive: true });
    const config: Record<string, unknown> = JSON.parse(readFileSync(at('other', 'head_config.json'), 'utf8'));
    writeFileSync(at('other', 'head_config.json'), JSON.stringify({ ...config, weights: [0.5, 0.25, 0.25] }));
    const cases: readonly [RegExp, readonly string[]][] = [
      [/base is a folder, expected a file/, ['--model', at('model'), '--out', at('base')]],
      [/z\.csv runs through a file/, ['--model', at('model'), '--out', at('FILE', 'z.csv')]],
      [/no folder for it/, ['--model', at('model'), '--out', at('nowhere', 'z.csv')]],
      [/one weight of 0 or more for each layer/, ['--model', at('other')]],
    ];
    const results = await Promise.all(cases.map(([, args]) => predict('--data', at('test.csv'), ...args)));
    cases.forEach(([message], i) => expectRefusal(results[i]!, message));
  }, 120_000);

  it('names the rows that cannot be read, and writes nothing where they are most of the file', async () => {
    const lines = (open: number) => ['note,kind', ...Array.from({ length: 51 }, (_, i) => `${i + 2 === open ? '"' : ''}patient ${i},x`)].join('\n');
    writeFileSync(at('early.csv'), lines(3));
    writeFileSync(at('late.csv'), `${lines(50)}\n`);
    mkdirSync(at('labelled'));
    const [early, late] = await Promise.all(['early', 'late'].map((name) => predict('--model', at('model'), '--data', at(`${name}.csv`), '--out', at('labelled', `${name}.csv`))));
    expectRefusal(early!, /row 3 cannot be read \(unclosed-quote\), nor can those behind it up to row 52: 50 rows\.\n.*only 1 of 51 rows can be read\. Nothing was written/);
    expect(early!.stderr).not.toContain('patient');
    expect(late, late!.stderr).toMatchObject({ code: 0 });
    expect(late!.stderr).toMatch(/row 50 cannot be read \(unclosed-quote\)/);
    expect(late!.stderr).toContain('3 of 51 rows cannot be read or have no text');
    expect(readdirSync(at('labelled'))).toEqual(['late.csv']);
    expect(readFileSync(at('labelled', 'late.csv'), 'utf8').match(/,0\.\d{4}\r\n/g)).toHaveLength(48);
  }, 120_000);
});
