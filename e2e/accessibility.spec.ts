import { expect, test, type Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { heading, openApp, openSample, startTraining } from './journey.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Violations of WCAG 2.2 AA and best practice on the page as it stands: rule and first target. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    type Axe = { run(options: object): Promise<{ violations: { id: string; nodes: { target: unknown[] }[] }[] }> };
    const found = await (window as Window & typeof globalThis & { axe: Axe }).axe.run({ resultTypes: ['violations'] });
    return found.violations.map(({ id, nodes }) => `${id}: ${String(nodes[0]?.target[0])}`);
  });
}

test('every page passes axe, light and dark, wide and narrow, in both languages', async ({ page }) => {
  test.setTimeout(600_000);
  await openApp(page, { backend: 'wasm', model: 'nano' });
  await openSample(page);
  await startTraining(page);
  await expect(heading(page, 'Run 1 is done')).toBeVisible({ timeout: 240_000 });
  const found: string[] = [];
  for (const language of ['en', 'zh']) {
    if (language === 'zh') await page.getByRole('button', { name: '切换到中文' }).click();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 800 });
        for (const name of ['start', 'data', 'train', 'results', 'explain', 'runs', 'settings']) {
          await page.evaluate((route) => (location.hash = `#/${route}`), name);
          await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
          await page.waitForTimeout(300);
          expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${name} at ${width} scrolls sideways`).toBeLessThanOrEqual(0);
          for (const violation of await violations(page)) found.push(`${name} ${language} ${colorScheme} ${width}: ${violation}`);
          if (process.env['SCREENSHOTS']) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/${name}-${language}-${colorScheme}-${width}.png`, fullPage: true });
        }
      }
    }
  }
  expect(found).toEqual([]);
});

test('the journey goes by keyboard alone', async ({ page }) => {
  await openApp(page, { backend: 'wasm', model: 'nano' });
  await page.getByRole('button', { name: 'Try the sample' }).focus();
  await page.keyboard.press('Enter');
  await expect(heading(page, /ready to train on/)).toBeVisible({ timeout: 60_000 });
  const use = page.getByRole('button', { name: 'Use this data' }).or(page.getByRole('link', { name: 'Use this data' })).first();
  await use.focus();
  await page.keyboard.press('Enter');
  await expect(heading(page, 'Run 1 is ready to start')).toBeVisible({ timeout: 60_000 });
  await expect(heading(page, 'Run 1 is ready to start')).toBeFocused();
  await expect(page.getByRole('button', { name: /^Start training/ })).toBeEnabled();
  await page.getByRole('button', { name: /^Start training/ }).focus();
  await page.keyboard.press('Enter');
  await expect(heading(page, 'Run 1 is done')).toBeVisible({ timeout: 240_000 });
});
