/**
 * `npm run bench -- federation-browsers [--browsers 10,30] [--rounds 3] [--at-once 3] [--out FILE]`: a room of real browsers on this machine. Each opens the room's one
 * link in a context of its own of one Chromium, takes the notes of its seat, draws an update, consents, and answers rounds in WebAssembly, through the coordinator's
 * command: TLS, the gate, a SuperLink, the ServerApp. How long joining and a round take, how many count, what is refused, what browser and server need.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join as joinPath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import { startCommand, type Command } from '../e2e/federation/command.ts';
import { readHistory } from '../e2e/federation/history.ts';
import { join, openParticipant, type Participant } from '../e2e/federation/in-browsers.ts';
import { installFlower } from '../federation-server/coordinator/python-environment.ts';
import type { FederationStatus } from '../src/federation/status.ts';
import { chromiumArguments, chromiumPath } from '../scripts/chromium.mjs';
import { machineInWords } from './machine.ts';
import { residentBytesOfTree } from './process-tree.ts';
import { residentBytes } from './server-memory.ts';

const usualFile = joinPath(import.meta.dirname, 'results', 'federation-browsers.json');
const LOOK_MS = 2000;
/** As a person would: opens the link anew. */
const JOIN_TRIES = 3;
/** For a step of a page: thirty that read their notes share the cores of one machine. */
const PATIENCE_MS = 15 * 60_000;
/** Of one bench, after which it says how far it has come. */
const LONGEST_MS = 30 * 60_000;

interface Measured {
  readonly browsers: number;
  /** Of the last quarter of an hour, the bench's own part included. */
  readonly loadAverage: number;
  /** From the first that opened the link to the last whose page said that it takes part. */
  readonly joiningSeconds: number;
  /** From opening the link to taking part, each by itself, waiting for the others on the same cores included. */
  readonly joinSeconds: readonly number[];
  /** Tries to join that failed, each what was said, cut short. */
  readonly notJoined: readonly string[];
  readonly rounds: readonly { readonly round: number; readonly seconds: number; readonly accepted: number; readonly dropped: Readonly<Record<string, number>>; readonly isKept: boolean }[];
  readonly state: FederationStatus['state'];
  readonly totalSeconds: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly pageFaults: readonly string[];
  /** Resident at most, at one look every two seconds. The command's without Flower's. */
  readonly browserPeakBytes: number;
  readonly commandPeakBytes: number;
  readonly superlinkPeakBytes: number;
  readonly serverAppPeakBytes: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { browsers: { type: 'string', default: '10,30' }, rounds: { type: 'string', default: '3' }, 'at-once': { type: 'string', default: '3' }, out: { type: 'string', default: usualFile } } });
  const counts = values.browsers.split(',').map((text) => whole('--browsers', text, 2, 200));
  const [rounds, atOnce] = [whole('--rounds', values.rounds, 1, 100), whole('--at-once', values['at-once'], 1, 200)];
  const bin = installFlower((line) => console.log(line));
  const measured: Measured[] = [];
  for (const count of counts) {
    measured.push(await measure(bin, count, rounds, atOnce));
    mkdirSync(dirname(values.out), { recursive: true });
    writeFileSync(values.out, `${JSON.stringify({ machine: machineInWords(), date: new Date().toISOString().slice(0, 10), atOnce, measured }, null, 2)}\n`);
    console.log(JSON.stringify(measured.at(-1)));
  }
}

async function measure(bin: string, count: number, rounds: number, atOnce: number): Promise<Measured> {
  const folder = mkdtempSync(joinPath(tmpdir(), 'bedside-federation-browsers-'));
  const command = await startCommand(bin, ['--rounds', String(rounds), '--min-clients', String(count), '--seats', String(count)], folder);
  const server = await chromium.launchServer({ executablePath: chromiumPath(), args: chromiumArguments });
  const browser = await chromium.connect(server.wsEndpoint());
  const peak = { browser: 0, command: 0, superlink: 0, serverApp: 0 };
  const watch = setInterval(() => {
    const { superlink, serverApp } = residentBytes(joinPath(command.folder, 'flwr'));
    const now = { browser: residentBytesOfTree(server.process().pid!), command: residentBytesOfTree(command.pid) - superlink - serverApp, superlink, serverApp };
    for (const part of ['browser', 'command', 'superlink', 'serverApp'] as const) peak[part] = Math.max(peak[part], now[part]);
  }, LOOK_MS);
  const participants: Participant[] = [];
  const startedMs = Date.now();
  const secondsSince = (ms: number) => Number(((Date.now() - ms) / 1000).toFixed(1));
  try {
    const address = `${command.origin}/?backend=wasm#/federation/room-${command.token('room')}`;
    const [joinSeconds, notJoined]: [number[], string[]] = [[], []];
    const joinOnce = async (): Promise<boolean> => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' });
      try {
        const participant = await openParticipant(() => Promise.resolve(context), address);
        await join(participant, undefined, PATIENCE_MS);
        participants.push(participant);
        return true;
      } catch (error) {
        notJoined.push((error instanceof Error ? error.message : String(error)).slice(0, 200));
        console.log(`a try to join failed: ${notJoined.at(-1)}`);
        await context.close();
        return false;
      }
    };
    let opened = 0;
    await Promise.all(Array.from({ length: Math.min(atOnce, count) }, async () => {
      while (opened++ < count) {
        const beganMs = Date.now();
        let isIn = false;
        for (let tries = 0; tries < JOIN_TRIES && !isIn; tries++) isIn = await joinOnce();
        if (isIn) joinSeconds.push(secondsSince(beganMs));
        console.log(`${joinSeconds.length} of ${count} take part after ${secondsSince(startedMs)} s, browsers ${Math.round(peak.browser / 1e6)} MB`);
      }
    }));
    const joiningSeconds = secondsSince(startedMs);
    // A round waits for all of them.
    const status = joinSeconds.length < count ? await command.status() : await untilEnded(command, startedMs);
    const { rounds: history } = readHistory(joinPath(command.folder, 'out'));
    return {
      browsers: count, loadAverage: loadavg()[2]!, joiningSeconds, joinSeconds, notJoined,
      rounds: history.map(({ round, seconds, accepted, dropped, isKept }) => ({ round, seconds: Number(seconds.toFixed(1)), accepted: Object.keys(accepted).length, dropped: countOf(Object.values(dropped)), isKept })),
      state: status.state, totalSeconds: secondsSince(startedMs), refused: status.refused, pageFaults: participants.flatMap(({ faults }) => faults),
      browserPeakBytes: peak.browser, commandPeakBytes: peak.command, superlinkPeakBytes: peak.superlink, serverAppPeakBytes: peak.serverApp,
    };
  } finally {
    clearInterval(watch);
    await browser.close();
    await server.close();
    await command.interrupt();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function untilEnded(command: Command, startedMs: number): Promise<FederationStatus> {
  for (let last = -1; ; await sleep(LOOK_MS)) {
    const status = await command.status();
    if (status.rounds.length !== last) {
      last = status.rounds.length;
      console.log(`${status.state}, ${last} rounds done, ${status.participants.present} present, after ${((Date.now() - startedMs) / 1000).toFixed(0)} s`);
    }
    if (status.state === 'finished' || status.state === 'failed' || Date.now() - startedMs > LONGEST_MS) return status;
  }
}

function countOf(reasons: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) throw new Error(`${option} must be a whole number from ${least} to ${most}, found ${text}.`);
  return value;
}
