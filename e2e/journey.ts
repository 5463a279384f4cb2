import { expect, type Page } from '@playwright/test';

/** Opens the app with a fixed backend and model. */
export async function openApp(page: Page, options: { backend: 'wasm' | 'webgpu'; model?: 'nano' }): Promise<void> {
  await page.goto(`./?backend=${options.backend}${options.model ? `&model=${options.model}` : ''}`);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
}

/** Opens a page of the project by the bar, or by the tabs where the bar is folded. */
export async function goTo(page: Page, name: 'Data' | 'Train' | 'Results' | 'Try' | 'Runs'): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: new RegExp(`^${name}`) }).locator('visible=true').first().click();
}

/** From the start page to a plan that stands ready, on the built-in sample. */
export async function openSample(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Try the sample' }).click();
  await expect(page.getByRole('heading', { level: 1, name: /notes are ready to train on/ })).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Use this data' }).or(page.getByRole('link', { name: 'Use this data' })).first().click();
  await expect(page.getByRole('heading', { level: 1, name: /^Run \d+ is ready to start$/ })).toBeVisible({ timeout: 120_000 });
}

export async function startTraining(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Start training/ }).click();
}

export function heading(page: Page, name: string | RegExp) {
  return page.getByRole('heading', { level: 1, name });
}

/** Waits until the running step is at least `step`. */
export async function untilStep(page: Page, step: number): Promise<void> {
  await expect
    .poll(async () => Number(/step (\d+) of/.exec((await page.getByText(/step \d+ of \d+/).first().textContent({ timeout: 1000 }).catch(() => '')) ?? '')?.[1] ?? -1), { timeout: 240_000, intervals: [100] })
    .toBeGreaterThanOrEqual(step);
}

export interface LedgerCharges {
  readonly gradient: number;
  readonly featureMean: number;
  readonly validation: number;
}

/** Charges as the ledger file says, by purpose. */
export async function savedCharges(page: Page): Promise<LedgerCharges> {
  await goTo(page, 'Runs');
  await page.getByRole('button', { name: 'Save the ledger' }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('dialog').getByRole('button', { name: 'Save to a file' }).click()]);
  const text = await (await download.createReadStream()).toArray();
  const entries: unknown = JSON.parse(Buffer.concat(text).toString('utf8'));
  const found = JSON.stringify(entries);
  const count = (purpose: string) => found.split(`"purpose":"${purpose}"`).length - 1;
  return { gradient: count('gradient'), featureMean: count('feature-mean'), validation: count('charged-validation') };
}

/** Records every request to another origin; the list must stay empty. */
export function foreignRequests(page: Page, origin: string): string[] {
  const foreign: string[] = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) foreign.push(url.origin);
  });
  return foreign;
}

/** A run of many steps, to be cut off in the middle. */
export async function startLongRun(page: Page, steps: number): Promise<void> {
  await openSample(page);
  await page.getByRole('button', { name: 'Change' }).click();
  await page.getByRole('spinbutton', { name: 'Steps' }).fill(String(steps));
  await page.getByRole('spinbutton', { name: 'Steps' }).press('Tab');
  await startTraining(page);
}
