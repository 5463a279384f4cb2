import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { page } from 'vitest/browser';
import type { OwnersAct } from '../privacy/doors.ts';
import type { PageName } from './router.svelte.ts';
import { fakeDataset } from './testing/fake-data.ts';
import { mountApp } from './testing/mount-app.ts';
import { en } from './words/en.ts';
import { zh } from './words/zh.ts';

type Words = typeof en;

interface Asked {
  readonly page: PageName;
  /** What is done until the page asks. */
  readonly until: (w: Words) => Promise<void>;
  /** What it says before anything is saved. */
  readonly says: (w: Words) => string;
  /** The button that saves. */
  readonly button: (w: Words) => string;
}

const press = (name: string | RegExp) => page.getByRole('button', { name }).first().click();

async function labelFile(w: Words): Promise<void> {
  await expect.element(page.getByRole('button', { name: w.explain.file.choose })).toBeVisible();
  const transfer = new DataTransfer();
  transfer.items.add(new File(['Letter\nseen today\n'], 'more.csv'));
  const input = document.querySelector<HTMLInputElement>('input[type="file"]')!;
  input.files = transfer.files;
  input.dispatchEvent(new Event('change', { bubbles: true }));
}

/** Each act of the page that lets exact results out. A new one asks for its line here, by the compiler; `print-scores` is a command's, whose help and last line say so. */
const asked: Readonly<Record<Exclude<OwnersAct, 'print-scores'>, Asked>> = {
  'save-project': { page: 'start', until: async (w) => { await press(w.frame.project.actions('clinic-letters-2025')); await press(w.frame.project.save); }, says: (w) => w.frame.project.saveBody, button: (w) => w.frame.project.save },
  'save-runs': { page: 'runs', until: (w) => press(w.runs.csv), says: (w) => w.runs.csvDialog.body, button: (w) => w.runs.csvDialog.save },
  'save-ledger': { page: 'runs', until: (w) => press(w.runs.ledger.save), says: (w) => w.runs.ledger.saveDialog.body, button: (w) => w.runs.ledger.saveDialog.save },
  'save-plain-model': { page: 'results', until: (w) => press(w.results.save), says: (w) => w.results.saveDialog.notPrivate, button: (w) => w.results.saveDialog.save },
  'save-set-aside-rows': { page: 'data', until: () => Promise.resolve(), says: (w) => w.data.checks.setAside, button: (w) => w.data.checks.save(fakeDataset('', 1, false).problemCount) },
  'save-labelled-notes': { page: 'explain', until: labelFile, says: (w) => w.explain.file.holdsNotes, button: (w) => w.explain.file.save },
};

let close: (() => Promise<void>) | null = null;
let saved: Blob[] = [];
beforeEach(() => {
  saved = [];
  vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => { saved.push(blob as Blob); return '#'; });
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => undefined);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await close?.();
  close = null;
});

describe.each([['en', en], ['zh', zh]] as const)('what lets exact results out, in %s', (language, w) => {
  it.each(Object.entries(asked))('%s: is said before, and nothing is saved until it is done', async (_, { page: name, until, says, button }) => {
    await page.viewport(1280, 900);
    close = mountApp({ scene: 'done', page: name, language }).close;
    await until(w);
    await expect.element(page.getByText(says(w)).last()).toBeVisible();
    expect(saved).toEqual([]);
    const dialog = page.getByRole('dialog');
    const scope = dialog.query() === null ? page : dialog;
    await scope.getByRole('button', { name: button(w) }).last().click();
    await expect.poll(() => saved.length).toBe(1);
  });
});
