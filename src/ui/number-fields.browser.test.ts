import { afterEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import type { FakeService } from './testing/fake-service.ts';
import { mountApp, type MountOptions } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

async function open(options: MountOptions): Promise<FakeService> {
  await page.viewport(1280, 900);
  const app = mountApp({ page: 'train', ...options });
  close = app.close;
  return app.service;
}

const button = (name: string | RegExp) => page.getByRole('button', { name });
const field = (name: string) => page.getByRole('spinbutton', { name });
const start = () => button('Start training');

async function type(name: string, text: string): Promise<void> {
  await field(name).fill(text);
  await userEvent.keyboard('{Tab}');
}

describe('a limit that does not fit', () => {
  it.each(['3', '4', '500', ''])('raises nothing: “%s”', async (typed) => {
    const service = await open({ scene: 'done' });
    await button('Raise the limit').click();
    const dialog = page.getByRole('dialog', { name: 'Raise the limit of these notes?' });
    await field('New limit, ε').fill(typed);
    await dialog.getByRole('button', { name: 'Raise the limit' }).click({ force: true });
    await expect.element(dialog.getByRole('alert')).toHaveTextContent('From 4.01 to 100.');
    await expect.element(field('New limit, ε')).toHaveFocus();
    expect((await service.budget()).epsilonLimit).toBe(4);
    await field('New limit, ε').fill('4.5');
    await userEvent.keyboard('{Tab}');
    await dialog.getByRole('button', { name: 'Raise the limit' }).click();
    await expect.poll(async () => (await service.budget()).epsilonLimit).toBe(4.5);
  });

  it('as proposed is what is set and said', async () => {
    const service = await open({ scene: 'spent' });
    await button('Raise the limit').click();
    const proposed = Number((field('New limit, ε').element() as HTMLInputElement).value);
    await page.getByRole('dialog', { name: 'Raise the limit of these notes?' }).getByRole('button', { name: 'Raise the limit' }).click();
    await expect.element(page.getByText(`Limit raised to ${proposed.toFixed(2)}`, { exact: true })).toBeVisible();
    expect((await service.budget()).epsilonLimit).toBe(proposed);
  });

  it('is asked for anew the next time', async () => {
    const service = await open({ scene: 'done' });
    const dialog = page.getByRole('dialog', { name: 'Raise the limit of these notes?' });
    await button('Raise the limit').click();
    await field('New limit, ε').fill('6');
    await dialog.getByRole('button', { name: 'Raise the limit' }).click();
    await expect.poll(async () => (await service.budget()).epsilonLimit).toBe(6);
    await button('Raise the limit').click();
    await expect.element(field('New limit, ε')).toHaveValue(6.1);
  });
});

describe('a plan with a field at fault', () => {
  it('cannot start, and says which field it is', async () => {
    await open({ scene: 'fresh' });
    await button('Change').click();
    await type('Target ε of this run', '100');
    await type('Steps', '1.5');
    await expect.element(start()).toHaveAttribute('aria-disabled', 'true');
    await expect.element(page.getByText('“Target ε of this run” and “Steps” do not fit the range.')).toBeVisible();
    await expect.element(page.getByText('A whole number from 1 to 5,000.')).toBeVisible();
    await start().click({ force: true });
    await expect.element(page.getByRole('heading', { level: 1 })).toHaveTextContent('Run 1 cannot start yet');
    await expect.element(page.getByText('What keeps it from starting stands below.')).toBeVisible();
    await type('Target ε of this run', '1');
    await expect.element(page.getByText('“Steps” does not fit the range.')).toBeVisible();
    await type('Steps', '20');
    await expect.element(page.getByText(/fit the range/)).not.toBeInTheDocument();
    await expect.element(page.getByRole('heading', { level: 1 })).toHaveTextContent('Run 1 is ready to start');
    await expect.element(start()).toHaveAttribute('aria-disabled', 'false');
  });

  it('stays open, and can go back to the proposal', async () => {
    await open({ scene: 'fresh' });
    await button('Change').click();
    await type('δ', '0.5');
    await button(/^Done/).click();
    await expect.element(field('δ')).toHaveFocus();
    await button('Back to the proposed plan').click();
    await expect.element(field('δ')).toHaveValue(0.00001);
    await expect.element(start()).toHaveAttribute('aria-disabled', 'false');
    await button(/^Done/).click();
    await expect.element(button(/^Change/)).toHaveFocus();
  });

  it('is no fault any more where its way of training has no such field', async () => {
    await open({ scene: 'fresh' });
    await button('Change').click();
    await type('Clip norm', '-2');
    await expect.element(start()).toHaveAttribute('aria-disabled', 'true');
    await page.getByRole('radio', { name: 'Not private' }).click();
    await expect.element(start()).toHaveAttribute('aria-disabled', 'false');
  });

  it('is told its bounds as they are', async () => {
    await open({ scene: 'fresh' });
    await button('Change').click();
    await type('Seed of all that is not privacy', '-1');
    await type('Maximum length, word pieces', '2000');
    await expect.element(page.getByText('A whole number from 0 to 4,294,967,295.')).toBeVisible();
    await expect.element(page.getByText('A whole number from 8 to 512.')).toBeVisible();
  });
});

describe('a fresh file beside spent budgets', () => {
  it('says beside the gauge whose they are, and what can be declared', async () => {
    const service = await open({ scene: 'mixed-units' });
    const budget = page.getByRole('region', { name: /^Privacy budget/ });
    await expect.element(budget).toHaveTextContent(/A part of it was spent on other data sets of this device/);
    await expect.element(budget.getByRole('button', { name: 'These are other people' })).toBeVisible();
    await close?.();
    const fresh = await open({ scene: 'fresh', delayMs: 20 });
    const { budget: given } = fresh;
    fresh.budget = async (...asked) => ({ ...(await given(...asked)), epsilonSpent: 3.24, hasUndeclared: true });
    await expect.element(budget).toHaveTextContent('3.24 was spent on other data sets of this device, whose people may be in this one too.');
    await budget.getByRole('button', { name: 'These are other people' }).click();
    await expect.element(page.getByRole('dialog', { name: 'Are these people in no earlier file?' })).toBeVisible();
    expect((await service.budget()).hasUndeclared).toBe(true);
  });
});
