import { afterEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { BedsideError } from '../ground/errors.ts';
import type { FakeService } from './testing/fake-service.ts';
import { mountApp, type MountOptions } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

async function open(options: MountOptions): Promise<FakeService> {
  await page.viewport(1280, 900);
  const app = mountApp(options);
  close = app.close;
  return app.service;
}

const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });

describe('a start page that is left alone', () => {
  it('stores the model, says how far that is, and turns ready by itself', async () => {
    const service = await open({ scene: 'empty', delayMs: 5 });
    const { silence, model } = service;
    let isStored = false;
    let store = (): void => undefined;
    const asked = { times: 0 };
    service.silence = async () => ({ ...(await silence()), isReadyOffline: isStored });
    service.loadModel = async (onProgress?: (progress: { done: number; total: number }) => void) => {
      asked.times++;
      onProgress?.({ done: 4_600_000, total: 20_000_000 });
      await new Promise<void>((resolve) => { store = resolve; });
      isStored = true;
      return model();
    };
    const proof = page.getByRole('region', { name: 'Nothing leaves this device' });
    await expect.element(proof).toHaveTextContent('The model is being stored, 23%. Keep the network until it is.');
    location.hash = '#/settings';
    await expect.element(heading('Settings')).toBeVisible();
    location.hash = '#/start';
    await expect.element(proof).toHaveTextContent('The model is being stored, 23%');
    store();
    await expect.element(proof).toHaveTextContent('Ready. The network can go.');
    expect(asked.times).toBe(1);
  });

  it('says nothing of a model that could not be fetched, and does not call itself ready', async () => {
    const service = await open({ scene: 'empty' });
    const { silence } = service;
    let asked = 0;
    service.silence = async () => ({ ...(await silence()), isReadyOffline: false });
    service.loadModel = () => {
      asked++;
      return Promise.reject(new Error('no network'));
    };
    // What was asked before this test put its answers in is asked again by a visit.
    location.hash = '#/settings';
    await expect.element(heading('Settings')).toBeVisible();
    location.hash = '#/start';
    await expect.poll(() => asked).toBeGreaterThan(0);
    await expect.element(page.getByText('Not everything is stored yet.')).toBeVisible();
    await expect.element(page.getByRole('alert')).not.toBeInTheDocument();
  });
});

describe('from the start page by keyboard', () => {
  it.each(['{Enter}', ' '])('“%s” opens the sample and the focus goes to its heading', async (key) => {
    await open({ scene: 'empty', delayMs: 20 });
    await expect.element(heading(/Teach a model/)).toBeVisible();
    page.getByRole('button', { name: 'Try the sample' }).element().focus();
    await userEvent.keyboard(key);
    await expect.element(heading('600 notes are ready to train on')).toHaveFocus();
    await new Promise((resolve) => setTimeout(resolve, 400));
    await expect.element(heading('600 notes are ready to train on')).toHaveFocus();
  });

  it('opens a saved project and the focus goes to its heading', async () => {
    await open({ scene: 'done', delayMs: 20 });
    const saved = page.getByRole('main').getByRole('button', { name: 'workshop, made-up notes', exact: true });
    await expect.element(saved).toBeVisible();
    saved.element().focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByRole('heading', { level: 1 })).not.toHaveTextContent(/Teach a model/);
    await expect.element(page.getByRole('heading', { level: 1 })).toHaveFocus();
  });
});

describe('the table of saved projects', () => {
  it('draws the budget of a copy up to what it brought along, and says the time', async () => {
    await open({ scene: 'copy', nowMs: new Date(2026, 10, 24, 14, 5).getTime() });
    const row = page.getByRole('row', { name: /clinic-letters-2025/ });
    // 1.62 are spent, and 0.60 are left of what it brought.
    await expect.element(row).toHaveTextContent(/1\.62 \/ 2\.22/);
    await expect.element(row.getByRole('img', { name: '1.62 of 2.22 spent' })).toBeInTheDocument();
    await expect.element(row).toHaveTextContent(/, 14:05/);
  });
});

describe('a run that goes on', () => {
  it('has its line, keeps the columns, and the next is planned at one press', async () => {
    const service = await open({ scene: 'fresh', page: 'train', stepMs: 60 });
    await page.getByRole('button', { name: /^Start training/ }).click();
    await expect.element(heading('Run 1 is training')).toBeVisible();
    location.hash = '#/runs';
    await expect.element(heading('1 run on these notes')).toBeVisible();
    const row = page.getByRole('table', { name: 'Runs' }).getByRole('row').nth(1);
    await expect.element(row).toHaveTextContent(/Run 1last layer, \d+ of 50 steps.*running/);
    await expect.element(page.getByRole('link', { name: 'See run 1' })).toBeVisible();
    location.hash = '#/data';
    await expect.element(page.getByRole('combobox', { name: 'Use column Typist as' })).toBeDisabled();
    await expect.element(page.getByText(/Columns stay as they are while run 1 goes on/)).toBeVisible();
    location.hash = '#/runs';
    await expect.poll(async () => (await service.openProject('project-1')).runs.at(-1)?.state, { timeout: 20_000 }).toBe('finished');
    await page.getByRole('link', { name: 'Plan run 2' }).click();
    await expect.element(heading('Run 2 is ready to start')).toBeVisible();
  });
});

describe('a run that was cut off', () => {
  it('says what its ε does not cover', async () => {
    await open({ scene: 'interrupted', page: 'train' });
    await expect.element(page.getByRole('list', { name: 'Not covered:' })).toHaveTextContent(/the settings you chose after looking at scores/);
  });
});

describe('notes that cannot be prepared', () => {
  it('are said at the top of the Data page, which leads no further', async () => {
    const service = await open({ scene: 'fresh', page: 'data', delayMs: 20 });
    const propose = service.proposePlan;
    service.proposePlan = () => Promise.reject(new BedsideError('model/not-found', 'model', 'The model cannot be had.', 'Connect to the network.'));
    const alert = page.getByRole('alert').filter({ hasText: 'cannot be had' });
    await expect.element(alert).toHaveTextContent(/cannot be had/);
    await expect.element(page.getByRole('link', { name: 'Use this data' })).not.toBeInTheDocument();
    expect(alert.element().compareDocumentPosition(document.querySelector('#columns')!) & Node.DOCUMENT_POSITION_FOLLOWING).toBeTruthy();
    service.proposePlan = propose;
    await alert.getByRole('button', { name: 'Try again' }).click();
    await expect.element(page.getByRole('link', { name: 'Use this data' })).toBeVisible();
  });
});

describe('an address of a project page, where the browser has forgotten which project it was', () => {
  it('opens the project that was open last', async () => {
    await open({ scene: 'interrupted', page: 'train', isForgotten: true });
    await expect.element(page.getByRole('link', { name: 'Train' }).first()).toBeVisible();
    await expect.element(heading(/was interrupted/)).toBeVisible();
  });

  it('opens none for the start page', async () => {
    await open({ scene: 'interrupted', page: 'start', isForgotten: true });
    await expect.element(page.getByRole('button', { name: 'Try the sample' })).toBeVisible();
    await expect.element(page.getByRole('link', { name: 'Train' })).not.toBeInTheDocument();
  });
});
