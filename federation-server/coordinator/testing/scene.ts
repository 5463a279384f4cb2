/** A coordinator's server on a free port, before a SuperLink that only remembers what it was asked; the clock is moved by a test. */
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from '../../../src/federation/codec/decode.ts';
import { encode } from '../../../src/federation/codec/encode.ts';
import { node } from '../../../src/federation/codec/messages.ts';
import { readTask } from '../../../src/federation/task.ts';
import { coordinatorHandler, type Coordinator } from '../coordinator.ts';
import { InvitationLinks } from '../invitation-links.ts';
import { PolicyLog } from '../policy-log.ts';
import { serverLimits } from '../request-handler.ts';
import type { Supervised } from '../run-status.ts';
import { Seats, type KeptSeats } from '../seats.ts';
import { nodeList, UNREGISTERED } from '../superlink-nodes.ts';

export const PROTOBUF = 'application/protobuf';
export const secret = '0f'.repeat(32);

export const taskFile = Buffer.from(JSON.stringify({
  name: 'Test', coordinator: 'Nobody', labels: ['a', 'b'], labelSentences: ['An a.', 'A b.'], baseModel: 'ab'.repeat(32),
  coordinates: 100, rounds: 3, unit: 'row', clipNorm: 1, noiseMultiplier: 4, delta: 1e-5, updateNormBound: 60,
}));

const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
export const taskHash = sha256(taskFile);

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly reason: string | null;
}

export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface TestKey {
  readonly pem: string;
  readonly keyHash: string;
  /** Headers as a node signs Fleet calls, or another text with the time in its last line. */
  headers(atMs: number, message?: (timestamp: string) => string): Record<string, string>;
  /** Headers of one of the coordinator's own addresses. */
  callHeaders(atMs: number, call: string, body?: string, ofTask?: string): Record<string, string>;
}

export function makeKey(namedCurve = 'P-384'): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
  return keyOf(publicKey, privateKey);
}

export function keyOf(publicKey: KeyObject, privateKey: KeyObject): TestKey {
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const keyHash = sha256(pem);
  const key: TestKey = {
    pem,
    keyHash,
    callHeaders: (atMs, call, body = '', ofTask = taskHash) => key.headers(atMs, (timestamp) => `bedside federation call 1\n${call}\n${ofTask}\n${keyHash}\n${sha256(body)}\n${timestamp}\n`),
    headers: (atMs, message = (timestamp) => timestamp) => {
      const timestamp = new Date(atMs).toISOString();
      const signature = sign('sha256', Buffer.from(message(timestamp)), { key: privateKey, dsaEncoding: 'der' });
      return { 'flwr-public-key': Buffer.from(pem).toString('base64'), 'flwr-timestamp': timestamp, 'flwr-signature': signature.toString('base64') };
    },
  };
  return key;
}

export class Scene {
  nowMs = Date.parse('2026-11-25T12:00:00Z');
  supervised: Supervised = 'running';
  /** What the SuperLink was asked. */
  readonly asked: Asked[] = [];
  /** Its nodes, which the coordinator asks after: by id, the key's PEM and how it stands. */
  readonly registered = new Map<bigint, { readonly pem: string; status: string }>();
  /** What it answers; null: it hangs up. */
  upstreamStatus: number | null = 200;
  /** With which body, to a call of the Fleet API. */
  upstreamBody: Uint8Array = Buffer.of(8, 1);
  /** Holds the SuperLink's answers back until it is resolved. */
  upstreamHold: Promise<void> = Promise.resolve();
  readonly logged: string[] = [];
  readonly saved: KeptSeats[] = [];
  readonly seats: Seats;
  readonly links: InvitationLinks;

  private constructor(
    private readonly upstream: Server,
    private readonly server: Server,
    private readonly coordinator: Coordinator,
    private readonly folder: string,
    readonly upstreamPort: number,
    parts: { readonly seats: Seats; readonly links: InvitationLinks },
  ) {
    ({ seats: this.seats, links: this.links } = parts);
  }

  /** `kept`: seats of a coordinator that ran before. */
  static async start({ seats: count = 3, isDealing = true, kept = { version: 1, secret, seats: [] } }: { seats?: number; isDealing?: boolean; kept?: KeptSeats } = {}): Promise<Scene> {
    let scene: Scene | null = null;
    const here = (): Scene => scene!;
    const upstream = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
        const [path, body] = [request.url ?? '', Buffer.concat(parts)];
        if (!path.startsWith('/v1/control/')) here().asked.push({ path, headers: request.headers, body });
        const status = here().upstreamStatus;
        void here().upstreamHold.then(() => {
          if (status === null) return request.socket.destroy();
          if (path.startsWith('/v1/control/')) return response.writeHead(status, { 'content-type': PROTOBUF }).end(here().#control(path, body));
          return response.writeHead(status, { 'content-type': PROTOBUF, date: 'Wed, 25 Nov 2026 12:00:00 GMT', 'set-cookie': 'a=b', server: 'uvicorn' }).end(here().upstreamBody);
        });
      });
    });
    const upstreamPort = await listen(upstream);
    const nowMs = (): number => here().nowMs;
    const { task } = await readTask((bytes) => Promise.resolve(createHash('sha256').update(bytes).digest()), new Uint8Array(taskFile));
    const seats = new Seats(kept, count, (next) => void here().saved.push(next));
    const log = new PolicyLog((line) => void here().logged.push(line));
    const links = new InvitationLinks('https://bedside.example:8443', seats);
    const folder = mkdtempSync(join(tmpdir(), 'bedside-coordinator-'));
    const outFolder = join(folder, 'out');
    const filesFolder = join(folder, 'dist');
    const coordinator = coordinatorHandler({ task, taskFile, outFolder, filesFolder, upstreamPort, minClients: 2, isDealing, fingerprint: 'AA:BB', seats, links, log, nowMs, supervised: () => here().supervised });
    const server = createServer(serverLimits, coordinator.handle);
    scene = new Scene(upstream, server, coordinator, folder, upstreamPort, { seats, links });
    mkdirSync(outFolder);
    mkdirSync(join(filesFolder, 'assets'), { recursive: true });
    writeFileSync(join(filesFolder, 'index.html'), '<!doctype html><title>Bedside</title>');
    writeFileSync(join(filesFolder, 'assets', 'bedside-1.js'), 'export {};');
    writeFileSync(join(filesFolder, '.hidden'), 'no');
    writeFileSync(join(folder, 'beside.txt'), 'no');
    await listen(server);
    return scene;
  }

  /** The part of the Control API that the coordinator needs. */
  #control(path: string, body: Uint8Array): Uint8Array {
    if (path.endsWith('/list-nodes')) return encode(nodeList, { nodes: [...this.registered].map(([nodeId, { pem, status }]) => ({ nodeId, status, publicKey: Buffer.from(pem) })) });
    this.registered.get(decode(node, Uint8Array.from(body), 100).nodeId)!.status = UNREGISTERED;
    return new Uint8Array(0);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get outFolder(): string {
    return join(this.folder, 'out');
  }

  /** One call, byte for byte as it is given: `fetch` would tidy up paths and headers. */
  call(method: string, path: string, headers: Readonly<Record<string, string>> = {}, body: Uint8Array | string = ''): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const bytes = Buffer.from(body);
      const request = httpRequest({ host: '127.0.0.1', port: this.port, method, path, agent: false, headers: method === 'GET' ? headers : { 'content-length': bytes.length, ...headers } }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part)).on('error', reject).on('end', () => {
          const answer = Buffer.concat(parts);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: answer, reason: reasonOf(response.headers['content-type'], answer) });
        });
      });
      request.on('error', reject);
      request.end(bytes);
    });
  }

  fleet(name: string, key: TestKey, body: Uint8Array = Buffer.of(10, 0), change: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.call('POST', `/v1/fleet/${name}`, { 'content-type': PROTOBUF, ...key.headers(this.nowMs), ...change }, body);
  }

  enrol(key: TestKey, invitation: string): Promise<Answer> {
    return this.signed(key, 'enrol', { invitation });
  }

  /** A POST as the key signs it. `change`: of the headers. */
  signed(key: TestKey, name: string, body: object, change: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.post(name, body, { ...key.callHeaders(this.nowMs, `POST /federation/${name}`, JSON.stringify(body)), ...change });
  }

  post(name: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.call('POST', `/federation/${name}`, { 'content-type': 'application/json', ...headers }, JSON.stringify(body));
  }

  /** As the ServerApp says when it has begun a round, or that it is between two. */
  answerableSince(seconds: number | null): void {
    writeFileSync(join(this.outFolder, 'answerable.txt'), seconds === null ? '' : String(seconds));
  }

  /** A key with a seat. */
  async member(): Promise<TestKey> {
    const key = makeKey();
    const { status } = await this.enrol(key, this.seats.freeInvitations()[0]!);
    if (status !== 200) throw new Error(`not enrolled: ${status}`);
    return key;
  }

  async stop(): Promise<void> {
    this.coordinator.close();
    for (const server of [this.server, this.upstream]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function reasonOf(contentType: string | undefined, body: Buffer): string | null {
  if (contentType !== 'application/json') return null;
  const value: unknown = JSON.parse(body.toString('utf8'));
  return typeof value === 'object' && value !== null && 'reason' in value ? String(value.reason) : null;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
