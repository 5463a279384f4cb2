import axe from 'axe-core';
import { afterEach, expect, it, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  vi.restoreAllMocks();
  await close?.();
  close = null;
});

const cells = () => [...document.querySelectorAll('#speed tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent));

it('measures, says how far it is, and shows a table that is still there next time', async () => {
  await page.viewport(1280, 900);
  ({ close } = mountApp({ page: 'settings', stepMs: 40 }));
  await expect.element(page.getByText('Nothing has been measured in this browser yet.')).toBeVisible();
  page.getByRole('button', { name: 'Measure the speed' }).element().focus();
  await userEvent.keyboard('{Enter}');
  await expect.element(page.getByRole('progressbar', { name: 'Measuring' })).toBeVisible();
  await expect.element(page.getByRole('table', { name: 'Speed, memory and energy of this device' })).toBeVisible();
  expect([...document.querySelectorAll('#speed thead th')].map((cell) => cell.textContent)).toEqual(['Work', 'Processor, 1 worker', 'Processor, 8 workers', 'Graphics chip']);
  expect(cells()[0]).toEqual(['Label notes, notes a second', '38', '200', '510']);
  expect(cells().find(([label]) => label!.startsWith('Programs'))).toEqual(['Programs started on the chip in that step', '–', '–', '147']);
  // 30 W for 1000 / 131 s; half and twice as much as its ends.
  expect(cells().at(-1)!.at(-1)).toBe('0.064 Wh likely 0.032–0.13');
  await expect.element(page.getByRole('status').filter({ hasText: 'The speed has been measured.' })).toBeInTheDocument();
  const { violations } = await axe.run('#speed', { resultTypes: ['violations'] });
  expect(violations.map(({ id }) => id)).toEqual([]);

  location.hash = '#/start';
  await expect.poll(() => document.querySelector('main')?.dataset['page'], { timeout: 60_000 }).toBe('start');
  location.hash = '#/settings';
  await expect.element(page.getByRole('button', { name: 'Measure again' })).toBeVisible();
  expect(cells()).toHaveLength(8);
});

it('copies the report as text, and has it there to select where copying is not allowed', async () => {
  ({ close } = mountApp({ page: 'settings', stepMs: 1 }));
  await page.getByRole('button', { name: 'Measure the speed' }).click();
  const copied = vi.spyOn(navigator.clipboard, 'writeText').mockResolvedValueOnce();
  await page.getByRole('button', { name: 'Copy as text' }).click();
  const text = copied.mock.calls[0]![0];
  expect(JSON.parse(text)).toMatchObject({ tokens: 128, power: { deviceClass: 'unknown' }, setups: [{ backend: 'wasm' }, { backend: 'wasm' }, { backend: 'webgpu', launches: 147 }] });
  await expect.element(page.getByText('Copied', { exact: true })).toBeVisible();
  expect(document.querySelector('#speed pre')!.textContent).toBe(text);
  copied.mockRejectedValueOnce(new Error('no'));
  await page.getByRole('button', { name: 'Copy as text' }).click();
  await expect.element(page.getByText('The browser did not allow copying. Select the text below.')).toBeVisible();
});

it('can be cancelled, and follows the energy settings', async () => {
  ({ close } = mountApp({ page: 'settings', stepMs: 60 }));
  await page.getByRole('button', { name: 'Measure the speed' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect.element(page.getByText('Nothing has been measured in this browser yet.')).toBeVisible();
  expect(document.querySelector('#speed [role="alert"]')).toBeNull();
  await page.getByRole('button', { name: 'Measure the speed' }).click();
  await expect.element(page.getByText(/kind of machine chosen below: Not known/)).toBeVisible();
  await page.getByLabelText('Watts from a wall meter').fill('60');
  await userEvent.tab();
  await expect.element(page.getByText(/the 60 W that you read from a wall meter/)).toBeVisible();
  // 60 W for 1000 / 131 s.
  expect(cells().at(-1)!.at(-1)).toMatch(/^0\.13 Wh/);
});
