/**
 * `npm run bench -- federation-nodes [--nodes 10,100] [--rounds 5] [--coordinates 1540] [--direct] [--out FILE]`: nodes of the app, all in this process, with made-up
 * noised updates in place of training, through the coordinator's gate to a real SuperLink with a database and the real ServerApp. How long a round takes, what goes
 * over the wire, what the server needs, and of each update that did not count, why: by the server, and by the device. `--direct` leaves the gate out.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join as joinPath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readHistory, type History } from '../e2e/federation/history.ts';
import { join, makeKey, sha256, type Participant } from '../e2e/federation/participant.ts';
import { installFlower } from '../federation-server/coordinator/python-environment.ts';
import { startSuperLink } from '../federation-server/coordinator/superlink.ts';
import { readTask, type Task } from '../src/federation/task.ts';
import { gaussianIntegers } from '../src/privacy/noise.ts';
import { testStream } from '../src/privacy/testing/streams.ts';
import { honestNormBound } from '../src/training/federated-rate.ts';
import { startGate } from './federation-gate.ts';
import { machineInWords } from './machine.ts';
import { residentBytes, watchMemory } from './server-memory.ts';

const usualFile = joinPath(import.meta.dirname, 'results', 'federation-nodes.json');
/** As the app has them. */
const settings = { heartbeatIntervalSeconds: 300, pollMs: 3000 };
const terms = { clipNorm: 0.3, noiseMultiplier: 4 };
const GRID = 2 ** 12;

interface Measured {
  readonly nodes: number;
  readonly rounds: number;
  readonly coordinates: number;
  /** From a round's first instruction to the last reply that was taken. */
  readonly roundSeconds: readonly number[];
  /** Mean time of a node's reply, waiting for its next poll included. */
  readonly replySeconds: number;
  /** All rounds, the start and the end of the ServerApp included. */
  readonly totalSeconds: number;
  readonly accepted: number;
  readonly dropped: number;
  /** How many for which reason: the server's, and what the device knows of that round. */
  readonly droppedBecause: Readonly<Record<string, number>>;
  /** Calls of all devices that were tried again: how often, by the error's sentence. */
  readonly failedCalls: Readonly<Record<string, number>>;
  /** How often the SuperLink said that its database was locked. */
  readonly lockedDatabase: number;
  /** Bodies alone, of a node and round, polls between rounds included. */
  readonly sentBytesPerNodeRound: number;
  readonly receivedBytesPerNodeRound: number;
  readonly callsPerNodeRound: number;
  /** Resident, before anybody has joined and at most. */
  readonly superlinkIdleBytes: number;
  readonly superlinkPeakBytes: number;
  readonly serverAppPeakBytes: number;
  readonly databaseBytes: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { nodes: { type: 'string', default: '10,100' }, rounds: { type: 'string', default: '5' }, coordinates: { type: 'string', default: '1540' }, direct: { type: 'boolean', default: false }, out: { type: 'string', default: usualFile } } });
  const counts = values.nodes.split(',').map((text) => whole('--nodes', text, 2, 1000));
  const [rounds, coordinates] = [whole('--rounds', values.rounds, 1, 1000), whole('--coordinates', values.coordinates, 1, 1_000_000)];
  const bin = installFlower((line) => console.log(line));
  const measured: Measured[] = [];
  for (const nodes of counts) {
    const one = await measure(bin, nodes, rounds, coordinates, values.direct);
    measured.push(one);
    keep(measured, values.out, values.direct);
    console.log(`${nodes} nodes: ${mean(one.roundSeconds).toFixed(1)} s a round, ${(one.sentBytesPerNodeRound / 1000).toFixed(1)} kB sent and ${(one.receivedBytesPerNodeRound / 1000).toFixed(1)} kB received by a node, SuperLink ${megabytes(one.superlinkIdleBytes)} idle and ${megabytes(one.superlinkPeakBytes)} at most, ServerApp ${megabytes(one.serverAppPeakBytes)}, database ${megabytes(one.databaseBytes)}, ${one.accepted} accepted, ${one.dropped} dropped ${JSON.stringify({ ...one.droppedBecause, ...one.failedCalls, 'database locked': one.lockedDatabase })}`);
  }
}

/** After each count, so that what was measured is kept where a longer one is cut off. */
function keep(measured: readonly Measured[], file: string, isDirect: boolean): void {
  const [first, last] = [measured[0]!, measured.at(-1)!];
  const growth = first === last ? null : {
    nodes: last.nodes / first.nodes, roundSeconds: mean(last.roundSeconds) / mean(first.roundSeconds), replySeconds: last.replySeconds / first.replySeconds,
    sentBytesPerNodeRound: last.sentBytesPerNodeRound / first.sentBytesPerNodeRound, superlinkPeakBytes: last.superlinkPeakBytes / first.superlinkPeakBytes, serverAppPeakBytes: last.serverAppPeakBytes / first.serverAppPeakBytes,
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ machine: machineInWords(), date: new Date().toISOString().slice(0, 10), loadAverage: loadavg()[1], pollMs: settings.pollMs, isDirect, measured, growth }, null, 2)}\n`);
}

async function measure(bin: string, count: number, rounds: number, coordinates: number, isDirect: boolean): Promise<Measured> {
  const folder = mkdtempSync(joinPath(tmpdir(), 'bedside-federation-nodes-'));
  const { task, taskHash, taskFile, path } = await writeTask(folder, rounds, coordinates);
  let lockedDatabase = 0;
  const superlink = await startSuperLink(bin, folder, (text) => { lockedDatabase += text.split('(sqlite3.OperationalError) database is locked').length - 1; });
  const gate = isDirect ? null : await startGate({ task, taskFile, upstreamPort: superlink.port, folder, seatCount: count });
  try {
    const flwrHome = joinPath(folder, 'flwr');
    const idle = residentBytes(flwrHome);
    const nodes: Participant[] = [];
    // A few at a time, as people come in.
    for (let seat = 0; seat < count; seat += 5) {
      nodes.push(...(await Promise.all(Array.from({ length: Math.min(5, count - seat) }, async (_, index) => {
        const updates = await Promise.all(Array.from({ length: rounds }, (__, round) => noisedUpdate(seat + index, round + 1, coordinates)));
        const key = await makeKey();
        gate?.seat(key);
        return join(gate?.origin ?? superlink.origin, task, taskHash, (round) => updates[round - 1]!, { key, settings });
      }))));
    }
    while (nodes.some(({ traffic }) => traffic.calls < 3)) await sleep(200);
    const before = nodes.map(({ traffic }) => ({ ...traffic }));
    const memory = watchMemory(flwrHome);
    const out = joinPath(folder, 'out');
    const startedMs = Date.now();
    const status = await superlink.run({ task: path, out, 'min-nodes': count, 'min-replies': 2, 'timeout-s': 600 });
    const totalSeconds = (Date.now() - startedMs) / 1000;
    if (status !== 'finished:completed') throw new Error(`The run did not complete (${status}).\n${superlink.log().slice(-4000)}`);
    const peak = memory();
    const traffic = (of: 'sentBytes' | 'receivedBytes' | 'calls') => nodes.reduce((sum, one, index) => sum + one.traffic[of] - before[index]![of], 0) / (count * rounds);
    const history = readHistory(out).rounds;
    const accepted = history.reduce((sum, round) => sum + Object.keys(round.accepted).length, 0);
    const measured: Measured = {
      nodes: count, rounds, coordinates,
      roundSeconds: history.map(({ seconds }) => Number(seconds.toFixed(2))), replySeconds: history.reduce((sum, { deviceSeconds }) => sum + deviceSeconds, 0) / accepted, totalSeconds,
      accepted, dropped: history.reduce((sum, round) => sum + Object.keys(round.dropped).length, 0),
      droppedBecause: countOf(history.flatMap(({ round, dropped }) => Object.entries(dropped).map(([nodeId, why]) => `${why}; the device: ${ofDevice(nodes, nodeId, round)}`))),
      failedCalls: nodes.reduce<Record<string, number>>((sum, { failures }) => addTo(sum, failures), {}), lockedDatabase,
      sentBytesPerNodeRound: Math.round(traffic('sentBytes')), receivedBytesPerNodeRound: Math.round(traffic('receivedBytes')), callsPerNodeRound: Number(traffic('calls').toFixed(1)),
      superlinkIdleBytes: idle.superlink, superlinkPeakBytes: peak.superlink, serverAppPeakBytes: peak.serverApp, databaseBytes: ['link.db', 'link.db-wal'].reduce((sum, name) => sum + (statSync(joinPath(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0),
    };
    for (const { driven } of nodes) driven.stop();
    await Promise.all(nodes.map(({ driven }) => driven.ended));
    return measured;
  } finally {
    gate?.close();
    await superlink.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a device knows of a round that it has no part in. */
function ofDevice(nodes: readonly Participant[], nodeId: string, round: History['rounds'][number]['round']): string {
  const record = nodes.find((one) => String(one.nodeId) === nodeId)?.node.record;
  const entry = record?.rounds.find((one) => one.round === round);
  return record === undefined ? 'not known' : entry === undefined ? 'no instruction came' : `${entry.outcome}${entry.reason === null ? '' : ` (${entry.reason})`}`;
}

function countOf(reasons: readonly string[]): Readonly<Record<string, number>> {
  return addTo({}, reasons.map((reason) => [reason, 1] as const));
}

function addTo(sum: Record<string, number>, counts: Iterable<readonly [string, number]>): Record<string, number> {
  for (const [what, times] of counts) sum[what] = (sum[what] ?? 0) + times;
  return sum;
}

async function writeTask(folder: string, rounds: number, coordinates: number): Promise<{ readonly task: Task; readonly taskHash: string; readonly taskFile: Buffer; readonly path: string }> {
  const file = new TextEncoder().encode(JSON.stringify({
    name: 'Bench', coordinator: 'a bench on this machine', labels: ['a', 'b'], labelSentences: ['An a.', 'A b.'], baseModel: 'ab'.repeat(32), coordinates, rounds, unit: 'row', delta: 1e-5,
    ...terms, updateNormBound: honestNormBound({ ...terms, coordinates }, 1),
  }));
  const path = joinPath(folder, 'task.json');
  writeFileSync(path, file);
  return { ...(await readTask(sha256, file)), taskFile: Buffer.from(file), path };
}

/** Looks like what a guard releases: nothing but noise. */
async function noisedUpdate(seat: number, round: number, coordinates: number): Promise<Float32Array> {
  return Float32Array.from(await gaussianIntegers(testStream(seat), round, 0, coordinates, terms.clipNorm * terms.noiseMultiplier * GRID), (value) => value / GRID);
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) throw new Error(`${option} must be a whole number from ${least} to ${most}, found ${text}.`);
  return value;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
