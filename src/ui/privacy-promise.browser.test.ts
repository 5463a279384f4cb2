import { afterEach, describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import { en } from './words/en.ts';
import { zh } from './words/zh.ts';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => { await close?.(); close = null; });

describe.each([['en', en], ['zh', zh]] as const)('the promise before a run, in %s', (language, words) => {
  it('says its bound, what an attacker finds, and in its figures how both were worked out', async () => {
    const app = mountApp({ scene: 'fresh', page: 'train', language });
    close = () => app.close();
    const promise = page.getByRole('region', { name: words.privacy.title });
    await expect.element(promise).toHaveTextContent(/1\.38/);
    const element = promise.element();
    const text = element.textContent;
    // The fake's mu, 0.561: Phi(Phi^-1(0.01) + 0.561) = 0.0389.
    expect(text).toContain(words.privacy.found.person(0.039));
    expect(text).toContain(words.privacy.headline(1.38, 1e-5));
    const figures = [...element.querySelectorAll('dt')].map((term) => term.textContent);
    expect(figures).toEqual(Object.entries(words.privacy.facts.labels).filter(([line]) => line !== 'runs').map(([, label]) => label));
    expect([...element.querySelectorAll('dd')].map((value) => value.textContent)).toContain(words.privacy.facts.accountantValue(words.privacy.facts.accountants['exact-gaussian'], words.privacy.facts.settings['exact-gaussian']));
  });

  it('gives way, in its place and its size, to that a plain run promises nothing', async () => {
    const app = mountApp({ scene: 'fresh', page: 'train', language });
    close = () => app.close();
    const promise = page.getByRole('region', { name: words.privacy.title });
    await expect.element(promise).toHaveTextContent(words.privacy.headline(1.38, 1e-5));
    const place = promise.element().parentElement;
    const sizeOf = (text: string) => {
      const said = [...promise.element().querySelectorAll('b')].find(({ textContent }) => textContent === text);
      if (!said) throw new Error(`It does not say in bold: ${text}`);
      const { fontSize, fontWeight } = getComputedStyle(said);
      return [fontSize, fontWeight, getComputedStyle(said.parentElement!).fontSize];
    };
    const sizes = sizeOf(words.privacy.headline(1.38, 1e-5));
    await page.getByRole('button', { name: words.train.plan.change }).click();
    await page.getByRole('radio', { name: words.train.plan.notPrivate, exact: true }).click();
    await expect.element(promise).toHaveTextContent(words.privacy.notPrivate);
    expect(sizeOf(words.privacy.notPrivate)).toEqual(sizes);
    expect(promise.element().parentElement).toBe(place);
  });
});
