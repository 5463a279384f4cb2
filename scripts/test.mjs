// `npm test`: type checks, unit, browser, end-to-end and federation tests; closes with one line `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findChromium } from './chromium.mjs';

const root = join(import.meta.dirname, '..');
const results = join(root, 'test-results');
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

/**
 * Runs a command and keeps what it prints until its stage is over: two stages run side by side, and their lines must not mix.
 * @returns whether it exited 0, and its output.
 */
function run(command, args, environment = {}) {
  return new Promise((resolve) => {
    const chunks = [];
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ exitedWell: false, output: `${error.message}\n` }));
    child.on('close', (code) => resolve({ exitedWell: code === 0, output: Buffer.concat(chunks).toString('utf8') }));
  });
}

function installChromium() {
  if (findChromium()) return;
  console.log('No Chromium was found; installing it with apt-get.');
  spawnSync('apt-get', ['update', '-qq'], { stdio: 'inherit' });
  spawnSync('apt-get', ['install', '-y', '-qq', 'chromium'], { stdio: 'inherit' });
  if (!findChromium()) {
    console.error('Chromium is needed for the browser tests and could not be installed. Install Chromium or Chrome, or set CHROMIUM_PATH.');
    process.exit(2);
  }
}

const total = { passed: 0, failed: 0, skipped: 0 };
const skipsOf = {};
/** Named again at the very end, where nobody has to look for them. */
const failures = [];

/** Adds the outcome of a stage; one that reports nothing counts as failed. */
function count(name, { passed, failed, skipped }, exitedWell) {
  const isSilent = passed + failed === 0;
  const failedOrBroken = failed + (isSilent || (!exitedWell && failed === 0) ? 1 : 0);
  if (isSilent) failures.push(`${name}: ran no test.`);
  else if (!exitedWell && failed === 0) failures.push(`${name}: every test passed, but the runner reported an error.`);
  total.passed += passed;
  total.failed += failedOrBroken;
  total.skipped += skipped;
  skipsOf[name] = skipped;
  return `${name}: ${passed} passed, ${failedOrBroken} failed, ${skipped} skipped`;
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

const firstLine = (text) => String(text ?? '').split('\n', 1)[0];

async function vitest(project, options = []) {
  const file = join(results, `${project}.json`);
  const { exitedWell, output } = await run('npx', ['vitest', 'run', '--project', project, ...options, '--reporter=dot', '--reporter=json', `--outputFile.json=${file}`]);
  const report = readJson(file);
  for (const suite of report?.testResults ?? []) {
    const failed = suite.assertionResults.filter((one) => one.status === 'failed');
    for (const one of failed) failures.push(`${project}: ${suite.name.slice(root.length + 1)}: ${one.fullName}: ${firstLine(one.failureMessages[0])}`);
    if (failed.length === 0 && suite.status === 'failed') failures.push(`${project}: ${suite.name.slice(root.length + 1)}: ${firstLine(suite.message)}`);
  }
  return `${output}${count(project, { passed: report?.numPassedTests ?? 0, failed: report?.numFailedTests ?? 0, skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0) }, exitedWell)}`;
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

/** The specs of a Playwright suite and of those within it. */
const specsOf = (suite) => [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specsOf)];

async function endToEnd() {
  const file = join(results, 'e2e.json');
  const { exitedWell, output } = await run('npx', ['playwright', 'test', '--reporter=list,json'], { PLAYWRIGHT_JSON_OUTPUT_FILE: file, BEDSIDE_E2E_PORT: String(await freePort()), BEDSIDE_E2E_BUILT: '1' });
  const report = readJson(file);
  const stats = report?.stats;
  for (const spec of (report?.suites ?? []).flatMap(specsOf)) if (!spec.ok) failures.push(`e2e: ${spec.file}: ${spec.title}`);
  // One that passed at its second try failed at its first.
  return `${output}${count('e2e', { passed: stats?.expected ?? 0, failed: (stats?.unexpected ?? 0) + (stats?.flaky ?? 0), skipped: stats?.skipped ?? 0 }, exitedWell)}`;
}

/** The federation's server, in Python: its own tests, and the whole with real nodes, the app in three browsers, one whose budget ends, and a SuperLink that dies among them. Skipped, with a sentence, where there is no Python or no PyPI. */
async function federation() {
  const file = join(results, 'federation.json');
  const { exitedWell, output } = await run('npm', ['run', '-s', 'test:federation', '--', '--browsers', '--budget', '--restart'], { BEDSIDE_FEDERATION_REPORT: file });
  const report = readJson(file) ?? { passed: 0, failed: 0, skipped: 0 };
  if (report.passed + report.failed > 0 || report.skipped === 0) return `${output}${count('federation', report, exitedWell)}`;
  total.skipped += report.skipped;
  skipsOf.federation = report.skipped;
  return `${output}federation: ${report.skipped} skipped`;
}

async function typeChecks() {
  const checks = ['check:app', 'check:pure', 'check:node'];
  const outcomes = [];
  for (const name of checks) outcomes.push(await run('npm', ['run', '-s', name]));
  const passed = outcomes.filter(({ exitedWell }) => exitedWell).length;
  return `${outcomes.map(({ output }) => output).join('')}${count('types', { passed, failed: checks.length - passed, skipped: 0 }, passed === checks.length)}`;
}

/** The page that the end-to-end and federation tests open. */
async function build() {
  const { exitedWell, output } = await run('npx', ['vite', 'build', '--logLevel', 'warn']);
  return `${output}${count('build', { passed: exitedWell ? 1 : 0, failed: exitedWell ? 0 : 1, skipped: 0 }, exitedWell)}`;
}

/** One stage after the other; each prints when it is over. */
async function inTurn(stages) {
  for (const [name, stage] of Object.entries(stages)) {
    const startedMs = Date.now();
    console.log(`${name} ...`);
    console.log(`${await stage()} (${Math.round((Date.now() - startedMs) / 1000)} s)`);
  }
}

installChromium();
await Promise.all([inTurn({ types: typeChecks }), inTurn({ build })]);
// Side by side: a browser's tests run one at a time, and the federation's mostly wait for Flower.
await Promise.all([
  inTurn({ browser: () => vitest('browser') }),
  inTurn({ federation, e2e: endToEnd, node: () => vitest('node', ['--maxWorkers=100%']) }),
]);

// The tests in a browser are the ones that need WebGPU; one that was skipped proves nothing.
const browserSkips = (skipsOf.browser ?? 0) + (skipsOf.e2e ?? 0);
if (process.env['REQUIRE_GPU'] === '1' && browserSkips > 0) {
  failures.push(`${browserSkips} browser tests were skipped and REQUIRE_GPU=1 allows none.`);
  total.failed += browserSkips;
}
if (process.env['REQUIRE_FEDERATION'] === '1' && (skipsOf.federation ?? 0) > 0) {
  failures.push('The federation was skipped and REQUIRE_FEDERATION=1 does not allow that.');
  total.failed += skipsOf.federation;
}
for (const failure of failures) console.error(`FAILED ${failure}`);
if (total.skipped > 0) console.log(`${total.skipped} skipped`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
