import { spawn, type ChildProcess } from 'node:child_process';
import { chromium, expect, test, type Page } from '@playwright/test';
import { chromiumArguments, chromiumPath } from '../scripts/chromium.mjs';
import { goTo, heading, openApp, startLongRun, untilStep } from './journey.ts';

/** What the browser's databases hold, read behind the page's back. */
interface Stored {
  /** Gradient steps that were charged, and entries in the order of the chain. */
  readonly charged: number;
  readonly isChainWhole: boolean;
  /** Steps whose result is saved; null where nothing is. */
  readonly saved: number | null;
}

async function stored(page: Page): Promise<Stored> {
  return page.evaluate(async () => {
    const request = <Result>(made: IDBRequest<Result>) => new Promise<Result>((resolve, reject) => {
      made.onsuccess = () => resolve(made.result);
      made.onerror = () => reject(made.error ?? new Error('no answer'));
    });
    const open = (name: string) => request(indexedDB.open(name));
    const [ledger, projects] = [await open('bedside-ledger'), await open('bedside')];
    const entries: { hash: string; previous: string; event: { purpose?: string } }[] = await request(ledger.transaction('entries').objectStore('entries').getAll());
    const heads: { count: number; hash: string }[] = await request(ledger.transaction('heads').objectStore('heads').getAll());
    const checkpoints: { checkpoint: { step: number } }[] = await request(projects.transaction('checkpoints').objectStore('checkpoints').getAll());
    ledger.close();
    projects.close();
    return {
      charged: entries.filter(({ event }) => event.purpose === 'gradient').length,
      isChainWhole: entries.every((entry, index) => index === 0 || entry.previous === entries[index - 1]!.hash) && heads[0]?.count === entries.length && heads[0]?.hash === entries.at(-1)?.hash,
      saved: checkpoints[0]?.checkpoint.step ?? null,
    };
  });
}

/** After the `kills`-th time that the run was cut off: as much is charged as is saved and one step a kill more at most, and the run is offered again. */
async function expectInterrupted(page: Page, kills: number): Promise<void> {
  await expect(heading(page, 'Run 1 was interrupted')).toBeVisible({ timeout: 120_000 });
  const { charged, saved, isChainWhole } = await stored(page);
  expect(isChainWhole).toBe(true);
  expect(charged).toBeGreaterThanOrEqual(saved ?? 0);
  expect(charged).toBeLessThanOrEqual((saved ?? 0) + kills);
}

async function finish(page: Page, steps: number, kills: number): Promise<void> {
  await expect(heading(page, 'Run 1 is done')).toBeVisible({ timeout: 240_000 });
  const { charged, isChainWhole } = await stored(page);
  expect(isChainWhole).toBe(true);
  expect(charged).toBeGreaterThanOrEqual(steps);
  expect(charged).toBeLessThanOrEqual(steps + kills);
}

test('a tab whose process is killed in the middle of a run, three times', async ({ page, context }) => {
  await openApp(page, { backend: 'wasm', model: 'nano' });
  const steps = 300;
  await startLongRun(page, steps);
  let tab = page;
  let kills = 0;
  // Among the notes or at the first step, in the middle, and in the life after.
  for (const until of [0, 40, 120]) {
    await untilStep(tab, until);
    const url = tab.url();
    const devtools = await context.newCDPSession(tab);
    const crashed = tab.waitForEvent('crash');
    // Never answered: the process that would is gone.
    devtools.send('Page.crash').catch(() => undefined);
    await crashed;
    kills++;
    tab = await context.newPage();
    await tab.goto(url);
    await goTo(tab, 'Train');
    await expectInterrupted(tab, kills);
    await tab.getByRole('button', { name: 'Resume the run' }).click();
  }
  await finish(tab, steps, kills);
});

/** A browser of our own with a profile on disk, so that all of it can be killed. */
async function startBrowser(profile: string): Promise<{ readonly process: ChildProcess; readonly address: string }> {
  const child = spawn(chromiumPath(), [...chromiumArguments, '--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const address = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (part: Buffer) => {
      said += part.toString('utf8');
      const found = /ws:\/\/\S+/.exec(said)?.[0];
      if (found) resolve(found);
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`The browser did not start: ${said}`)));
  });
  return { process: child, address };
}

test('a browser that is killed in the middle of a run, twice', async ({ baseURL }) => {
  const profile = test.info().outputPath('profile');
  let running = await startBrowser(profile);
  const kill = async () => {
    const gone = new Promise((resolve) => running.process.once('exit', resolve));
    running.process.kill('SIGKILL');
    await gone;
  };
  try {
    const openPage = async (url: string) => {
      const [context] = (await chromium.connectOverCDP(running.address)).contexts();
      const page = await context!.newPage();
      await page.goto(url);
      return page;
    };
    let page = await openPage(`${baseURL}?backend=wasm&model=nano`);
    const steps = 300;
  await startLongRun(page, steps);
    let kills = 0;
    for (const until of [10, 50]) {
      await untilStep(page, until);
      const url = page.url();
      await kill();
      kills++;
      running = await startBrowser(profile);
      page = await openPage(url);
      await goTo(page, 'Train');
      await expectInterrupted(page, kills);
      // Charges are durable before their noise is drawn: what was seen on the page before is charged.
      expect((await stored(page)).charged).toBeGreaterThanOrEqual(until);
      await page.getByRole('button', { name: 'Resume the run' }).click();
    }
    await finish(page, steps, kills);
  } finally {
    await kill();
  }
});
