import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allBadness } from '../../e2e/federation/hostile.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (folder: string, ending: RegExp) => readdirSync(join(root, folder)).filter((name) => ending.test(name)).map((name) => readFileSync(join(root, folder, name), 'utf8')).join('\n');
const list = readFileSync(join(root, 'e2e', 'federation', 'README.md'), 'utf8');
const rows = list.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| attack') && !line.startsWith('| ---'));
const named = (pattern: RegExp, text = rows.join('\n')) => [...text.matchAll(pattern)].map(([, name]) => name!);

describe('the list of attacks', () => {
  it('has every lie that is told to a real server, and no other', () => {
    expect(named(/(?<!\*)\*([^*|]+)\*(?!\*)/g).sort()).toEqual([...allBadness].sort());
  });

  it('names a test in every row, and each is there', () => {
    const tests = [read('federation-server/tests', /\.py$/), read('federation-server/coordinator', /\.test\.ts$/), read('src/federation', /\.test\.ts$/), read('e2e/federation', /\.ts$/)].join('\n');
    const files = [...readdirSync(join(root, 'federation-server/coordinator')), ...readdirSync(join(root, 'src/federation')), ...readdirSync(join(root, 'e2e/federation')), ...readdirSync(join(root, 'federation-server/tests'))];
    for (const row of rows) {
      const cell = row.split(' | ').at(-1)!;
      const [quoted, functions, paths] = [named(/"([^"]+)"/g, cell), named(/`(test_\w+)`/g, cell), named(/`([\w-]+\.(?:test\.ts|ts|py))`/g, cell)];
      for (const name of [...quoted, ...functions.map((one) => `def ${one}(`)]) expect(tests, row).toContain(name);
      for (const path of paths) expect(files, row).toContain(path);
      expect(quoted.length + functions.length + paths.length + named(/\*([^*|]+)\*/g, cell).length + named(/`(--\w+)`/g, cell).length, row).toBeGreaterThan(0);
    }
  });
});
