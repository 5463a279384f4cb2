import { afterEach, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { mountApp, type MountOptions } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

async function open(options: MountOptions = {}) {
  await page.viewport(1280, 900);
  const app = mountApp({ scene: 'fresh', page: 'train', ...options });
  close = app.close;
  return app;
}

const radio = (name: string | RegExp) => page.getByRole('radio', { name });
const top = () => page.getByRole('spinbutton', { name: 'Layers from the top' });
const everything = () => page.getByRole('checkbox', { name: 'The whole model, its table of words too' });

it('whole layers are offered to plans that are not private alone, with a warning', async () => {
  await open();
  await page.getByRole('button', { name: 'Change' }).click();
  expect(radio(/whole layers/).elements()).toHaveLength(0);
  await radio('Not private').click();
  await radio(/^Not private, whole layers/).click();
  await expect.element(page.getByText(/This cannot be made private/)).toBeVisible();
  await expect.element(page.getByRole('heading', { name: 'The plan: not private, whole layers' })).toBeVisible();
  await expect.element(page.getByRole('region', { name: 'What this run promises' })).toHaveTextContent('This run promises nothing. It is not private.');
  await radio('Private').first().click();
  expect(page.getByText(/This cannot be made private/).elements()).toHaveLength(0);
});

it('the whole model is every layer, and fewer layers are not the whole model', async () => {
  await open();
  await page.getByRole('button', { name: 'Change' }).click();
  await radio('Not private').click();
  await radio(/^Not private, whole layers/).click();
  await expect.element(top()).toHaveValue(2);
  await everything().click();
  await expect.element(top()).toHaveValue(6);
  await top().fill('3');
  await userEvent.keyboard('{Tab}');
  await expect.element(everything()).not.toBeChecked();
  await top().fill('7');
  await userEvent.keyboard('{Tab}');
  await expect.element(top()).toHaveAttribute('aria-invalid', 'true');
});

it('a plain plan can end early, a private one cannot', async () => {
  await open();
  await page.getByRole('button', { name: 'Change' }).click();
  const early = page.getByRole('checkbox', { name: 'End when the held-out notes no longer gain' });
  expect(early.elements()).toHaveLength(0);
  await radio('Not private').click();
  await expect.element(early).not.toBeChecked();
  await early.click();
  await expect.element(early).toBeChecked();
  await expect.element(page.getByText('Changed by you')).toBeVisible();
  await early.click();
  await expect.element(early).not.toBeChecked();
});

it('says the same in Chinese', async () => {
  await open({ language: 'zh' });
  await page.getByRole('button', { name: '更改' }).click();
  await radio('非私密').click();
  await radio(/^非私密，整层/).click();
  await expect.element(page.getByText(/这种训练无法做到私密/)).toBeVisible();
});
