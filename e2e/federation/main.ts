/** `npm run test:federation`: unit tests of the ServerApp, then a real SuperLink, the real ServerApp and real nodes. Skipped, with words, where flwr is not installed. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readTask, type Task } from '../../src/federation/task.ts';
import { gaussianIntegers } from '../../src/privacy/noise.ts';
import { testStream } from '../../src/privacy/testing/streams.ts';
import { badness, joinHostile, type Badness } from './hostile.ts';
import { join, sha256, type Participant } from './participant.ts';
import { findFlower } from '../../federation-server/coordinator/python-environment.ts';
import { startSuperLink, type SuperLink } from '../../federation-server/coordinator/superlink.ts';
import { readHistory } from './history.ts';
import { superLinkDies, throughTheCommand, type CommandScene } from './through-the-command.ts';

const root = joinPath(import.meta.dirname, '..', '..');
const COORDINATES = 4096;
const ROUNDS = 3;
const CLIP = 1;
const NOISE_MULTIPLIER = 4;

const LATE = 'no complete reply in time';
const latecomers: readonly Badness[] = ['silence', 'announces and sends nothing'];

const found = findFlower();
if (found === null) {
  console.log('federation: skipped. flwr is not installed; federation-server/README.md says how, or set BEDSIDE_FLWR_BIN.');
  process.exit(0);
}
const bin = found;
const folder = mkdtempSync(joinPath(tmpdir(), 'bedside-federation-'));
const total = { passed: 0, failed: 0 };

function check(isTrue: boolean, what: string): void {
  total[isTrue ? 'passed' : 'failed']++;
  if (!isTrue) console.error(`failed: ${what}`);
}

/** An update as a guard would release it: Gaussian on the integer grid, sigma in units of the clip, so that it looks like nothing but noise. */
async function noisedUpdate(seed: number, round: number): Promise<Float32Array> {
  const grid = 2 ** 12;
  return Float32Array.from(await gaussianIntegers(testStream(seed), round, 0, COORDINATES, CLIP * NOISE_MULTIPLIER * grid), (value) => value / grid);
}

async function taskOf(name: string, rounds: number): Promise<{ readonly task: Task; readonly taskHash: string; readonly path: string }> {
  const sigma = CLIP * NOISE_MULTIPLIER;
  const file = new TextEncoder().encode(JSON.stringify({
    name, coordinator: 'a test on this machine', labels: ['a', 'b'], labelSentences: ['An a.', 'A b.'], baseModel: 'ab'.repeat(32), coordinates: COORDINATES, rounds, unit: 'row',
    clipNorm: CLIP, noiseMultiplier: NOISE_MULTIPLIER, delta: 1e-5, updateNormBound: Math.sqrt(CLIP ** 2 + sigma ** 2 * COORDINATES) + 6 * sigma,
  }));
  const path = joinPath(folder, `${name}.json`);
  writeFileSync(path, file);
  return { ...(await readTask(sha256, file)), path };
}

async function participants(superlink: SuperLink, task: Task, taskHash: string, count: number): Promise<readonly Participant[]> {
  return Promise.all(Array.from({ length: count }, async (_, seat) => {
    const updates = await Promise.all(Array.from({ length: task.rounds }, (_, index) => noisedUpdate(seat, index + 1)));
    return join(superlink.origin, task, taskHash, (round) => updates[round - 1]!);
  }));
}

function nodeIdOf({ node }: Participant): bigint {
  const { membership } = node.record;
  return membership.state === 'member' ? membership.nodeId : 0n;
}

/** Runs the ServerApp to its end, which must be a good one. */
async function completed(superlink: SuperLink, settings: Parameters<SuperLink['run']>[0]): Promise<void> {
  const status = await superlink.run(settings);
  if (status !== 'finished:completed') throw new Error(`The run did not complete (${status}).\n${superlink.log().slice(-12_000)}`);
}

async function untilOnline(nodes: readonly Participant[]): Promise<void> {
  for (let tries = 0; tries < 100 && nodes.some((one) => one.traffic.calls < 3); tries++) await sleep(200);
}

async function untilIdle(nodes: readonly Participant[]): Promise<void> {
  for (let tries = 0; tries < 100 && nodes.some(({ node }) => node.record.work !== null); tries++) await sleep(100);
}

/** Writes what went over the wire beside what the server wrote, and has NumPy compare. */
function equalsReference(out: string, nodes: readonly Participant[], rounds: number): boolean {
  mkdirSync(joinPath(out, 'sent'), { recursive: true });
  for (const participant of nodes) for (const [index, file] of participant.sentArrays.entries()) writeFileSync(joinPath(out, 'sent', `${index + 1}-${nodeIdOf(participant)}.npy`), file);
  const { status, stdout, stderr } = spawnSync(joinPath(bin, 'python'), [joinPath(import.meta.dirname, 'reference.py'), out, String(rounds)], { encoding: 'utf8' });
  console.log(`reference: ${(stdout + stderr).trim()}`);
  return status === 0;
}

async function threeNodes(superlink: SuperLink): Promise<void> {
  const { task, taskHash, path } = await taskOf('three-nodes', ROUNDS);
  const nodes = await participants(superlink, task, taskHash, 3);
  await untilOnline(nodes);
  const out = joinPath(folder, 'three-nodes');
  const startedMs = Date.now();
  await completed(superlink, { task: path, out, 'min-nodes': 3, 'min-replies': 3, 'timeout-s': 60, 'poll-s': 0.5 });
  const seconds = (Date.now() - startedMs) / 1000;
  await untilIdle(nodes);
  const { rounds } = readHistory(out);
  check(rounds.length === ROUNDS && rounds.every(({ isCounted, accepted, dropped }) => isCounted && Object.keys(accepted).length === 3 && Object.keys(dropped).length === 0), `three rounds of three updates, found ${JSON.stringify(rounds)}`);
  check(nodes.every(({ node }) => node.record.rounds.map(({ outcome }) => outcome).join() === 'delivered,delivered,delivered'), 'every node says that three rounds were delivered');
  check(nodes.every(({ node }) => node.record.rounds.every(({ clamps }) => clamps.length === 0)), 'nobody had to clamp anything');
  check(equalsReference(out, nodes, ROUNDS), 'the released model equals the NumPy reference, bit for bit');
  const [{ traffic }] = nodes as readonly [Participant];
  console.log(`three nodes, three rounds: ${seconds.toFixed(1)} s with start and end of the ServerApp; a node sent ${(traffic.sentBytes / ROUNDS / 1000).toFixed(1)} kB and received ${(traffic.receivedBytes / ROUNDS / 1000).toFixed(1)} kB a round in bodies, ${traffic.calls} calls with polls`);
  const told = await Promise.all(nodes.map(({ node }) => node.leave()));
  check(told.every(Boolean), 'every node left and the server was told');
  check((await Promise.all(nodes.map(({ driven }) => driven.ended))).every((error) => error === null), 'no node ended with an error');
}

/** Two honest nodes among hostile ones; `timeoutSeconds` is waited for only where somebody never answers. */
async function hostileNodes(superlink: SuperLink, name: string, kinds: readonly Badness[], timeoutSeconds: number): Promise<void> {
  const { task, taskHash, path } = await taskOf(name, 1);
  const nodes = await participants(superlink, task, taskHash, 2);
  const hostile = await Promise.all(kinds.map((kind) => joinHostile(superlink.origin, kind, COORDINATES)));
  await untilOnline(nodes);
  const out = joinPath(folder, name);
  const startedMs = Date.now();
  await completed(superlink, { task: path, out, 'min-nodes': nodes.length + hostile.length, 'min-replies': 2, 'timeout-s': timeoutSeconds, 'poll-s': 0.5 });
  const seconds = (Date.now() - startedMs) / 1000;
  await Promise.all(hostile.map((one) => one.stop()));
  const [round] = readHistory(out).rounds;
  check(round?.isCounted === true, `${name}: the round counts`);
  check(Object.keys(round?.accepted ?? {}).sort().join() === nodes.map((one) => String(nodeIdOf(one))).sort().join(), `${name}: only the honest are accepted, found ${JSON.stringify(round?.accepted)}`);
  for (const [index, kind] of kinds.entries()) {
    const why = round?.dropped[String(hostile[index]!.nodeId)];
    check(why !== undefined && (why !== LATE || latecomers.includes(kind)), `${kind} is dropped for what it is, found ${why ?? 'accepted'}`);
    console.log(`  ${kind}: ${why ?? 'not dropped'}`);
  }
  check(hostile.every(({ wasSecondTaken }) => !wasSecondTaken), `${name}: no second reply is taken`);
  // An announced upload would hold flwr's own grid for three minutes beyond any timeout; the rest is start and end of the ServerApp.
  check(seconds < timeoutSeconds + 150, `${name}: the round ends at its timeout of ${timeoutSeconds} s, took ${seconds.toFixed(1)} s`);
  check(equalsReference(out, nodes, 1), `${name}: the released model is the mean of the honest, bit for bit`);
  console.log(`${name}: two honest nodes and ${kinds.length} hostile ones, ${seconds.toFixed(1)} s`);
  await Promise.all(nodes.map(({ node }) => node.leave()));
}

const python = joinPath(bin, 'python');
if (spawnSync(python, ['-c', 'import pytest'], { stdio: 'ignore' }).status === 0) {
  const unit = spawnSync(python, ['-m', 'pytest', '-q', '--no-header', '-p', 'no:cacheprovider', '-W', 'ignore'], { cwd: joinPath(root, 'federation-server'), stdio: 'inherit' });
  check(unit.status === 0, 'the unit tests of the ServerApp');
} else {
  console.log('unit tests of the ServerApp: skipped. pytest is not installed; federation-server/README.md says how.');
}
const startedMs = Date.now();
const scene: CommandScene = { bin, folder, check, taskOf, noisedUpdate };
const failed = (error: unknown): void => check(false, error instanceof Error ? (error.stack ?? error.message) : String(error));
if (!process.argv.includes('--hostile')) await throughTheCommand(scene).catch(failed);
if (process.argv.includes('--restart')) await superLinkDies(scene).catch(failed);
if (process.argv.includes('--command')) {
  rmSync(folder, { recursive: true, force: true });
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exit(total.failed === 0 ? 0 : 1);
}
const superlink = await startSuperLink(bin, folder);
try {
  if (!process.argv.includes('--hostile')) await threeNodes(superlink);
  await hostileNodes(superlink, 'bad-replies', [...(Object.keys(badness) as (keyof typeof badness)[]), 'an error', 'a second reply'], 300);
  await hostileNodes(superlink, 'no-replies', latecomers, 45);
} catch (error) {
  check(false, error instanceof Error ? error.message : String(error));
} finally {
  await superlink.stop();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`real SuperLink: ${((Date.now() - startedMs) / 1000).toFixed(0)} s`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
