/**
 * `npm run bench -- engine [--only NAME,...] [--repeats N] [--tokens N]`: our engine beside its peers, on this machine.
 * Each row is the least time of N repeats in which all engines take turns in one run; a peer counts where its clipped sum is ours.
 * `--tokens` gives the rows another length than 128, for a quick look whether everything runs: nothing of it is kept.
 */
import { mkdirSync, readFileSync, existsSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { chromiumArguments, chromiumPath } from '../../scripts/chromium.mjs';
import { machineInWords } from '../machine.ts';
import { servePage } from './build-page.ts';
import { installPeers } from './install-peers.ts';
import { breakdown } from './rows/breakdown.ts';
import { cold } from './rows/cold-start.ts';
import { energy } from './rows/energy.ts';
import { wasmForward, webgpuForward } from './rows/forward.ts';
import { halves } from './rows/halves.ts';
import type { Group, GroupResult } from './rows/row.ts';
import { overlap } from './rows/overlap.ts';
import { ragged, topLayers } from './rows/savings.ts';
import { bertBase, bundle, head, memory } from './rows/sizes.ts';
import { submissions } from './rows/submissions.ts';
import { variants } from './rows/variants.ts';
import { clipping, wasmStep, workers } from './rows/wasm-step.ts';
import { webgpuStep } from './rows/webgpu-step.ts';

/** What the goals are about. */
const goalTokens = 128;

const groups: Readonly<Record<string, Group>> = {
  workers,
  'wasm-step': wasmStep,
  'wasm-forward': wasmForward,
  clipping,
  'top-layers': topLayers,
  ragged,
  head,
  memory,
  bundle,
  cold,
  breakdown,
  variants,
  energy,
  'webgpu-step': webgpuStep,
  'webgpu-forward': webgpuForward,
  'bert-base': bertBase,
  submissions,
  halves,
  overlap,
};

interface Settings {
  readonly names: readonly string[];
  readonly repeats: number;
  readonly tokens: number;
}

function settingsOf(args: readonly string[]): Settings {
  const after = (option: string) => (args.includes(option) ? args[args.indexOf(option) + 1] : undefined);
  const names = after('--only')?.split(',') ?? Object.keys(groups);
  const unknown = names.filter((name) => !(name in groups));
  if (unknown.length > 0) throw new Error(`--only takes ${Object.keys(groups).join(', ')}; found ${unknown.join(', ')}.`);
  const repeats = Number(after('--repeats') ?? 7);
  if (!Number.isInteger(repeats) || repeats < 1) throw new Error(`--repeats takes a whole number from 1; found ${after('--repeats') ?? 'nothing'}.`);
  const tokens = Number(after('--tokens') ?? goalTokens);
  if (!Number.isInteger(tokens) || tokens < 4 || tokens > 256) throw new Error(`--tokens takes a whole number from 4 to 256; found ${after('--tokens') ?? 'nothing'}.`);
  return { names, repeats, tokens };
}

const verdict = (isMet: boolean | null) => (isMet === null ? 'no claim' : isMet ? 'met' : 'MISSED');

/** Goals are about 128 tokens a row: at another length nothing is claimed. */
function print({ rows }: GroupResult, tokens: number): void {
  for (const { what, goal, found, isMet, note } of rows) {
    console.log(`  ${verdict(tokens === goalTokens ? isMet : null).padEnd(8)} ${what}\n           goal ${goal}; found ${found}${note ? `\n           ${note}` : ''}`);
  }
}

const file = join(import.meta.dirname, '..', 'results', 'engine.json');

/** Keeps groups of earlier runs that this one did not measure, each with its own date, device and load. */
function keep(name: string, result: GroupResult, about: Readonly<Record<string, unknown>>): void {
  const earlier: Record<string, unknown> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...earlier, [name]: { ...about, ...result } }, null, 2)}\n`);
}

export async function run(args: readonly string[]): Promise<void> {
  const { names, repeats, tokens } = settingsOf(args);
  const batch = new Array<number>(8).fill(tokens);
  const loadBefore = loadavg()[0]!;
  console.log(`${machineInWords()}; load average ${loadBefore.toFixed(2)}; ${repeats} repeats.`);
  if (loadBefore > 0.5) console.log('Something else is running: times are longer than they need be, and ratios uncertain.');
  installPeers();
  const server = await servePage();
  try {
    for (const name of names) {
      console.log(name);
      // A browser for each, so that no group inherits another's memory.
      const browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumArguments });
      try {
        const page = await browser.newPage();
        page.setDefaultTimeout(0);
        await page.goto(server.address);
        await page.waitForFunction(() => 'bench' in globalThis);
        const about = { machine: machineInWords(), chromium: browser.version(), repeats, loadBefore, loadAtGroup: loadavg()[0]!, date: new Date().toISOString().slice(0, 10) };
        const result = await groups[name]!({ page, repeats, batch, loadBefore });
        print(result, tokens);
        if (tokens === goalTokens) keep(name, result, about);
      } catch (error) {
        console.log(`  ${name} failed: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
      } finally {
        await browser.close();
      }
    }
  } finally {
    await server.close();
  }
}
