import axe from 'axe-core';
import { afterEach, describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import { pageNames } from './router.svelte.ts';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

/** WCAG 2.2 AA and best practice; rule and first target of what is violated. */
async function violations(): Promise<string[]> {
  const { violations: found } = await axe.run(document, { resultTypes: ['violations'] });
  return found.map(({ id, nodes }) => `${id}: ${String(nodes[0]?.target[0])} ${nodes[0]?.failureSummary ?? ''}`);
}

describe('axe finds nothing', () => {
  for (const width of [1280, 390]) {
    for (const theme of ['light', 'dark'] as const) {
      for (const language of ['en', 'zh'] as const) {
        it(`on any page, ${width} wide, ${theme}, ${language}`, async () => {
          await page.viewport(width, 800);
          const app = mountApp({ theme, language });
          close = app.close;
          const found: string[] = [];
          for (const name of pageNames) {
            location.hash = `#/${name}`;
            await expect.poll(() => document.querySelector('main')?.dataset['page'], { timeout: 60_000 }).toBe(name);
            await expect.element(page.getByRole('heading', { level: 1 })).toBeInTheDocument();
            await expect.poll(() => document.querySelector('.skeleton, [aria-busy="true"]')).toBeNull();
            await new Promise((resolve) => setTimeout(resolve, 200));
            expect(document.documentElement.scrollWidth, `${name} scrolls sideways`).toBeLessThanOrEqual(document.documentElement.clientWidth);
            for (const details of document.querySelectorAll('details')) details.open = true;
            await new Promise((resolve) => setTimeout(resolve, 50));
            for (const violation of await violations()) found.push(`${name}: ${violation}`);
          }
          expect(found).toEqual([]);
        });
      }
    }
  }

  it('on the page of an address that is not secure, in both languages', async () => {
    for (const [language, title] of [['en', /secure/], ['zh', /安全/]] as const) {
      const app = mountApp({ language, isSecure: false });
      close = app.close;
      await expect.element(page.getByRole('heading', { level: 1, name: title })).toBeVisible();
      expect(await violations()).toEqual([]);
      await app.close();
      close = null;
    }
  });

  it('sees a planted fault', async () => {
    const app = mountApp({ scene: 'empty' });
    close = app.close;
    await expect.element(page.getByRole('button', { name: 'Choose a file' })).toBeVisible();
    const button = document.createElement('button');
    document.querySelector('main')!.append(button);
    expect((await violations()).some((text) => text.startsWith('button-name'))).toBe(true);
  });
});
