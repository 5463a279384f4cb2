import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PageName } from '../router.svelte.ts';
import { en } from './en.ts';
import { core } from './en/core.ts';
import { loadParts, partsOfPage, wordsOf, type PartName } from './parts.ts';
import { zh } from './zh.ts';

const ui = join(import.meta.dirname, '..');
const isPart = (name: string): name is PartName => name in en && !(name in core);
const names = Object.keys(en).filter(isPart);

/** Every file of the interface that a file is made of, without those that come later by `import()`. */
function madeOf(path: string, found: Set<string> = new Set()): ReadonlySet<string> {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, specifier] of readFileSync(path, 'utf8').matchAll(/import\s+(?!type\b)[^;]*?from '(\.[^']+)'/g)) {
    const next = join(dirname(path), specifier!);
    if (next.startsWith(ui) && !next.startsWith(join(ui, 'words')) && existsSync(next)) madeOf(next, found);
  }
  return found;
}

/** Parts that a text of a component uses. Words are always named in full, `words.part`, which the second test holds them to. */
const usedIn = (text: string) => [...text.matchAll(/\bwords\.([a-zA-Z]+)/g)].map((match) => match[1]!).filter(isPart);
const usedBy = (path: string) => new Set([...madeOf(path)].flatMap((file) => usedIn(readFileSync(file, 'utf8'))));
const pageFile = (page: PageName) => join(ui, 'pages', `${page[0]!.toUpperCase()}${page.slice(1)}.svelte`);
const pages = (Object.keys(partsOfPage) as PageName[]).filter((page) => page in partsOfPage);

describe('the words of a page', () => {
  it.each(pages)('of %s come with it: those that it and its parts use, and no others', (page) => {
    expect([...partsOfPage[page]].sort()).toEqual([...usedBy(pageFile(page))].sort());
  });

  it('are none beyond the core around every page', () => {
    expect([...usedBy(join(ui, 'App.svelte'))]).toEqual([]);
  });

  it('are named in full wherever they are used, so that the tests above see them', () => {
    for (const page of pages) {
      for (const file of madeOf(pageFile(page))) {
        const handedOn = [...readFileSync(file, 'utf8').matchAll(/[^;{\n]*language\.words\b(?!\.)[^;\n]*/g)].map(([line]) => line).filter((line) => !/(failureWords|deviceWords)\(language\.words,/.test(line));
        expect(handedOn, file).toEqual([]);
      }
    }
  });

  it('are those of the language asked for, and throw by name where they are not loaded', async () => {
    expect(names.length).toBeGreaterThan(8);
    expect(await loadParts('en', names)).toEqual(Object.fromEntries(names.map((name) => [name, en[name]])));
    const chinese = await loadParts('zh', names);
    for (const name of names) expect(chinese[name]).toBe(zh[name]);
    const words = wordsOf(core, await loadParts('en', ['lab']));
    expect(words.lab).toBe(en.lab);
    expect(() => words.train).toThrow(/"train"/);
  });
});
