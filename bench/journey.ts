/**
 * `npm run bench -- journey [--only sample|mts-dialog]`: the whole journey in Chromium on this machine, for the built-in sample and for mts-dialog:
 * seconds to the first accuracy, total seconds, peak memory, longest main-thread task by thread CPU time from a trace, first-load JavaScript gzipped.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium, type CDPSession, type Page } from 'playwright';
import { build, preview } from 'vite';
import { chromiumArguments, chromiumPath } from '../scripts/chromium.mjs';
import { machineInWords } from './machine.ts';
import { residentBytesOfTree } from './process-tree.ts';

const root = join(import.meta.dirname, '..');
const sharedData = process.env['BEDSIDE_DATA'] ?? join(root, '..', 'shared', 'data');

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

interface JourneyResult {
  readonly dataset: string;
  readonly firstAccuracySeconds: number;
  readonly totalSeconds: number;
  readonly peakMemoryMiB: number;
  readonly longestMainThreadTaskMs: number;
  readonly accuracyText: string;
}

async function startTrace(session: CDPSession): Promise<() => Promise<TraceEvent[]>> {
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }: { readonly value: readonly object[] }) => {
    for (const event of value) if ('ph' in event && 'pid' in event && 'tid' in event && 'name' in event) events.push(event as TraceEvent);
  });
  const categories = ['toplevel', 'disabled-by-default-lighthouse', 'devtools.timeline', '__metadata'];
  await session.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: categories, excludedCategories: ['*'] } });
  return async () => {
    const complete = new Promise<void>((resolve) => session.once('Tracing.tracingComplete', () => resolve()));
    await session.send('Tracing.end');
    await complete;
    return events;
  };
}

/** Longest task of the page's main thread, by CPU time of the thread, in milliseconds. */
function longestTaskMs(events: readonly TraceEvent[]): number {
  const mains = new Set(events.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(({ pid, tid }) => `${pid}/${tid}`));
  let longest = 0;
  for (const { name, ph, pid, tid, tdur } of events) if (ph === 'X' && name.endsWith('RunTask') && mains.has(`${pid}/${tid}`)) longest = Math.max(longest, (tdur ?? 0) / 1000);
  return longest;
}

async function openDataset(page: Page, dataset: string): Promise<void> {
  if (dataset === 'sample') {
    await page.getByRole('button', { name: 'Try the sample' }).click();
  } else {
    await page.locator('input[type=file]').first().setInputFiles(join(sharedData, 'mts-dialog', 'MTS-Dialog-TrainingSet.csv'));
    const text = page.getByLabel('Use column dialogue as');
    await text.waitFor({ timeout: 60_000 });
    await page.getByLabel('Use column section_text as').selectOption({ label: 'Leave out' });
    await page.getByLabel('Use column ID as').selectOption({ label: 'Leave out' });
    await text.selectOption({ label: 'Text' });
    await page.getByLabel('Use column section_header as').selectOption({ label: 'Label' });
  }
  await page.getByRole('heading', { level: 1, name: /ready to train on/ }).waitFor({ timeout: 120_000 });
}

async function journey(dataset: string, address: string): Promise<JourneyResult> {
  const server = await chromium.launchServer({ executablePath: chromiumPath(), args: chromiumArguments });
  const browser = await chromium.connect(server.wsEndpoint());
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const stopTrace = await startTrace(await page.context().newCDPSession(page));
  let peakMemoryMiB = 0;
  const watch = setInterval(() => (peakMemoryMiB = Math.max(peakMemoryMiB, residentBytesOfTree(server.process().pid!) / 2 ** 20)), 500);
  try {
    await page.goto(`${address}?backend=wasm`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await openDataset(page, dataset);
    await page.getByRole('button', { name: 'Use this data' }).or(page.getByRole('link', { name: 'Use this data' })).first().click();
    const start = page.getByRole('button', { name: /^Start training/ });
    await start.waitFor({ timeout: 120_000 });
    const begin = performance.now();
    await start.click();
    const done = page.getByRole('heading', { level: 1, name: 'Run 1 is done' });
    // A run over few notes may be over before its step is looked for.
    await page.getByText(/step \d+ of \d+/).or(done).first().waitFor({ timeout: 600_000 });
    await page.getByRole('img', { name: /Accuracy on held-out notes/ }).first().waitFor({ timeout: 600_000 });
    const firstAccuracySeconds = (performance.now() - begin) / 1000;
    await done.waitFor({ timeout: 900_000 });
    const totalSeconds = (performance.now() - begin) / 1000;
    const accuracyText = (await page.getByText(/Accuracy 0\.\d+/).first().textContent({ timeout: 5000 }).catch(() => '')) ?? '';
    // The results are part of the way: building them counts as a task too.
    await page.getByRole('link', { name: 'See the results' }).click();
    await page.locator('#fair h2').waitFor({ timeout: 60_000 });
    return { dataset, firstAccuracySeconds, totalSeconds, peakMemoryMiB, longestMainThreadTaskMs: longestTaskMs(await stopTrace()), accuracyText: accuracyText.trim() };
  } finally {
    clearInterval(watch);
    await browser.close();
    await server.close();
  }
}

/** JavaScript that the browser fetches before a file is opened, gzipped, in KiB. */
async function firstLoadKiB(address: string): Promise<number> {
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumArguments });
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await context.newPage();
  const bodies: Promise<Buffer>[] = [];
  page.on('response', (response) => {
    if (/\.m?js(\?|$)/.test(response.url())) bodies.push(response.body());
  });
  await page.goto(address);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForLoadState('networkidle');
  const sizes = (await Promise.all(bodies)).map((body) => gzipSync(body, { level: 9 }).length);
  await browser.close();
  return sizes.reduce((sum, size) => sum + size, 0) / 1024;
}

export async function run(args: readonly string[]): Promise<void> {
  const only = args[args.indexOf('--only') + 1];
  const datasets = ['sample', 'mts-dialog'].filter((name) => !args.includes('--only') || name === only);
  await build({ root, logLevel: 'warn' });
  const server = await preview({ root, preview: { host: '127.0.0.1', port: 4477 }, logLevel: 'warn' });
  const address = server.resolvedUrls!.local[0]!;
  const firstLoadJavaScriptKiB = await firstLoadKiB(address);
  console.log(`first-load JavaScript: ${firstLoadJavaScriptKiB.toFixed(0)} KiB gzipped`);
  const folder = join(root, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  for (const dataset of datasets) {
    if (dataset !== 'sample' && !existsSync(join(sharedData, 'mts-dialog'))) {
      console.log(`${dataset}: no data at ${sharedData}; set BEDSIDE_DATA.`);
      continue;
    }
    const result = { ...(await journey(dataset, address)), firstLoadJavaScriptKiB, machine: machineInWords() };
    console.log(JSON.stringify(result));
    writeFileSync(join(folder, `journey-${dataset}.json`), `${JSON.stringify(result, null, 2)}\n`);
  }
  await server.close();
}
