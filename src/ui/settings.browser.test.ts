import { afterEach, describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import type { DeviceReport } from '../shell/bedside.service.ts';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

function openSettings() {
  const app = mountApp({ page: 'settings' });
  close = app.close;
  return app;
}
const checks = () => [...document.querySelectorAll('#device tbody tr')].map((row) => row.textContent);

describe('the device', () => {
  it('is shown as it was while room is left for other work, and after', async () => {
    const { service } = openSettings();
    const room = page.getByRole('checkbox', { name: 'Leave room for other work' });
    await expect.poll(() => checks().length).toBe(8);
    const before = checks();
    const { leaveRoom } = service;
    let answer = (): void => undefined;
    service.leaveRoom = async (leavesRoom) => {
      await new Promise<void>((resolve) => { answer = resolve; });
      return leaveRoom(leavesRoom);
    };
    await room.click();
    // While the answer is on its way nothing is checked, and nothing moves.
    expect(checks()).toEqual(before);
    await expect.element(page.getByRole('button', { name: 'Run the self-check' })).toHaveAttribute('aria-disabled', 'false');
    answer();
    await expect.poll(async () => (await service.device()).leavesRoom).toBe(true);
    await expect.element(room).toBeChecked();
    expect(checks()).toEqual(before);
    await expect.element(page.getByText('All 8 operations agree')).toBeVisible();
  });

  it('that has taken the place of one that was lost since the self-check is the one that is shown', async () => {
    const { service } = openSettings();
    await page.getByRole('button', { name: 'Run the self-check' }).click();
    await expect.element(page.getByText('All 8 operations agree')).toBeVisible();
    const now: DeviceReport = { ...(await service.chooseBackend('wasm')), reason: 'device-lost' };
    service.device = async () => now;
    location.hash = '#/';
    await expect.poll(checks).toEqual([]);
    location.hash = '#/settings';
    await expect.element(page.getByText('The graphics chip stopped answering, so the processor is used.')).toBeVisible();
    await expect.poll(checks).toEqual(Array.from({ length: 8 }, () => expect.stringMatching(/WebAssembly.*same/)));
  });

  it('says what could not be done, with what it showed before', async () => {
    const { service } = openSettings();
    await expect.poll(() => checks().length).toBe(8);
    service.leaveRoom = () => Promise.reject(new Error('gone'));
    await page.getByRole('checkbox', { name: 'Leave room for other work' }).click();
    await expect.element(page.getByRole('region', { name: 'Device self-check' }).getByRole('alert')).toBeVisible();
    expect(checks()).toHaveLength(8);
  });
});

it('takes back what it said in another language', async () => {
  const { settings } = openSettings();
  await page.getByRole('button', { name: 'Delete cached note features' }).click();
  await expect.element(page.getByText('Cached note features deleted').first()).toBeVisible();
  expect(document.querySelectorAll('.toast')).toHaveLength(1);
  settings.setLanguage('zh');
  await expect.poll(() => document.querySelectorAll('.toast').length).toBe(0);
});
