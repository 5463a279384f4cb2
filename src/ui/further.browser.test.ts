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
    app.service.prices = () => Promise.resolve({ again: { epsilonBefore: 2.1, epsilonAfter: 3.04, epsilonLimit: 4, fits: true, heldOut: null, scoreFits: true }, score: charged > 0 ? null : { epsilon: 1, epsilonBefore: 0, epsilonAfter: 1, epsilonLimit: 4, fits: true } });
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
    app.service.prices = () => Promise.resolve({ again: { epsilonBefore: 2.1, epsilonAfter: 4.04, epsilonLimit: 4, fits: false, heldOut: { epsilonBefore: 3.9, epsilonAfter: 3.95 }, scoreFits: false }, score: { epsilon: 1, epsilonBefore: 3.9, epsilonAfter: 4.2, epsilonLimit: 4, fits: false } });
    app.service.chargeScore = (id, runId) => (charged++, app.service.results(id, runId));
    await userEvent.selectOptions(page.getByRole('combobox').first(), 'run-3');
    const button = page.getByRole('button', { name: 'Charge a score that may leave' });
    await expect.element(button).toHaveAttribute('aria-disabled', 'true');
    (button.element() as HTMLElement).click();
    await expect.element(page.getByText(/It does not fit the budget/).first()).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Train again with this plan' })).toHaveAccessibleDescription('brings the training part from ε 2.10 to 4.04 of 4.00. The held-out part goes from 3.90 to 3.95 of 4.00. Its score that may leave does not fit the held-out part and is left out. It does not fit the budget.');
    expect(charged).toBe(0);
  });
});

describe('training on from a run', () => {
  it('stands with its price beside it, opens the plan of some more steps, and shows the promise of both', async () => {
    const app = mountApp({ page: 'results' });
    close = app.close;
    await userEvent.selectOptions(page.getByRole('combobox').first(), 'run-3');
    const button = page.getByRole('button', { name: 'Train on: 10 more steps' });
    await expect.element(button).toHaveAccessibleDescription(/brings the training part from ε 1\.62 to 1\.73 of 4\.00\. The model goes on from this one, and would promise ε 1\.50 for all the runs behind it together\. No score that may leave is charged with it, as one was with this run: that can be done afterwards\./);
    await button.click();
    await expect.element(page.getByText('none, even if that run had one; it can be charged afterwards, from the results')).toBeVisible();
    await expect.element(page.getByText(/Goes on from the model of run 3 for 10 more steps over all notes/)).toBeVisible();
    await expect.element(page.getByText(/The model goes on from that of run 3\. ε covers all the runs behind it together/)).toBeVisible();
    // Its settings are the earlier run's: there is nothing to change, only a way back.
    await expect.element(page.getByRole('button', { name: /^Change/ })).not.toBeInTheDocument();
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    expect(violations.map(({ id }) => id)).toEqual([]);
    await page.getByRole('button', { name: /^Start training/ }).click();
    await expect.element(page.getByRole('button', { name: 'Stop', exact: false }).first()).toBeVisible();
    await expect.element(page.getByRole('link', { name: 'See the results' })).toBeVisible();
    // The forecast is of the proposed plan by then, so no price of "the same plan" may stand here.
    const budget = page.getByRole('region', { name: /^Privacy budget/ });
    await expect.element(budget).toHaveTextContent(/is free/);
    await expect.element(budget).not.toHaveTextContent(/Another run of the same plan/);
  });

  it('leaves a run whose cost is that of all behind it, and one way on: nobody wants the same steps from the run before', async () => {
    const app = mountApp({ page: 'results' });
    close = app.close;
    await userEvent.selectOptions(page.getByRole('combobox').first(), 'run-3');
    const cost = page.getByRole('region', { name: 'What it cost' });
    await expect.element(cost).toHaveTextContent(/Privacyε 1\.38 Energy/);
    await page.getByRole('button', { name: 'Train on: 10 more steps' }).click();
    await page.getByRole('button', { name: /^Start training/ }).click();
    await page.getByRole('link', { name: 'See the results' }).click();
    // 1.38 and 0.58 as the scene composes them; by ten steps of fifty.
    await expect.element(cost).toHaveTextContent(/Privacyε 1\.50 with the runs behind it; ε 0\.58 by itself/);
    await expect.element(cost).toHaveTextContent(/Energy17 Wh \(7\.6–38\) with the runs behind it; 8\.6 Wh \(3\.8–19\) by itself/);
    await expect.element(cost).toHaveTextContent(/Steps60 with the runs behind it; 10 by itself/);
    await expect.element(page.getByRole('button', { name: 'Train on: 10 more steps' })).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Train again with this plan' })).not.toBeInTheDocument();
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    expect(violations.map(({ id }) => id)).toEqual([]);
  });

  it('costs no ε where the run is not private, and goes back to the proposed plan when asked', async () => {
    const app = mountApp({ page: 'results' });
    close = app.close;
    await userEvent.selectOptions(page.getByRole('combobox').first(), 'run-4');
    const button = page.getByRole('button', { name: 'Train on: one more epoch' });
    await expect.element(button).toHaveAccessibleDescription(/It is not private, so there is no ε to pay/);
    await expect.element(page.getByRole('button', { name: 'Train again with this plan' })).not.toBeInTheDocument();
    await button.click();
    await expect.element(page.getByText(/Goes on from the model of run 4 with one more pass over all notes/)).toBeVisible();
    await page.getByRole('button', { name: 'Train from the start instead' }).click();
    await expect.element(page.getByRole('button', { name: /^Change/ })).toBeVisible();
  });

  it('says why it is not on offer', async () => {
    const app = mountApp({ page: 'results' });
    close = app.close;
    app.service.trainOn = () => Promise.resolve({ offer: null, obstacle: 'other-notes' });
    await userEvent.selectOptions(page.getByRole('combobox').first(), 'run-3');
    await expect.element(page.getByText(/cannot be trained on from:.*the notes or their columns were changed/)).toBeVisible();
    await expect.element(page.getByRole('button', { name: /^Train on/ })).not.toBeInTheDocument();
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
    await expect.element(page.getByText(/the held-out part comes to 4\.00/)).toBeVisible();
    await expect.element(page.getByText(/With a chance of 0\.7% no run counts/)).toBeVisible();
    await expect.element(page.getByText(/ε pays for all runs and for the choice/)).toBeVisible();
    await page.getByRole('checkbox', { name: /Noise without any rounding error/ }).click();
    await page.getByRole('checkbox', { name: 'Try several settings, keep the best' }).click();
    await expect.element(page.getByText('concentrated privacy (zCDP)')).toBeInTheDocument();
    // The button's colour goes over from one to the other.
    await Promise.all(document.getAnimations().map(({ finished }) => finished));
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    expect(violations.map(({ id }) => id)).toEqual([]);
  });
});
