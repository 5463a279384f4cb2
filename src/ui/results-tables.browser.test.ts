import { afterEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import type { GroupRate } from '../fairness/group-report.ts';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
  await page.viewport(1280, 900);
});

describe('groups that are hidden', () => {
  it('are told to be hidden for their size, or with one that is', async () => {
    const app = mountApp({ page: 'results' });
    close = app.close;
    const { results } = app.service;
    const hiddenWith = (rate: GroupRate): GroupRate => (rate.group === 'M' ? { group: 'M', count: 0, total: 0, hits: 0, value: null, low: 0, high: 1, isSuppressed: true, withOther: true } : rate);
    app.service.results = async (id, runId) => {
      const found = await results(id, runId);
      return { ...found, groups: found.groups.map((report) => ({ ...report, accuracy: report.accuracy.map(hiddenWith) })) };
    };
    const fair = page.getByRole('region', { name: 'Is it fair?' });
    await expect.element(fair.getByText('hidden: it would give another one away').first()).toBeVisible();
    await expect.element(fair.getByText('hidden: fewer than 10 notes').first()).toBeVisible();
    await expect.element(fair.getByText(/Where the totals would give a hidden figure away, the next smallest is hidden with it\./)).toBeVisible();
    app.settings.setLanguage('zh');
    await expect.element(page.getByText('隐藏：否则可推出另一个').first()).toBeVisible();
  });
});

describe('scores per label', () => {
  it.each([390, 1280])('show precision and the interval of F1 once each, %i pixels wide', async (width) => {
    await page.viewport(width, 900);
    ({ close } = mountApp({ page: 'results' }));
    const table = page.getByRole('table', { name: 'Scores per label' });
    await expect.element(table.getByRole('columnheader', { name: 'Precision' })).toBeVisible();
    const row = table.getByRole('row', { name: /^Urgent/ });
    expect(row.getByRole('img').elements()).toHaveLength(1);
    await expect.element(row.getByRole('img')).toBeVisible();
    // Nothing of the page is cut off or scrolls sideways.
    expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(width);
    const right = Math.max(...[...table.element().querySelectorAll('td, th')].map((cell) => cell.getBoundingClientRect().right));
    expect(right).toBeLessThanOrEqual(width);
  });
});

it('a plan that trains on offers nothing to change', async () => {
  ({ close } = mountApp({ page: 'results' }));
  await userEvent.selectOptions(page.getByRole('combobox', { name: 'Run' }), 'run-3');
  await page.getByRole('button', { name: 'Train on: 10 more steps' }).click();
  await expect.element(page.getByRole('heading', { level: 1, name: 'Run 5 is ready to start' })).toBeVisible();
  await expect.element(page.getByText('Look at what it does and what it costs, then start.')).toBeVisible();
  await expect.element(page.getByText(/change what you like/)).not.toBeInTheDocument();
});
