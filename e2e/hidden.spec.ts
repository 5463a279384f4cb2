import { expect, test } from '@playwright/test';
import { heading, openApp, startLongRun, untilStep } from './journey.ts';
import { startPlainBrowser, type PlainTab } from './plain-browser.ts';

const chargedSteps = `(async () => {
  const answer = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const database = await answer(indexedDB.open('bedside-ledger'));
  const entries = await answer(database.transaction('entries').objectStore('entries').getAll());
  database.close();
  return entries.filter(({ event }) => event.purpose === 'gradient').length;
})()`;

/** Presses the button that begins so, once it is there and may be pressed. */
async function press(tab: PlainTab, name: string): Promise<void> {
  const pressed = `(() => {
    const found = [...document.querySelectorAll('button, a')].find((one) => one.textContent.trim().startsWith(${JSON.stringify(name)}) && one.getAttribute('aria-disabled') !== 'true');
    found?.click();
    return found !== undefined;
  })()`;
  await expect.poll(() => tab.evaluate(pressed), { timeout: 120_000, message: name }).toBe(true);
}

test('a run of a page that lies behind another tab from its start goes on to its end', async ({ baseURL }) => {
  const browser = startPlainBrowser(test.info().outputPath('profile'));
  try {
    const tab = await browser.openTab(`${baseURL}?backend=wasm&model=nano`);
    await press(tab, 'Try the sample');
    await press(tab, 'Use this data');
    await expect.poll(() => tab.evaluate(`document.querySelector('h1')?.textContent`), { timeout: 120_000 }).toMatch(/^Run 1 is ready to start/);
    await browser.openTab('about:blank');
    const visibility = () => tab.evaluate('document.visibilityState');
    await expect.poll(visibility).toBe('hidden');
    await press(tab, 'Start training');
    await expect.poll(() => tab.evaluate(`document.querySelector('h1')?.textContent`), { timeout: 180_000 }).toMatch(/^Run 1 is done/);
    expect(await visibility()).toBe('hidden');
    expect(await tab.evaluate(chargedSteps)).toBe(50);
  } finally {
    browser.close();
  }
});

test('a run whose page the browser freezes in the background ends well, each step charged once', async ({ page }) => {
  const steps = 120;
  await openApp(page, { backend: 'wasm', model: 'nano' });
  await startLongRun(page, steps);
  await untilStep(page, 5);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await devtools.send('Page.setWebLifecycleState', { state: 'active' });
  await expect(heading(page, 'Run 1 is done')).toBeVisible({ timeout: 120_000 });
  expect(await page.evaluate(chargedSteps)).toBe(steps);
});
