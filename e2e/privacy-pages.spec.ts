import { expect, test, type Page } from '@playwright/test';
import { goTo, heading, openApp, openSample, startTraining } from './journey.ts';

/** Kept where `UPDATE_SCREENSHOTS=1`; light, 1280 wide. */
async function keep(page: Page, name: string): Promise<void> {
  if (process.env['UPDATE_SCREENSHOTS'] === '1') await page.screenshot({ path: `e2e/screenshots/${name}.png` });
}

test('the budget before a run, the ledger after it, and the lab', async ({ page }) => {
  test.setTimeout(600_000);
  await page.emulateMedia({ colorScheme: 'light' });
  await openApp(page, { backend: 'wasm' });
  await openSample(page);

  // Before Start: what this click would cost, beside what is left.
  await expect(page.getByRole('heading', { name: /Privacy budget/ })).toBeVisible();
  await expect(page.getByText(/This run would bring the training part to [\d.]+ and the held-out part to [\d.]+/)).toBeVisible({ timeout: 60_000 });
  await keep(page, 'budget');
  await startTraining(page);
  await expect(heading(page, 'Run 1 is done')).toBeVisible({ timeout: 240_000 });

  // After it: what more would cost, with the numbers of the ledger.
  await goTo(page, 'Results');
  await expect(page.getByRole('heading', { name: 'What more would cost' })).toBeVisible({ timeout: 60_000 });
  // Training again, and training on.
  await expect(page.locator('#cost-again')).toContainText(/brings the training part from ε [\d.]+ to [\d.]+ of [\d.]+\. It does not fit the budget\./);
  await expect(page.locator('#cost-on')).toContainText(/brings the training part from ε [\d.]+ to [\d.]+ of/);

  await goTo(page, 'Runs');
  await expect(page.getByText('50 charges for training steps')).toBeVisible();
  await expect(page.getByText('chain intact')).toBeVisible();
  await page.getByRole('heading', { name: 'Budget ledger' }).scrollIntoViewIfNeeded();
  await keep(page, 'ledger');

  await page.goto(`${page.url().split('#')[0]!}#/lab`);
  await page.getByRole('button', { name: 'Attack', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'In figures' })).toBeVisible({ timeout: 400_000 });
  await expect(page.getByRole('row', { name: /ε is at most/ })).toBeVisible();
  await keep(page, 'lab');
});
