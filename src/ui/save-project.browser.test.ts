import axe from 'axe-core';
import { afterEach, describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import { BedsideError } from '../ground/errors.ts';
import { mountApp, type MountOptions } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

const dialog = page.getByRole('dialog');
const choice = (name: RegExp) => dialog.getByRole('radio', { name });
const saveButton = dialog.getByRole('button', { name: 'Save to a file' });

/** Opens the question, with a service that writes down how much was given along and then cannot write the file. */
async function ask(options: MountOptions): Promise<{ readonly given: readonly (number | undefined)[] }> {
  await page.viewport(1280, 900);
  const { service, close: closeApp } = mountApp(options);
  close = closeApp;
  const given: (number | undefined)[] = [];
  service.exportProject = (_id, epsilon) => {
    given.push(epsilon);
    return Promise.reject(new BedsideError('storage/share-lost', 'storage', 'The project file could not be written, and the share is lost.', 'Save it again.'));
  };
  await page.getByRole('button', { name: /^More for/ }).first().click();
  await page.getByRole('button', { name: 'Save to a file' }).click();
  return { given };
}

describe('saving a project to a file', () => {
  it('gives no budget along unless somebody says so', async () => {
    const { given } = await ask({ scene: 'done' });
    await expect.element(dialog.getByRole('group', { name: 'How much of the privacy budget goes with this copy?' })).toBeVisible();
    await expect.element(choice(/^None/)).toBeChecked();
    await expect.element(choice(/^None/)).toHaveAccessibleDescription('The copy can be used and looked at. Private training stays here.');
    await expect.element(choice(/^All/)).toBeEnabled();
    await saveButton.click();
    await expect.poll(() => given).toEqual([0]);
  });

  it('gives the half, all or a number, says what stays, and says what was lost where no file came of it', async () => {
    const { given } = await ask({ scene: 'done' });
    // 1.62 of 4 are spent in this scene.
    await choice(/^Half of what is left ε 1.19/).click();
    await expect.element(dialog.getByRole('status')).toHaveTextContent(/Here ε 1.19 stays left.*What goes along is gone from here.*Open the file on one device only/);
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    expect(violations.map(({ id, nodes }) => `${id}: ${String(nodes[0]?.target[0])}`)).toEqual([]);
    await choice(/^All that is left ε 2.38/).click();
    await choice(/^A number/).click();
    const field = dialog.getByRole('spinbutton', { name: 'Goes along, ε' });
    await field.fill('3');
    await saveButton.click();
    expect(given).toEqual([]);
    await field.fill('0.5');
    await saveButton.click();
    await expect.poll(() => given).toEqual([0.5]);
    await expect.element(page.getByText('The project file could not be written, and the share is lost.')).toBeVisible();
  });

  it('offers nothing where nothing is left', async () => {
    await ask({ scene: 'empty-copy' });
    await expect.element(dialog.getByText('Nothing is left that could go along.')).toBeVisible();
    for (const name of [/^Half/, /^All/, /^A number/]) await expect.element(choice(name)).toBeDisabled();
  });
});

describe('a copy on the Train page', () => {
  it('says what it brought, and counts by the least that is left', async () => {
    await page.viewport(1280, 900);
    close = mountApp({ scene: 'copy', page: 'train' }).close;
    await expect.element(page.getByText('This copy brought 1.00 of the budget with it; 0.40 of that is spent.')).toBeVisible();
    // The plan takes 1.38 and 0.6 are left of what was brought; the limit would leave 2.38.
    await expect.element(page.getByRole('alert')).toHaveTextContent(/This plan does not fit the budget.*This copy brought 1.00/);
    await expect.element(page.getByText(/0.60 is free.*budget of its own, which ends with what this copy brought: 1\.00 of 1\.60 spent there/)).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Start training' })).toHaveAttribute('aria-disabled', 'true');
    await expect.element(page.getByRole('button', { name: 'Raise the limit' })).not.toBeInTheDocument();
  });

  it('that brought nothing says what to do', async () => {
    await page.viewport(1280, 900);
    close = mountApp({ scene: 'empty-copy', page: 'train' }).close;
    await expect.element(page.getByRole('alert')).toHaveTextContent(/cannot be trained privately.*Train where it came from, or have it saved there again with a share/);
    await expect.element(page.getByRole('button', { name: 'Start training' })).toHaveAttribute('aria-disabled', 'true');
    await expect.element(page.getByRole('button', { name: 'These are other people' })).toBeVisible();
  });
});
