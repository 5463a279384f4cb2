/** A real SuperLink of flwr on this machine, and runs of our ServerApp on it. Nothing listens beyond 127.0.0.1. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '..', '..');
const serverFolder = join(root, 'federation-server');

/** Folder with flwr's commands: `BEDSIDE_FLWR_BIN`, else the environment that federation-server/README.md describes; null where there is none. */
export function findFlower(): string | null {
  const folder = process.env['BEDSIDE_FLWR_BIN'] ?? join(serverFolder, '.venv', 'bin');
  return existsSync(join(folder, 'flower-superlink')) ? folder : null;
}

function freePort(): Promise<number> {
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
  readonly origin: string;
  /** Runs the ServerApp to its end. Rejects unless flwr says that the run is complete. */
  run(settings: Readonly<Record<string, string | number>>): Promise<void>;
  stop(): Promise<void>;
}

export async function startSuperLink(bin: string, folder: string): Promise<SuperLink> {
  const port = await freePort();
  const home = join(folder, 'flwr');
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'config.toml'), `[superlink]\ndefault = "local"\n[superlink.local]\naddress = "127.0.0.1:${port}"\ninsecure = true\n`);
  const environment = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, FLWR_HOME: home, FLWR_TELEMETRY_ENABLED: '0', FLWR_DISABLE_UPDATE_CHECK: '1', NO_COLOR: '1' };
  // Only what is packed: neither tests nor an environment of Python.
  const app = join(folder, 'app');
  cpSync(join(serverFolder, 'bedside_federation'), join(app, 'bedside_federation'), { recursive: true, filter: (path) => !path.includes('__pycache__') });
  cpSync(join(serverFolder, 'pyproject.toml'), join(app, 'pyproject.toml'));

  const log: string[] = [];
  const start = (command: string, arguments_: readonly string[]): ChildProcess => {
    const child = spawn(join(bin, command), arguments_, { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => log.push(data.toString()));
    return child;
  };
  const endOf = (child: ChildProcess) => new Promise<number | null>((resolve) => { child.once('exit', resolve); });

  const superlink = start('flower-superlink', ['--insecure', '--host', '127.0.0.1', '--port', String(port), '--database', join(folder, 'link.db'), '--disable-runtime-dependency-installation']);
  const ended = endOf(superlink);
  const origin = `http://127.0.0.1:${port}`;
  await untilHealthy(origin, ended, log);
  /** Status of every run so far; empty where the SuperLink did not answer. */
  const listed = async (): Promise<readonly string[]> => {
    const listing: string[] = [];
    const list = start('flwr', ['list', 'local', '--format', 'json']);
    list.stdout?.on('data', (data: Buffer) => listing.push(data.toString()));
    await endOf(list);
    return [...listing.join('').matchAll(/"status":\s*"([^"]*)"/g)].map(([, status]) => status!);
  };
  return {
    origin,
    async run(settings) {
      const text = Object.entries(settings).map(([key, value]) => `${key}=${typeof value === 'string' ? JSON.stringify(value) : Number.isInteger(value) && !key.endsWith('-s') ? value : value.toFixed(3)}`).join(' ');
      const code = await endOf(start('flwr', ['run', app, 'local', '--stream', '-c', text]));
      // The stream ends early where the SuperLink fails to answer; the run goes on, and its status is what counts.
      let statuses = await listed();
      for (let tries = 0; tries < 300 && (statuses.length === 0 || statuses.some((status) => !status.startsWith('finished'))); tries++) {
        await sleep(2000);
        statuses = await listed();
      }
      if (statuses.some((status) => status !== 'finished:completed')) throw new Error(`The run did not complete (exit ${code}, ${statuses.join(', ')}).\n${log.join('').slice(-12_000)}`);
    },
    async stop() {
      superlink.kill('SIGTERM');
      await Promise.race([ended, sleep(10_000).then(() => superlink.kill('SIGKILL'))]);
    },
  };
}

async function untilHealthy(origin: string, ended: Promise<number | null>, log: readonly string[]): Promise<void> {
  let isOver = false;
  void ended.then(() => { isOver = true; });
  for (let tries = 0; tries < 240 && !isOver; tries++) {
    const answer = await fetch(`${origin}/health`).catch(() => null);
    if (answer?.ok) return;
    await sleep(250);
  }
  throw new Error(`The SuperLink did not start.\n${log.join('').slice(-4000)}`);
}

/** What the ServerApp wrote about its rounds. */
export interface History {
  readonly rounds: readonly { readonly round: number; readonly isCounted: boolean; readonly accepted: Readonly<Record<string, number>>; readonly dropped: Readonly<Record<string, string>> }[];
}

export function readHistory(out: string): History {
  return JSON.parse(readFileSync(join(out, 'history.json'), 'utf8')) as History;
}
