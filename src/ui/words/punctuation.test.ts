import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const folder = join(import.meta.dirname, 'zh');
/** A half-width mark or a space that Chinese print does not have: after a Chinese character or mark, before another, or where a sentence ends. */
const wrong = [/\p{Script=Han}[,;:!?]/u, /\p{Script=Han}\.(?!\d)/u, /[,;:!?.]\s*\p{Script=Han}/u, /[\p{Script=Han}，。；：！？、）”] +[\p{Script=Han}，。；：！？、（“]/u, /\p{Script=Han}[()]|[()]\p{Script=Han}/u];
/** The parts of a line that are text: between quotes, or of a template outside what is put in. */
const texts = (line: string) => [...line.matchAll(/'([^']*)'|[`}]([^`${}]*)(?=`|\$\{)/g)].map((match) => match[1] ?? match[2] ?? '');
const faults = (line: string) => texts(line).filter((text) => wrong.some((pattern) => pattern.test(text)));

it('Chinese words have full-width marks, and no spaces between characters', () => {
  const found = readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n').flatMap((line, index) => faults(line).map((text) => `${file}:${index + 1}: ${text}`)));
  expect(found).toEqual([]);
});

it('finds each of these where it is planted', () => {
  for (const line of ["'训练,结果'", "'就绪. 可以断网'", "'结果。 请看'", "'病历 与标签'", "'模型(最后一层)'", '`共 ${count} 次:完成`', "'训练 ，结果'"]) expect(faults(line), line).not.toEqual([]);
  for (const line of ["'ε 在 0.5 到 1 之间'", '`第 ${f.count(run)} 次，共 ${f.count(all)} 次`', "'models/ 文件夹'", "'Wi-Fi 上的人'"]) expect(faults(line), line).toEqual([]);
});
