/** A real SuperLink of flwr on this machine, and runs of our ServerApp on it. Nothing of it listens beyond 127.0.0.1. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from './child.ts';

const serverFolder = join(import.meta.dirname, '..');
const START_TRIES = 240;
/** How a run is asked after. One that goes on is waited for, however long it takes: only questions that go unanswered, one after the other, are counted. */
const runPatience = { unanswered: 300, pauseMs: 2000 };
/** What is kept of the output, to be shown where something fails. */
const LOG_CHUNKS = 400;
const ANSWER_CHUNKS = 100;
/** Times that a SuperLink which ended by itself is started again. */
const MOST_RESTARTS = 5;
const RESTART_MS = 1000;

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}

export interface SuperLink {
  readonly port: number;
  readonly origin: string;
  /** Resolves once the SuperLink has ended for good. */
  readonly ended: Promise<number | null>;
  /** Runs the ServerApp to its end; resolves to flwr's status of the run, `finished:completed` where all went well. */
  run(settings: Readonly<Record<string, string | number | boolean>>): Promise<string>;
  /** The last that was said. */
  log(): string;
  stop(): Promise<void>;
}

/** `bin`: folder of flwr's commands. `folder`: where its database, its home and the packed app lie. */
export async function startSuperLink(bin: string, folder: string, onOutput: (text: string) => void = () => undefined, patience = runPatience): Promise<SuperLink> {
  const port = await freePort();
  const home = join(folder, 'flwr');
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'config.toml'), `[superlink]\ndefault = "local"\n[superlink.local]\naddress = "127.0.0.1:${port}"\ninsecure = true\n`);
  const environment = { ...process.env, PATH: `${bin}${process.platform === 'win32' ? ';' : ':'}${process.env['PATH'] ?? ''}`, FLWR_HOME: home, FLWR_TELEMETRY_ENABLED: '0', FLWR_DISABLE_UPDATE_CHECK: '1', NO_COLOR: '1' };
  // Only what is packed: neither tests nor an environment of Python.
  const app = join(folder, 'app');
  rmSync(app, { recursive: true, force: true });
  cpSync(join(serverFolder, 'bedside_federation'), join(app, 'bedside_federation'), { recursive: true, filter: (path) => !path.includes('__pycache__') });
  cpSync(join(serverFolder, 'pyproject.toml'), join(app, 'pyproject.toml'));

  const chunks: string[] = [];
  const heard = (text: string): void => {
    chunks.push(text);
    if (chunks.length > LOG_CHUNKS) chunks.shift();
    onOutput(text);
  };
  const start = (command: string, args: readonly string[], onAnswer: (text: string) => unknown): Child =>
    startChild(join(bin, command), args, { cwd: folder, environment, onOutput: heard, onAnswer });

  const launch = (): Child => start('flower-superlink', ['--insecure', '--host', '127.0.0.1', '--port', String(port), '--database', join(folder, 'link.db'), '--disable-runtime-dependency-installation'], () => undefined);
  let superlink = launch();
  const origin = `http://127.0.0.1:${port}`;
  const log = (): string => chunks.join('');
  await untilHealthy(origin, superlink, log);
  let isStopping = false;
  /** On the same port and database: nodes and their messages are kept, and a ServerApp that is running finds it again. */
  const ended = (async (): Promise<number | null> => {
    for (let restarts = 0; ; restarts++) {
      const code = await superlink.ended;
      if (!isStopping && restarts < MOST_RESTARTS) await sleep(RESTART_MS);
      if (isStopping || restarts >= MOST_RESTARTS) return code;
      heard(`The SuperLink ended by itself (${code ?? 'by a signal'}); starting it again.\n`);
      superlink = launch();
    }
  })();
  const running = new Set<Child>();
  const ran = async (command: string, args: readonly string[]): Promise<string> => {
    const answer: string[] = [];
    // What is asked for stands at the beginning; a stream of days is not kept.
    const child = start(command, args, (text) => answer.length < ANSWER_CHUNKS && answer.push(text));
    running.add(child);
    await child.ended;
    // Forgets it: at our own end its number may be another's.
    await child.stop();
    running.delete(child);
    return answer.join('');
  };
  /** Status of one run; empty where the SuperLink did not answer. */
  const statusOf = async (runId: string): Promise<string> => {
    const listing = await ran('flwr', ['list', 'local', '--run-id', runId, '--format', 'json']);
    return /"status":\s*"([^"]*)"/.exec(listing)?.[1] ?? '';
  };
  return {
    port,
    origin,
    ended,
    async run(settings) {
      const said = await ran('flwr', ['run', app, 'local', '--stream', '-c', configText({ ...settings, 'owner-pid': process.pid })]);
      const runId = /Successfully started run (\d+)/.exec(said)?.[1];
      if (runId === undefined) return 'not started';
      // The stream ends early where the SuperLink fails to answer; the run goes on, and its status is what counts.
      let status = await statusOf(runId);
      for (let unanswered = 0; unanswered < patience.unanswered && !isStopping && !status.startsWith('finished'); unanswered = status === '' ? unanswered + 1 : 0) {
        await sleep(patience.pauseMs);
        status = await statusOf(runId);
      }
      return status;
    },
    log,
    async stop() {
      isStopping = true;
      await Promise.all([...running].map((child) => child.stop()));
      await superlink.stop();
      await ended;
    },
  };
}

/** As flwr reads its overrides, which must have the type that pyproject.toml gives them: a key that ends in `-s` or `-rate` is a float. */
function configText(settings: Readonly<Record<string, string | number | boolean>>): string {
  const text = (key: string, value: string | number | boolean): string => {
    if (typeof value !== 'number') return JSON.stringify(value);
    return /-(s|rate)$/.test(key) && Number.isInteger(value) ? value.toFixed(1) : String(value);
  };
  return Object.entries(settings).map(([key, value]) => `${key}=${text(key, value)}`).join(' ');
}

async function untilHealthy(origin: string, superlink: Child, log: () => string): Promise<void> {
  let isOver = false;
  void superlink.ended.then(() => { isOver = true; });
  for (let tries = 0; tries < START_TRIES && !isOver; tries++) {
    const answer = await fetch(`${origin}/health`).catch(() => null);
    if (answer?.ok) return;
    await sleep(250);
  }
  await superlink.stop();
  throw new Error(`The SuperLink did not start.\n${log().slice(-4000)}`);
}
