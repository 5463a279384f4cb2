import { expect, test } from '@playwright/test';
import { foreignRequests, goTo, heading, openApp, openSample, startTraining } from './journey.ts';

test('the whole journey with the network cut after load', async ({ page, context, baseURL }) => {
  const foreign = foreignRequests(page, new URL(baseURL!).origin);
  await openApp(page, { backend: 'wasm', model: 'nano' });
  await expect(page.getByText('Ready. The network can go.').first()).toBeVisible({ timeout: 120_000 });
  await context.setOffline(true);
  await page.reload();
  await openSample(page);
  await startTraining(page);
  await expect(heading(page, 'Run 1 is done')).toBeVisible({ timeout: 240_000 });
  await goTo(page, 'Results');
  await expect(heading(page, /held-out notes/)).toBeVisible();
  await page.getByRole('button', { name: 'Save the model' }).click();
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('dialog').getByRole('button', { name: 'Save to a file' }).click()]);
  expect(saved.suggestedFilename()).toMatch(/\.zip$/);
  await goTo(page, 'Try');
  await page.getByRole('textbox', { name: 'Note' }).fill('Wheeze and productive cough for two weeks, peak flow reduced.');
  await page.getByRole('button', { name: 'Classify' }).click();
  await expect(heading(page, /^Run 1 says: /)).toBeVisible({ timeout: 60_000 });
  expect(foreign).toEqual([]);
});

test('a page that was left alone can go offline before a file has been opened', async ({ page, context }) => {
  await openApp(page, { backend: 'wasm' });
  await expect(page.getByText('Ready. The network can go.').first()).toBeVisible({ timeout: 120_000 });
  await context.setOffline(true);
  await page.reload();
  await openSample(page);
});

test('the page may not send anything elsewhere', async ({ page }) => {
  await openApp(page, { backend: 'wasm', model: 'nano' });
  await page.getByRole('button', { name: 'Try to send something' }).click();
  await expect(page.getByText('The browser refused it. Nothing was sent.').first()).toBeVisible();
  await expect(page.getByText('refused', { exact: true }).locator('xpath=..')).toHaveText(/^1/);
  await expect(page.getByText('requests elsewhere').locator('xpath=..')).toHaveText(/^0/);
});
