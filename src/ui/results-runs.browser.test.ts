import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { BedsideError } from '../ground/errors.ts';
import { fakeBalance, fakePlan } from './testing/fake-plans.ts';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
let faults: unknown[] = [];
const hear = (event: ErrorEvent | PromiseRejectionEvent) => void faults.push('reason' in event ? event.reason : event.error);

beforeEach(() => {
  faults = [];
  addEventListener('error', hear);
  addEventListener('unhandledrejection', hear);
});
afterEach(async () => {
  removeEventListener('error', hear);
  removeEventListener('unhandledrejection', hear);
  await close?.();
  close = null;
});

/** The results of run 4, with every question for results in `asked`; what `answer` throws is what the page hears. */
async function open(answer: (runId: string, asked: readonly string[]) => Promise<void>) {
  const app = mountApp({ page: 'results', delayMs: 5 });
  close = app.close;
  const { results } = app.service;
  const asked: string[] = [];
  app.service.results = async (id, runId) => {
    asked.push(runId);
    await answer(runId, asked);
    return results(id, runId);
  };
  return { ...app, asked };
}

const lead = (run: number) => page.getByText(new RegExp(`^Run ${run}, measured on`));
const promise = () => page.getByRole('heading', { name: 'What this run promised' }).or(page.getByText('This run was not private'));
const choose = (run: number) => userEvent.selectOptions(page.getByRole('combobox', { name: 'Run' }), `run-${run}`);
const visit = async (name: string) => {
  location.hash = `#/${name}`;
  await expect.poll(() => document.querySelector('main')?.dataset['page']).toBe(name);
};
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe('a line of the table of runs', () => {
  it('tells a search with all its steps, two layers and help for rare labels from a run of the same kind without', async () => {
    const app = mountApp({ page: 'start', delayMs: 5 });
    close = app.close;
    const { openProject } = app.service;
    const searched = { ...fakePlan, search: { meanRuns: 5, scoreEpsilon: 2 }, featureLayers: [6, 4], featureWeights: [0.5, 0.5], balance: fakeBalance };
    app.service.openProject = async (id) => {
      const project = await openProject(id);
      return { ...project, runs: project.runs.map((run) => (run.number === 2 ? { ...run, plan: searched, stepsDone: 1450, steps: 1450 } : run)) };
    };
    await page.getByRole('button', { name: 'clinic-letters-2025', exact: true }).click();
    await visit('runs');
    const row = (run: number) => page.getByRole('table', { name: 'Runs' }).getByRole('row', { name: new RegExp(`^Run ${run}`) });
    await expect.element(row(2)).toHaveTextContent(/^Run 2last layer, 1,450 steps, search of 29 runs, two layers read, rare labels helped/);
    await expect.element(row(3)).toHaveTextContent(/^Run 3last layer, 50 steps\s*0/);
  });
});

describe('the table of runs', () => {
  it('is saved to a file, with its exact scores, only after what that means was said', async () => {
    const app = mountApp({ scene: 'done', page: 'runs' });
    close = app.close;
    const saved: Blob[] = [];
    const create = vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => { saved.push(blob as Blob); return '#'; });
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => undefined);
    try {
      const dialog = page.getByRole('dialog', { name: 'Save the table of runs to a file?' });
      const ask = () => page.getByRole('button', { name: 'Save as CSV' }).click();
      await ask();
      await expect.element(dialog).toHaveTextContent(/exact scores on held-out notes.*no ε covers them/);
      await dialog.getByRole('button', { name: 'Keep it here' }).click();
      await expect.element(dialog).not.toBeInTheDocument();
      expect(saved).toEqual([]);
      await ask();
      await dialog.getByRole('button', { name: 'Save to a file' }).click();
      await expect.poll(() => saved.length).toBe(1);
      expect(await saved[0]!.text()).toMatch(/^run,state,method,started,seconds,steps_done,steps,accuracy,.*\r\n4,/);
      expect(faults).toEqual([]);
    } finally {
      create.mockRestore();
      click.mockRestore();
    }
  });
});

describe('the model of a run', () => {
  it('is saved under a name that tells nothing of the project', async () => {
    close = mountApp({ scene: 'done', page: 'results' }).close;
    await expect.element(lead(4)).toBeVisible();
    const names: string[] = [];
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) { names.push(this.download); });
    try {
      await page.getByRole('button', { name: 'Save the model' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Save to a file' }).click();
      await expect.poll(() => names).toEqual(['bedside-model-run-4.zip']);
    } finally {
      click.mockRestore();
    }
  });
});

describe('the results of one run after another', () => {
  it('are asked for once each, also on a page that one comes back to and in another language', async () => {
    const { asked, settings } = await open(() => wait(20));
    await expect.element(lead(4)).toBeVisible();
    // Coming back, the page finds results that are there: it read them, and must not depend on them.
    await visit('lab');
    await visit('results');
    await expect.element(lead(4)).toBeVisible();
    expect(asked).toEqual(['run-4']);
    for (const run of [3, 2, 1, 3]) {
      await choose(run);
      await expect.element(lead(run)).toBeVisible();
      await expect.element(promise().first()).toBeInTheDocument();
    }
    settings.setLanguage('zh');
    await expect.poll(() => document.documentElement.lang).toBe('zh-CN');
    settings.setLanguage('en');
    await choose(2);
    await expect.element(lead(2)).toBeVisible();
    expect(asked).toEqual(['run-4', 'run-3', 'run-2', 'run-1', 'run-3', 'run-2']);
    expect(faults).toEqual([]);
  });

  it('are not asked for again by a page that one comes back to while they are on their way', async () => {
    let answer = (): void => undefined;
    const { asked } = await open(() => new Promise<void>((resolve) => { answer = resolve; }));
    await expect.poll(() => asked.length).toBe(1);
    await visit('lab');
    await visit('results');
    await wait(50);
    expect(asked).toEqual(['run-4']);
    answer();
    await expect.element(lead(4)).toBeVisible();
    expect(faults).toEqual([]);
  });

  it('fail once, stay failed on a page that one comes back to, and come with another try', async () => {
    const { asked } = await open(async (runId, all) => {
      if (runId === 'run-3' && all.filter((one) => one === runId).length <= 2) throw new BedsideError('storage/no-run', 'storage', 'This run is not on this device.', 'Choose another one.');
    });
    await expect.element(lead(4)).toBeVisible();
    await choose(3);
    await expect.element(page.getByRole('alert')).toHaveTextContent('This run is not on this device.');
    await choose(4);
    await expect.element(lead(4)).toBeVisible();
    await choose(3);
    await expect.element(page.getByRole('alert')).toHaveTextContent('This run is not on this device.');
    await wait(50);
    expect(asked).toEqual(['run-4', 'run-3', 'run-4', 'run-3']);
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect.element(lead(3)).toBeVisible();
    expect(asked).toEqual(['run-4', 'run-3', 'run-4', 'run-3', 'run-3']);
    expect(faults).toEqual([]);
  });
});
