import axe from 'axe-core';
import { afterEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import type { Plan } from '../training/plan.ts';
import { fakeAudit } from './testing/fake-audit.ts';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

describe('the lab', () => {
  it('attacks by keyboard, and states what was found in heading, chart and table', async () => {
    close = mountApp({ page: 'lab' }).close;
    await expect.element(page.getByRole('heading', { level: 1, name: 'What could somebody find out?' })).toBeVisible();
    const start = page.getByRole('button', { name: 'Attack' });
    start.element().focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByRole('heading', { level: 1, name: 'The attack finds 1.5% in the private model, 7.4% in its twin' })).toBeVisible();
    await expect.element(page.getByRole('img', { name: /At 1% false alarms the attack finds 1\.5% \(1\.0% to 2\.3%\) in the private model/ })).toBeVisible();
    await expect.element(page.getByRole('row', { name: /ε is at most.*1\.38.*∞/ })).toBeVisible();
    await expect.element(page.getByText('A low number is no promise.')).toBeVisible();
  });

  it('has nothing that axe finds in its results, nor scrolls sideways', async () => {
    for (const [width, theme] of [[1280, 'light'], [390, 'dark']] as const) {
      await page.viewport(width, 800);
      const app = mountApp({ page: 'lab', theme, language: 'zh' });
      close = app.close;
      await expect.element(page.getByRole('button', { name: '开始攻击' })).toBeVisible();
      await page.getByRole('button', { name: '开始攻击' }).click();
      await expect.element(page.getByRole('button', { name: '再次攻击' })).toBeVisible();
      await page.getByText('以表格显示').click();
      const { violations } = await axe.run(document, { resultTypes: ['violations'] });
      expect(violations.map(({ id, nodes }) => `${width} ${id}: ${nodes[0]?.failureSummary ?? ''}`)).toEqual([]);
      expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(document.documentElement.clientWidth);
      await app.close();
      close = null;
    }
  });

  it('says so where the interval holds guessing', async () => {
    const app = mountApp({ page: 'lab', scene: 'fresh' });
    close = app.close;
    app.service.audit = () => Promise.resolve(fakeAudit(0.5));
    await page.getByRole('button', { name: 'Attack' }).click();
    await expect.element(page.getByRole('heading', { level: 1, name: 'Against the private model, the attack does no better than guessing' })).toBeVisible();
  });

  it('accuses where more was found than is proven', async () => {
    const app = mountApp({ page: 'lab', scene: 'fresh' });
    close = app.close;
    const report = fakeAudit(1);
    app.service.audit = () => Promise.resolve({ ...report, private: { ...report.private, canary: { ...report.private.canary, epsilonAtLeast: 1.2 } } });
    await page.getByRole('button', { name: 'Attack' }).click();
    await expect.element(page.getByRole('alert')).toHaveTextContent(/more than the proof allows.*at least 1\.20, and 1\.00 was claimed/);
  });

  it('says beforehand how long adapters take, pauses, goes on, and shows what they gave away', async () => {
    const app = mountApp({ page: 'lab', delayMs: 250 });
    close = app.close;
    await expect.element(page.getByText(/26 models are trained on 1,500 people of 3,121, drawn by lot, and thrown away\. About 80 seconds/)).toBeVisible();
    await page.getByLabelText('What is attacked').selectOptions('Adapters and last layer');
    await expect.element(page.getByText(/16 models are trained on 260 people of 3,121.*About 42 minutes on this device/)).toBeVisible();
    await page.getByRole('button', { name: 'Attack' }).click();
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.element(page.getByText('Paused', { exact: true })).toBeVisible();
    await page.getByRole('button', { name: 'Go on' }).click();
    await expect.element(page.getByRole('heading', { level: 1, name: /^The attack finds .* in its twin$/ })).toBeVisible();
    // Units are drawn: no Gaussian mechanism is supposed, and what so few rows can show is said.
    await expect.element(page.getByText('The same, without supposing Gaussian noise')).not.toBeInTheDocument();
    await expect.element(page.getByText(/With every coin right it would be 3\.92/)).toBeVisible();
    await expect.element(page.getByText(/16 models were trained and thrown away in 41 minutes/)).toBeVisible();
  });

  it('attacks at what the model promises: of a run that was trained on, all runs that led to it', async () => {
    const app = mountApp({ page: 'lab', scene: 'chain' });
    close = app.close;
    // 1.38 and 0.58 as the scene composes them, rounded up as every promise is.
    await expect.element(page.getByLabelText('ε of the private model')).toHaveDisplayValue('1.50, as run 4 promises');
    await expect.element(page.getByText('Run 4 was trained on from an earlier run: its model promises 1.50, all of them together. Its own steps cost 0.58.')).toBeVisible();
    let [asked, like] = [null as number | null, null as Plan | null];
    app.service.audit = (_, { epsilon, like: of = null }) => {
      [asked, like] = [epsilon, of];
      return Promise.resolve(fakeAudit(epsilon));
    };
    await page.getByRole('button', { name: 'Attack' }).click();
    await expect.poll(() => asked).toBe(1.5);
    // What is read and clipped is that run's, too.
    expect(like).toMatchObject({ kind: 'full-batch-head', continues: { runNumber: 3 } });
    location.hash = '#/runs';
    const table = page.getByRole('table', { name: 'Runs' });
    await expect.element(table).toHaveTextContent(/on from run 3.*1\.50this run alone 0\.58.*Run 3/);
    // A run that began by itself has one epsilon.
    await expect.element(table).not.toHaveTextContent(/Run 3.*alone/);
  });

  it('shows how far it is, and can be cancelled', async () => {
    close = mountApp({ page: 'lab', delayMs: 40 }).close;
    await page.getByRole('button', { name: 'Attack' }).click();
    await expect.element(page.getByRole('progressbar', { name: 'The attack' })).toBeVisible();
    await expect.element(page.getByText(/Reading the notes, [\d,]+ of 4,916/)).toBeVisible();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect.element(page.getByText('The attack was cancelled. Nothing of it was kept.')).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Attack' })).toBeVisible();
  });
});
