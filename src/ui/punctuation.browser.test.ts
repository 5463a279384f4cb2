import { afterEach, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import type { PageName } from './router.svelte.ts';
import type { MountOptions } from './testing/mount-app.ts';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

/** A space after a Chinese mark that ends or divides a sentence, or before one; a half-width mark in a line that has Chinese characters. Tabs and ends of lines part cells and paragraphs. */
const wrong = /[，。；：！？、] +\S|\S +[，。；：！？、]|\p{Script=Han}[,;:!?]|\p{Script=Han}.*[,;] |[,;] .*\p{Script=Han}/u;
/** Named by its person, in whatever language. */
const givenName = 'workshop, made-up notes';
const faults = () => document.getElementById('app')!.innerText.split(/[\n\t]/).map((line) => line.replaceAll(givenName, '')).filter((line) => wrong.test(line));

const shown: readonly (readonly [page: PageName, heading: RegExp, options?: MountOptions])[] = [
  ['start', /./], ['data', /./], ['train', /可以开始|计划/], ['train', /./, { scene: 'interrupted' }], ['train', /./, { scene: 'broken-chain' }], ['train', /./, { scene: 'empty-copy' }],
  ['results', /100 份/], ['results', /100 份/, { scene: 'chain' }], ['explain', /./], ['lab', /别人/], ['lab', /别人/, { scene: 'chain' }], ['runs', /运行过/], ['runs', /./, { scene: 'broken-chain' }], ['settings', /设置/], ['federation', /邀请/],
];

it('no Chinese page has the spaces of English between its sentences, nor half-width marks', async () => {
  const found: string[] = [];
  for (const [name, heading, options] of shown) {
    const app = mountApp({ page: name, language: 'zh', ...options });
    close = app.close;
    await expect.element(page.getByRole('heading', { level: 1, name: heading })).toBeVisible();
    // What a page asks for comes in turns of its own.
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    found.push(...faults().map((line) => `${name}: ${line}`));
    await app.close();
    close = null;
  }
  expect(found).toEqual([]);
});
