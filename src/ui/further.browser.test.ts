import axe from 'axe-core';
import { afterEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

describe('what more would cost', () => {
  it('stands beside each click, in both languages, and the score is charged by it', async () => {
    const app = mountApp({ page: 'results' });
    close = app.close;
    let charged = 0;
    const { results } = app.service;
    app.service.prices = () => Promise.resolve({ again: { epsilonBefore: 2.1, epsilonAfter: 3.04, epsilonLimit: 4, fits: true }, score: charged > 0 ? null : { epsilon: 1, epsilonBefore: 0, epsilonAfter: 1, epsilonLimit: 4, fits: true } });
    app.service.results = async (id, runId) => ({ ...(await results(id, runId)), releasedAccuracy: null });
    app.service.chargeScore = async (id, runId) => (charged++, results(id, runId));
    await userEvent.selectOptions(page.getByRole('combobox').first(), 'run-3');
    await expect.element(page.getByRole('heading', { name: 'What more would cost' })).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Train again with this plan' })).toHaveAccessibleDescription('brings the training part from ε 2.10 to 3.04 of 4.00.');
    await expect.element(page.getByText('none: the held-out part had too little of its budget left').or(page.getByText('none was charged'))).toBeVisible();
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    expect(violations.map(({ id }) => id)).toEqual([]);
    await page.getByRole('button', { name: 'Charge a score that may leave' }).click();
    await expect.element(page.getByText(/with noise added, so it differs/)).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Charge a score that may leave' })).not.toBeInTheDocument();
    expect(charged).toBe(1);
  });

  it('offers no click that does not fit', async () => {
    const app = mountApp({ page: 'results' });
    close = app.close;
    let charged = 0;
    app.service.prices = () => Promise.resolve({ again: { epsilonBefore: 2.1, epsilonAfter: 4.04, epsilonLimit: 4, fits: false }, score: { epsilon: 1, epsilonBefore: 3.9, epsilonAfter: 4.2, epsilonLimit: 4, fits: false } });
    app.service.chargeScore = (id, runId) => (charged++, app.service.results(id, runId));
    await userEvent.selectOptions(page.getByRole('combobox').first(), 'run-3');
    const button = page.getByRole('button', { name: 'Charge a score that may leave' });
    await expect.element(button).toHaveAttribute('aria-disabled', 'true');
    (button.element() as HTMLElement).click();
    await expect.element(page.getByText(/It does not fit the budget/).first()).toBeVisible();
    expect(charged).toBe(0);
  });
});

describe('a search among settings, on the Train page', () => {
  it('says while it goes on that all of it is charged, that nothing is shown before the end, and that stopping keeps nothing', async () => {
    const app = mountApp({ page: 'train', scene: 'fresh', stepMs: 200 });
    close = app.close;
    await page.getByRole('button', { name: 'Change' }).click();
    await page.getByRole('checkbox', { name: 'Try several settings, keep the best' }).click();
    await page.getByRole('button', { name: /^Start training/ }).click();
    await expect.element(page.getByRole('button', { name: 'Stop, keep nothing' })).toBeVisible();
    await expect.element(page.getByText(/The whole search was charged before its first step/)).toBeVisible();
  });

  it('says what it makes, what it costs in each part, and what it keeps secret, before Start', async () => {
    const app = mountApp({ page: 'train' });
    close = app.close;
    await page.getByRole('button', { name: 'Change' }).click();
    await page.getByRole('checkbox', { name: 'Try several settings, keep the best' }).click();
    await expect.element(page.getByText(/Makes 29 such runs, each with settings drawn from a public list of 7/)).toBeVisible();
    await expect.element(page.getByText(/the choice brings the held-out part to 2\.00/)).toBeVisible();
    await expect.element(page.getByText(/With a chance of 0\.7% no run counts/)).toBeVisible();
    await expect.element(page.getByText(/ε covers all of them and the choice/)).toBeVisible();
    await page.getByRole('checkbox', { name: /Noise without any rounding error/ }).click();
    await page.getByRole('checkbox', { name: 'Try several settings, keep the best' }).click();
    await expect.element(page.getByText('concentrated privacy (zCDP)')).toBeInTheDocument();
    // The button's colour goes over from one to the other.
    await Promise.all(document.getAnimations().map(({ finished }) => finished));
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    expect(violations.map(({ id }) => id)).toEqual([]);
  });
});
