/**
 * `npm run test:federation`: the ServerApp's unit tests, then a real SuperLink, the real ServerApp, real nodes and lying ones, and the coordinator's command.
 * Installs flwr into .cache once. Where there is no Python, or no PyPI, it is skipped with a sentence. `--unit`, `--command`, `--superlink`, `--modes` run that part alone; `--restart`, `--budget` and `--browsers` (the app itself, over the built page) ones that take minutes more, alone or beside the others.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { installFlower } from '../../federation-server/coordinator/python-environment.ts';
import { BedsideError } from '../../src/ground/errors.ts';
import { budgetInBrowser } from './budget-in-browser.ts';
import { inBrowsers } from './in-browsers.ts';
import { onASuperLink } from './on-a-superlink.ts';
import { privacyModes } from './privacy-modes.ts';
import { Scene } from './scene.ts';
import { superLinkDies, throughTheCommand } from './through-the-command.ts';
import { unitTests } from './unit.ts';

const environment = { folder: joinPath(import.meta.dirname, '..', '..', '.cache', 'federation-venv'), requirements: ['requirements-test.txt', 'requirements.txt'] } as const;

function findFlower(): string | null {
  try {
    return installFlower((line) => console.log(line), environment);
  } catch (error) {
    if (!(error instanceof BedsideError)) throw error;
    console.log(`federation: skipped. ${error.message} ${error.hint}`);
    return null;
  }
}

/** Counts for `npm test`. */
function report(counts: { readonly passed: number; readonly failed: number; readonly skipped: number }): void {
  const file = process.env['BEDSIDE_FEDERATION_REPORT'];
  if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
}

const parts = ['--unit', '--command', '--superlink', '--modes', '--budget', '--restart', '--browsers'];
/** Beside the others, where they are asked for. */
const longer: readonly string[] = ['--budget', '--restart', '--browsers'];
const asked = process.argv.slice(2);
const unknown = asked.find((part) => !parts.includes(part));
if (unknown !== undefined) {
  console.error(`Expected parts of ${parts.join(', ')}; found ${unknown}.`);
  process.exit(2);
}
const isRun = (part: string): boolean => asked.includes(part) || (!longer.includes(part) && asked.every((one) => longer.includes(one)));

const bin = findFlower();
if (bin === null) {
  report({ passed: 0, failed: 0, skipped: 1 });
  process.exit(0);
}
const folder = mkdtempSync(joinPath(tmpdir(), 'bedside-federation-'));
const scene = new Scene(bin, folder);
const startedMs = Date.now();
if (isRun('--unit')) unitTests(scene);
// Each has a SuperLink of its own, and mostly waits; browsers, which need a machine, come after those of the others that do not wait for flwr.
await Promise.all([
  isRun('--restart') ? scene.part(superLinkDies) : undefined,
  (async () => {
    await Promise.all([
      isRun('--command') ? scene.part(throughTheCommand) : undefined,
      isRun('--superlink') ? scene.part(onASuperLink) : undefined,
      isRun('--modes') ? scene.part(privacyModes) : undefined,
    ]);
    if (isRun('--budget')) await scene.part(budgetInBrowser);
    if (isRun('--browsers')) await scene.part(inBrowsers);
  })(),
]);
rmSync(folder, { recursive: true, force: true });
console.log(`federation: ${((Date.now() - startedMs) / 1000).toFixed(0)} s`);
console.log(`${scene.total.passed} passed, ${scene.total.failed} failed`);
report({ ...scene.total, skipped: 0 });
process.exit(scene.total.failed === 0 ? 0 : 1);
