/** A coordinator's origin for tests, in Node and in browsers: its own addresses beside a fake SuperLink. Writes down every request as it came. */
import { bytesToHex, bytesToUtf8, utf8ToBytes } from '../../ground/bytes.ts';
import { agreementFigures } from '../agreement.ts';
import { toNpy } from '../arrays.ts';
import { releaseMessage } from '../release.ts';
import { bytesToBase64 } from '../signing.ts';
import type { FederationState, FederationStatus, Release } from '../status.ts';
import { readTask, type Task } from '../task.ts';
import type { Fetch } from '../transport.ts';
import { FakeSuperLink, type Fault } from './fake-superlink.ts';
import { sha256 } from './sha256.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

interface Seat {
  readonly seat: number;
  key: string | null;
  isDealt: boolean;
  hasLeft?: boolean;
}

export const room = 'room-token';
export const projectorToken = 'projector-token';
const seatCount = 5;

export class FakeCoordinator {
  readonly link: FakeSuperLink;
  readonly requests: SeenRequest[] = [];
  readonly task: Task;
  readonly taskHash: string;
  /** Of the file that is served now. */
  #servedHash: string;
  state: FederationState = 'waiting';
  roundsDone: FederationStatus['rounds'] = [];
  /** Done to the n-th call of one of its own addresses, counted from 1. */
  faults: (name: string, nth: number) => Fault | null = () => null;
  /** What is served, newest last. */
  readonly releases: { readonly release: Release; readonly file: Uint8Array<ArrayBuffer> }[] = [];
  #taskFile: Uint8Array<ArrayBuffer>;
  readonly #signing: CryptoKeyPair;
  readonly #seats = new Map<string, Seat>();
  readonly #counts = new Map<string, number>();

  private constructor(clock: { nowMs(): number }, file: Uint8Array<ArrayBuffer>, task: Task, taskHash: string, signing: CryptoKeyPair) {
    this.link = new FakeSuperLink(clock);
    this.task = task;
    this.taskHash = taskHash;
    this.#servedHash = taskHash;
    this.#taskFile = file;
    this.#signing = signing;
    for (let seat = 1; seat <= seatCount; seat++) this.#seats.set(`seat-${seat}`, { seat, key: null, isDealt: false });
  }

  /** `json`: the task file but for its release key. */
  static async open(json: Readonly<Record<string, unknown>>, clock = { nowMs: () => Date.now() }): Promise<FakeCoordinator> {
    const signing = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']);
    const releaseKey = bytesToBase64(new Uint8Array(await crypto.subtle.exportKey('spki', signing.publicKey)));
    const file = utf8ToBytes(JSON.stringify({ ...json, releaseKey }));
    const { task, taskHash } = await readTask(sha256, file);
    return new FakeCoordinator(clock, file, task, taskHash, signing);
  }

  /** Serves another file from now on. */
  async changeTask(json: Readonly<Record<string, unknown>>): Promise<void> {
    this.#taskFile = utf8ToBytes(JSON.stringify(json));
    this.#servedHash = bytesToHex(await sha256(this.#taskFile));
  }

  /** Signs and serves a model. `change`: of the release after it was signed; `file`: other bytes than those that were. */
  async release(version: number, round: number, model: Float32Array, change: Partial<Release> = {}, file?: Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = toNpy(model, [model.length]);
    const unsigned = { version, round, sha256: bytesToHex(await sha256(bytes)), sizeBytes: bytes.length };
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-384' }, this.#signing.privateKey, releaseMessage(this.taskHash, unsigned));
    this.releases.push({ release: { ...unsigned, signature: bytesToBase64(new Uint8Array(signature)), ...change }, file: file ?? bytes });
  }

  readonly fetch: Fetch = async (url, init) => {
    const { pathname } = new URL(url);
    const body: Uint8Array = init.body instanceof Uint8Array ? init.body : new Uint8Array(0);
    this.requests.push({ method: init.method ?? 'GET', path: pathname, headers: Object.fromEntries(new Headers(init.headers)), body: Uint8Array.from(body) });
    if (pathname.startsWith('/v1/fleet/')) return this.link.fetch(url, init);
    const name = pathname.split('/').at(-1) ?? '';
    const nth = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, nth);
    const fault = this.faults(name, nth);
    if (fault === 'lose-request') throw new TypeError('Failed to fetch');
    if (fault instanceof Response) return fault;
    const answer = this.#answer(`${init.method} ${pathname}`, body, new Headers(init.headers).get('flwr-public-key'));
    if (fault === 'lose-answer') throw new TypeError('Failed to fetch');
    return answer;
  };

  #answer(call: string, body: Uint8Array, key: string | null): Response {
    const newest = this.releases.at(-1);
    switch (call) {
      case 'GET /federation/task':
        return new Response(this.#taskFile, { headers: { 'content-type': 'application/json' } });
      case 'GET /federation/status':
        return json(this.#status());
      case 'GET /federation/releases':
        return json({ releases: this.releases.map(({ release }) => release) });
      case 'GET /federation/model':
        if (![...this.#seats.values()].some((seat) => seat.key !== null && seat.key === key)) return refusal(403, 'not-enrolled');
        return newest ? new Response(newest.file, { headers: { 'content-type': 'application/octet-stream' } }) : refusal(404, 'no-model');
      case 'POST /federation/deal':
        return this.#deal(asked(body));
      case 'POST /federation/enrol':
        return this.#enrol(String(asked(body)['invitation']), key);
      case 'POST /federation/leave':
        return this.#leave(key, asked(body));
      case 'POST /federation/projector':
        return asked(body)['projector'] === projectorToken ? json({ address: 'https://example.org', roomLink: `https://example.org/#/federation/room-${room}`, roomQr: '<svg xmlns="http://www.w3.org/2000/svg"/>', fingerprint: null }) : refusal(403, 'unknown-invitation');
    }
    return refusal(404, 'no-such-path');
  }

  #deal({ room: token, invitation: known }: Readonly<Record<string, unknown>>): Response {
    if (known !== undefined) return this.#look(String(known));
    if (token !== room) return refusal(404, 'no-room');
    const [invitation, seat] = [...this.#seats].find(([, one]) => !one.isDealt && one.key === null) ?? [];
    if (invitation === undefined || seat === undefined) return refusal(409, 'no-seat-left');
    seat.isDealt = true;
    return json({ seat: seat.seat, invitation });
  }

  #look(invitation: string): Response {
    const seat = this.#seats.get(invitation);
    if (seat === undefined) return refusal(403, 'unknown-invitation');
    return seat.key === null ? json({ seat: seat.seat, invitation }) : refusal(409, 'used-invitation');
  }

  #enrol(invitation: string, key: string | null): Response {
    const seat = this.#seats.get(invitation);
    if (seat === undefined || key === null) return refusal(403, 'unknown-invitation');
    if (seat.key !== null && seat.key !== key) return refusal(409, 'used-invitation');
    seat.key = key;
    return json({ seat: seat.seat, seats: seatCount });
  }

  #leave(key: string | null, named: Readonly<Record<string, unknown>>): Response {
    const [invitation, seat] = [...this.#seats].find(([, one]) => one.key !== null && one.key === key) ?? [];
    if (seat === undefined || key === null) return refusal(403, 'not-enrolled');
    if (named['seat'] !== String(seat.seat) && named['invitation'] !== invitation) return refusal(409, 'second-invitation');
    seat.hasLeft = true;
    const node = this.link.nodes.get(key);
    if (node) node.isRegistered = false;
    return json({ hasLeft: true });
  }

  #status(): object {
    const { epsilonPerRound, epsilonTotal } = agreementFigures(this.task);
    const enrolled = [...this.#seats.values()].filter(({ key }) => key !== null).length;
    return {
      taskHash: this.#servedHash, state: this.state, round: null, roundsPlanned: this.task.rounds,
      rounds: this.roundsDone,
      participants: { seats: seatCount, enrolled, left: 0, present: enrolled, asked: 0, needed: 3 },
      epsilon: { spent: 0, perRound: epsilonPerRound, total: epsilonTotal, delta: this.task.delta, unit: this.task.unit },
      central: null, initialAccuracy: null, model: this.releases.at(-1)?.release ?? null, refused: { replayed: 1 },
    };
  }
}

function asked(body: Uint8Array): Readonly<Record<string, unknown>> {
  return JSON.parse(bytesToUtf8(body)) as Readonly<Record<string, unknown>>;
}

function json(value: unknown): Response {
  return new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json; charset=utf-8' } });
}

export function refusal(status: number, reason: string): Response {
  return new Response(JSON.stringify({ reason, detail: 'no' }), { status, headers: { 'content-type': 'application/json' } });
}

