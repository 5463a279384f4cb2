/**
 * `npx tsx e2e/federation/pictures.ts`: the pictures of the federation in e2e/screenshots, of the built page. Two browsers and the wall on one machine, three rounds at epsilon 3 through
 * the coordinator's command; and the invitation of another task, in Chinese.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { chromium, type Browser, type Page } from '@playwright/test';
import { installFlower } from '../../federation-server/coordinator/python-environment.ts';
import { chromiumArguments, chromiumPath } from '../../scripts/chromium.mjs';
import { startCommand, until, type Command } from './command.ts';
import { join, openParticipant } from './in-browsers.ts';

const root = joinPath(import.meta.dirname, '..', '..');
const rounds = ['--rounds', '3', '--epsilon', '3', '--min-clients', '2', '--min-replies', '2', '--timeout', '120'];

/** Light and 1280 wide, as the other pictures; what is beyond the first screen is not in them. */
async function keep(page: Page, name: string): Promise<void> {
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.mouse.move(0, 0);
  // Toasts go after six seconds; figures settle within a frame.
  await page.waitForTimeout(7000);
  await page.screenshot({ path: joinPath(root, 'e2e', 'screenshots', `${name}.png`) });
}

async function withCommand(folder: string, args: readonly string[], show: (command: Command) => Promise<void>): Promise<void> {
  const bin = installFlower((line) => console.log(line), { folder: joinPath(root, '.cache', 'federation-venv'), requirements: ['requirements-test.txt', 'requirements.txt'] });
  const command = await startCommand(bin, args, folder);
  try {
    await until(command, ({ model }) => model !== null);
    await show(command);
  } finally {
    await command.interrupt();
  }
}

const contextOf = (browser: Browser, locale: string) => () => browser.newContext({ ignoreHTTPSErrors: true, locale, colorScheme: 'light', viewport: { width: 1280, height: 800 } });
const roomOf = ({ origin, token }: Command) => `${origin}/?backend=wasm#/federation/room-${token('room')}`;

async function threeRounds(browser: Browser, command: Command): Promise<void> {
  const first = await openParticipant(contextOf(browser, 'en-GB'), roomOf(command));
  await first.page.getByRole('button', { name: 'Take the notes of my seat' }).waitFor();
  await keep(first.page, 'federation-invitation');
  await join(first);
  await join(await openParticipant(contextOf(browser, 'en-GB'), roomOf(command)));
  const wall = await openParticipant(contextOf(browser, 'en-GB'), `${command.origin}/#/federation/projector-${command.token('projector')}`);
  await until(command, ({ rounds: done }) => done.length >= 2);
  await keep(wall.page, 'federation-wall');
  await until(command, ({ state }) => state === 'finished');
  await first.page.getByRole('button', { name: 'Fetch and check the newest model' }).click();
  await first.page.getByText(/after round \d/).first().waitFor();
  await first.page.getByRole('button', { name: '切换到中文' }).click();
  await keep(first.page, 'federation-rounds-zh');
}

async function otherTask(browser: Browser, command: Command): Promise<void> {
  const { page } = await openParticipant(contextOf(browser, 'zh-CN'), roomOf(command));
  await page.getByRole('button', { name: '领取我席位的病历' }).waitFor();
  await keep(page, 'federation-participant-zh');
}

const folder = mkdtempSync(joinPath(tmpdir(), 'bedside-pictures-'));
const browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumArguments });
try {
  await withCommand(joinPath(folder, 'rounds'), [...rounds, '--coordinator', 'Ward 4'], (command) => threeRounds(browser, command));
  await withCommand(joinPath(folder, 'other'), [...rounds, '--coordinator', '四病区', '--unit', 'participant', '--project', '32', '--central-noise', '0.1'], (command) => otherTask(browser, command));
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
