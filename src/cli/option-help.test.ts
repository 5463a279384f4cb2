import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { helpOf, optionHelp } from './option-help.ts';

const source = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8');
/** Names that a command's parser knows. */
const parsed = (file: string) => [...source(file).matchAll(/'?([a-z][a-z-]*)'?: \{ type: '(?:string|boolean)'/g)].map((match) => match[1]!).sort();

describe('--help', () => {
  it.each([['train', 'train-options.ts'], ['predict', 'predict.ts'], ['sample', 'sample.ts'], ['model', 'model.ts']])('of %s explains every option that it takes, and no other', (name, file) => {
    const known = parsed(file);
    expect(known.length).toBeGreaterThan(0);
    const explained = optionHelp[name]!.map(([option]) => /^--([a-z-]+)/.exec(option)![1]!).filter((option) => option !== 'help').sort();
    expect(explained).toEqual(known);
  });

  it('says what is exact in what a command prints or writes, before it is run', () => {
    const said = (name: string, option: string) => optionHelp[name]!.find(([known]) => known.startsWith(option))![1];
    expect(said('train', '--json')).toContain('printed scores, time and energy are exact, for your eyes');
    expect(said('train', '--epsilon')).toContain('to be treated like the notes');
    expect(said('predict', '--out')).toContain('notes included');
  });

  it('is the usage and one line an option', () => {
    const lines = helpOf('npm run -s predict -- --model FOLDER').trimEnd().split('\n');
    expect(lines[0]).toBe('Usage: npm run -s predict -- --model FOLDER');
    expect(lines.slice(2)).toHaveLength(optionHelp['predict']!.length);
    expect(helpOf('npm run -s goldens -- <folder>')).toBe('Usage: npm run -s goldens -- <folder>\n');
  });
});
