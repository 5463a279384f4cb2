import { expect, test } from '@playwright/test';
import { foreignRequests, goTo, heading, openApp, openSample, savedCharges, startTraining, untilStep } from './journey.ts';

const note = 'Pt c/o crushing chest pain on exertion with palpitations, ECG shows ST depression, troponin sent, echo booked.';

for (const backend of ['wasm', 'webgpu'] as const) {
  test(`from the sample to an exported project and back, on ${backend}`, async ({ page, baseURL }) => {
    test.setTimeout(600_000);
    const foreign = foreignRequests(page, new URL(baseURL!).origin);
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));

    await openApp(page, backend === 'webgpu' ? { backend, model: 'nano' } : { backend });
    await openSample(page);
    await expect(page.getByText(/Synthetic/).first()).toBeVisible();
    await startTraining(page);
    await untilStep(page, 3);
    if (backend === 'wasm' && process.env['UPDATE_SCREENSHOTS'] === '1') {
      await untilStep(page, 20);
      await page.screenshot({ path: 'e2e/screenshots/train.png' });
    }
    await expect(heading(page, 'Run 1 is done')).toBeVisible({ timeout: 240_000 });

    await goTo(page, 'Results');
    await expect(heading(page, /held-out notes/)).toBeVisible();
    await expect(page.getByRole('heading', { name: 'Is it fair?' })).toBeVisible();

    await goTo(page, 'Try');
    await page.getByRole('textbox', { name: 'Note' }).fill(note);
    await page.getByRole('button', { name: 'Classify' }).click();
    await expect(heading(page, /^Run 1 says: /)).toBeVisible({ timeout: 60_000 });
    if (backend === 'wasm') await expect(heading(page, 'Run 1 says: Cardiology')).toBeVisible();

    expect(await savedCharges(page)).toEqual({ gradient: 50, featureMean: 1, validation: 1 });

    // A second run is cut off in the middle by a reload and resumed; with a smaller epsilon, so that both fit the limit.
    await goTo(page, 'Train');
    await page.getByRole('button', { name: 'Plan the next run' }).click();
    await expect(heading(page, 'Run 2 is ready to start')).toBeVisible({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Change' }).click();
    await page.getByRole('spinbutton', { name: /Target ε/ }).fill('1');
    await page.getByRole('spinbutton', { name: /Target ε/ }).press('Tab');
    // Steps enough that the reload falls among them on a quick machine too.
    await page.getByRole('spinbutton', { name: 'Steps' }).fill('300');
    await page.getByRole('spinbutton', { name: 'Steps' }).press('Tab');
    await startTraining(page);
    await untilStep(page, 2);
    await page.reload();
    await goTo(page, 'Train');
    await expect(heading(page, 'Run 2 was interrupted')).toBeVisible({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Resume the run' }).click();
    await expect(heading(page, 'Run 2 is done')).toBeVisible({ timeout: 240_000 });
    const charges = await savedCharges(page);
    // Every step of both runs, and at most the one that the reload cut off a second time.
    expect(charges.gradient).toBeGreaterThanOrEqual(350);
    expect(charges.gradient).toBeLessThanOrEqual(351);

    // Out to a file, away, and in again: what was spent is still spent.
    const spentText = async () => (await page.getByRole('contentinfo').textContent()) ?? '';
    const before = /ε\s*([\d.]+)/.exec(await spentText())?.[1];
    await page.getByRole('link', { name: /start page/ }).first().click();
    await page.getByRole('button', { name: /^More for/ }).first().click();
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      (async () => {
        await page.getByRole('menuitem', { name: 'Save to a file' }).or(page.getByRole('button', { name: 'Save to a file' })).first().click();
        await page.getByRole('dialog').getByRole('button', { name: 'Save to a file' }).click();
      })(),
    ]);
    const path = test.info().outputPath('project.zip');
    await saved.saveAs(path);
    await page.getByRole('button', { name: /^More for/ }).first().click();
    await page.getByRole('menuitem', { name: 'Delete' }).or(page.getByRole('button', { name: 'Delete' })).first().click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await expect(page.getByRole('button', { name: /^More for/ })).toHaveCount(0);
    await page.locator('input[type=file]').last().setInputFiles(path);
    await expect(page.getByText(/opened from its file/).last()).toBeVisible({ timeout: 60_000 });
    if (before) await expect.poll(async () => Number(/ε\s*([\d.]+)/.exec(await spentText())?.[1] ?? 0), { timeout: 30_000 }).toBeGreaterThanOrEqual(Number(before));

    expect(foreign).toEqual([]);
    expect(errors).toEqual([]);
  });
}
