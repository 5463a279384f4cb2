/** `npm run federation` as a coordinator starts it, and calls to it as a browser makes them: TLS, its own certificate trusted. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../federation-server/coordinator/superlink.ts';
import type { FederationStatus } from '../../src/federation/status.ts';
import { signedCallHeaders, type OwnCall } from '../../src/federation/signed-call.ts';
import type { SigningKey } from '../../src/federation/signing.ts';
import { readTask, type Task } from '../../src/federation/task.ts';
import type { Fetch } from '../../src/federation/transport.ts';
import { makeKey, sha256 } from './participant.ts';

const root = join(import.meta.dirname, '..', '..');

export interface Command {
  readonly origin: string;
  readonly pid: number;
  /** Folder of the federation, with `out` in it. */
  readonly folder: string;
  /** As it is served, with the key that signs here. */
  readonly task: Task;
  readonly taskHash: string;
  readonly send: Fetch;
  /** What follows `name-` in a link of the terminal. */
  token(name: 'room' | 'projector'): string;
  status(): Promise<FederationStatus>;
  post(name: string, body: object, headers?: Readonly<Record<string, string>>): Promise<{ readonly status: number; readonly json: Readonly<Record<string, unknown>> }>;
  output(): string;
  /** As Ctrl-C does; resolves to the exit code. */
  interrupt(): Promise<number | null>;
}

let building: Promise<void> | null = null;

/** The app that commands serve, once for all of them: two builds at a time would take each other's files away. */
function builtApp(): Promise<void> {
  building ??= new Promise((resolve, reject) => {
    if (existsSync(join(root, 'dist', 'index.html'))) return resolve();
    spawn('npx', ['vite', 'build', '--logLevel', 'warn'], { cwd: root, stdio: 'inherit' }).once('error', reject).once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`The app could not be built (exit ${code}).`))));
  });
  return building;
}

/** Starts the command and waits until it has said where it is. */
export async function startCommand(bin: string, args: readonly string[], stateFolder: string): Promise<Command> {
  await builtApp();
  const port = await freePort();
  const said: string[] = [];
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', 'federation-server/coordinator/main.ts', '--port', String(port), '--host', '127.0.0.1', '--state', stateFolder, '--no-build', ...args], {
    cwd: root, env: { ...process.env, BEDSIDE_FLWR_BIN: bin }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => said.push(data.toString()));
  const ended = new Promise<number | null>((resolve) => { child.once('exit', resolve); });
  const output = (): string => said.join('');
  let code: number | null | undefined;
  void ended.then((value) => { code = value; });
  for (let tries = 0; tries < 1500 && code === undefined && !output().includes('/#/federation/room-'); tries++) await sleep(200);
  const folder = /Everything is kept in (.*)\. Stop/.exec(output())?.[1];
  if (folder === undefined) throw new Error(`The command did not start (exit ${code}).\n${output()}`);
  const ca = readFileSync(join(stateFolder, 'certificate.pem'));
  const send = trusting(ca);
  const origin = `https://127.0.0.1:${port}`;
  const served = await readTask(sha256, new Uint8Array(await (await send(`${origin}/federation/task`, { method: 'GET' })).arrayBuffer()));
  return {
    origin, pid: child.pid!, folder, ...served, send, output,
    token: (name) => new RegExp(`/#/federation/${name}-([\\w-]{22})`).exec(output())?.[1] ?? '',
    status: async () => (await (await send(`${origin}/federation/status`, { method: 'GET' })).json()) as FederationStatus,
    post: async (name, body, headers = {}) => {
      const answer = await send(`${origin}/federation/${name}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: new TextEncoder().encode(JSON.stringify(body)) });
      return { status: answer.status, json: (await answer.json()) as Readonly<Record<string, unknown>> };
    },
    interrupt: () => {
      child.kill('SIGINT');
      return ended;
    },
  };
}

/** fetch of Node cannot be told whom to trust for one call. */
function trusting(ca: Buffer): Fetch {
  return (url, { method = 'GET', headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const bytes = body instanceof Uint8Array ? body : new Uint8Array(0);
      const request = httpsRequest(url, { method, ca, headers: { ...Object.fromEntries(new Headers(headers)), ...(method === 'GET' ? {} : { 'content-length': String(bytes.length) }) } }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part)).on('error', reject).on('end', () => {
          const fields = Object.entries(answer.headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as [string, string]] : []));
          resolve(new Response(Buffer.concat(parts), { status: answer.statusCode ?? 500, headers: fields }));
        });
      });
      request.on('error', reject);
      request.end(bytes);
    });
}

/** Headers of one of its own addresses, for the task that it serves. */
export async function ownHeaders({ taskHash }: Command, key: SigningKey, method: OwnCall['method'], name: string, body = ''): Promise<Readonly<Record<string, string>>> {
  return signedCallHeaders(key, sha256, { method, path: `/federation/${name}`, taskHash, body: new TextEncoder().encode(body) }, new Date().toISOString());
}

/** At most six minutes: flwr gives a run up a minute after its SuperLink went away. Ends early where the federation has failed. */
export async function until(command: Command, holds: (status: FederationStatus) => boolean): Promise<FederationStatus> {
  for (const deadline = Date.now() + 360_000; ; await sleep(300)) {
    const status = await command.status();
    if (holds(status) || status.state === 'failed' || Date.now() > deadline) return status;
  }
}

/** A new key in the next free seat of the room. */
export async function takeSeat(command: Command): Promise<SigningKey> {
  const key = await makeKey();
  const { invitation } = (await command.post('deal', { room: command.token('room') })).json;
  const status = await enrol(command, key, String(invitation));
  if (status !== 200) throw new Error(`A seat of the room was refused (${status}).`);
  return key;
}

export async function enrol(command: Command, key: SigningKey, invitation: string): Promise<number> {
  const body = { invitation };
  return (await command.post('enrol', body, await ownHeaders(command, key, 'POST', 'enrol', JSON.stringify(body)))).status;
}
