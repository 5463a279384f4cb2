// `npm test`: type checks, unit, browser, end-to-end and federation tests; closes with one line `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findChromium } from './chromium.mjs';

const root = join(import.meta.dirname, '..');
const results = join(root, 'test-results');
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

/** Runs a command in the foreground; true where it exits 0. */
function run(command, args, environment = {}) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...environment } });
  return status === 0;
}

function installChromium() {
  if (findChromium()) return;
  console.log('No Chromium was found; installing it with apt-get.');
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['install', '-y', '-qq', 'chromium']);
  if (!findChromium()) {
    console.error('Chromium is needed for the browser tests and could not be installed. Install Chromium or Chrome, or set CHROMIUM_PATH.');
    process.exit(2);
  }
}

const total = { passed: 0, failed: 0, skipped: 0 };
let browserSkips = 0;
let federationSkips = 0;

/** Adds the outcome of a stage; one that reports nothing counts as failed. */
function count(name, { passed, failed, skipped }, exitedWell) {
  const isSilent = passed + failed === 0;
  const failures = failed + (isSilent || (!exitedWell && failed === 0) ? 1 : 0);
  if (isSilent) console.error(`${name}: ran no test.`);
  else if (!exitedWell && failed === 0) console.error(`${name}: every test passed, but the runner reported an error.`);
  total.passed += passed;
  total.failed += failures;
  total.skipped += skipped;
  if (name === 'browser' || name === 'e2e') browserSkips += skipped;
  console.log(`${name}: ${passed} passed, ${failures} failed, ${skipped} skipped`);
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function vitest(project, options = []) {
  const file = join(results, `${project}.json`);
  const exitedWell = run('npx', ['vitest', 'run', '--project', project, ...options, '--reporter=dot', '--reporter=json', `--outputFile.json=${file}`]);
  const report = readJson(file);
  count(project, { passed: report?.numPassedTests ?? 0, failed: report?.numFailedTests ?? 0, skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0) }, exitedWell);
}

/** A port of this machine that nobody listens on. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function endToEnd() {
  const file = join(results, 'e2e.json');
  const exitedWell = run('npx', ['playwright', 'test', '--reporter=list,json'], { PLAYWRIGHT_JSON_OUTPUT_FILE: file, BEDSIDE_E2E_PORT: String(await freePort()) });
  const stats = readJson(file)?.stats;
  // One that passed at its second try failed at its first.
  count('e2e', { passed: stats?.expected ?? 0, failed: (stats?.unexpected ?? 0) + (stats?.flaky ?? 0), skipped: stats?.skipped ?? 0 }, exitedWell);
}

/** The federation's server, in Python: its own tests, and the whole with real nodes, the app in three browsers among them. Skipped, with a sentence, where there is no Python or no PyPI. */
function federation() {
  const file = join(results, 'federation.json');
  const exitedWell = run('npm', ['run', '-s', 'test:federation', '--', '--browsers'], { BEDSIDE_FEDERATION_REPORT: file });
  const report = readJson(file) ?? { passed: 0, failed: 0, skipped: 0 };
  federationSkips = report.skipped;
  if (report.passed + report.failed === 0 && report.skipped > 0) {
    total.skipped += report.skipped;
    console.log(`federation: ${report.skipped} skipped`);
  } else count('federation', report, exitedWell);
}

function typeChecks() {
  const checks = ['check:app', 'check:pure', 'check:node'];
  const passed = checks.filter((name) => run('npm', ['run', '-s', name])).length;
  count('types', { passed, failed: checks.length - passed, skipped: 0 }, passed === checks.length);
}

installChromium();
typeChecks();
// A core is left free unless it is asked for: of two, half.
vitest('node', ['--maxWorkers=100%']);
vitest('browser');
await endToEnd();
federation();

// The tests in a browser are the ones that need WebGPU; one that was skipped proves nothing.
if (process.env['REQUIRE_GPU'] === '1' && browserSkips > 0) {
  console.error(`${browserSkips} browser tests were skipped and REQUIRE_GPU=1 allows none.`);
  total.failed += browserSkips;
}
if (process.env['REQUIRE_FEDERATION'] === '1' && federationSkips > 0) {
  console.error('The federation was skipped and REQUIRE_FEDERATION=1 does not allow that.');
  total.failed += federationSkips;
}
if (total.skipped > 0) console.log(`${total.skipped} skipped`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
