import { utf8ToBytes } from '../ground/bytes.ts';
import { releasableBecause, type Releasable } from '../privacy/doors.ts';
import { npySize } from './arrays.ts';
import { malformed, noFederation, noRelease, turnedAway, wrongContentType } from './errors.ts';
import { failureOfStatus, listed, ServerClock, type ListParts, type TransportAnswer } from './exchange.ts';
import { readJsonObject } from './json-body.ts';
import { isoTimestamp } from './server-time.ts';
import { signedCallHeaders } from './signed-call.ts';
import type { SigningKey } from './signing.ts';
import { readDealtSeat, readProjector, readReleases, readSeat, readStatus, type DealtSeat, type FederationStatus, type ProjectorFacts, type Release } from './status.ts';
import { LARGEST_TASK_BYTES, readTask, type Task } from './task.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** From the origin's root. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Releasable<Uint8Array<ArrayBuffer>>;
  /** Reading stops here, with `federation/too-large`. */
  readonly maximumAnswerBytes: number;
}

/** Carries one request. Throws `federation/unreachable` where no answer came. */
export interface Courier {
  exchange(request: HttpRequest): Promise<TransportAnswer>;
}

export interface CoordinatorParts extends ListParts {
  readonly courier: Courier;
}

const SMALL_BYTES = 4096;
/** A thousand rounds of two hundred bytes. */
const STATUS_BYTES = 400_000;
const PROJECTOR_BYTES = 300_000;
const JSON_TYPE = 'application/json';

/** A key, for the federation that was agreed to: what it signs for one is nothing to another. */
export interface Signer {
  readonly key: SigningKey;
  readonly taskHash: string;
}

/** A seat as people count them, or where its number never came, the invitation for it. */
export type SeatName = { readonly seat: number } | { readonly invitation: string };

interface Call {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly json?: Readonly<Record<string, string>>;
  /** Who signs the call. */
  readonly signer?: Signer;
  readonly maximumAnswerBytes: number;
}

/** The coordinator's own addresses, beside the Fleet API: the task, the status, seats and released models. Every answer is bounded and checked field by field. */
export class CoordinatorClient {
  readonly #parts: CoordinatorParts;
  readonly #serverClock: ServerClock;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#serverClock = new ServerClock(parts.clock);
  }

  /** The task file as it is served, and its hash. @throws `federation/none-here` where this origin runs none. */
  async task(): Promise<{ readonly task: Task; readonly taskHash: string }> {
    const answer = await this.#exchange({ name: 'task', method: 'GET', maximumAnswerBytes: LARGEST_TASK_BYTES });
    // A host of the app alone answers with a page, or with 404.
    if (answer.status === 404 || (answer.status === 200 && !isJson(answer))) throw noFederation();
    return readTask(this.#parts.sha256, checked('task', answer).body);
  }

  async status(): Promise<FederationStatus> {
    return readStatus(await this.#json({ name: 'status', method: 'GET', maximumAnswerBytes: STATUS_BYTES }));
  }

  async releases(): Promise<readonly Release[]> {
    return readReleases(await this.#json({ name: 'releases', method: 'GET', maximumAnswerBytes: STATUS_BYTES }));
  }

  /** A free seat of the room. */
  async deal(room: string): Promise<DealtSeat> {
    return readDealtSeat(await this.#json({ name: 'deal', method: 'POST', json: { room }, maximumAnswerBytes: SMALL_BYTES }));
  }

  /** The seat that an unused invitation is for; takes it for nobody and needs no key. @throws `federation/turned-away`. */
  async look(invitation: string): Promise<DealtSeat> {
    const dealt = readDealtSeat(await this.#json({ name: 'deal', method: 'POST', json: { invitation }, maximumAnswerBytes: SMALL_BYTES }));
    if (dealt.invitation !== invitation) throw malformed('the invitation that was asked about', 'another');
    return dealt;
  }

  /** Takes the invitation's seat for this key; the same again for the same key. @throws `federation/turned-away`. */
  async enrol(signer: Signer, invitation: string): Promise<{ readonly seat: number; readonly seats: number }> {
    return readSeat(await this.#json({ name: 'enrol', method: 'POST', json: { invitation }, signer, maximumAnswerBytes: SMALL_BYTES }));
  }

  /** Says that this key leaves its seat, which is closed when this resolves. @throws `federation/turned-away` where it has none, or another. */
  async leave(signer: Signer, named: SeatName): Promise<void> {
    await this.#json({ name: 'leave', method: 'POST', json: 'seat' in named ? { seat: String(named.seat) } : { invitation: named.invitation }, signer, maximumAnswerBytes: SMALL_BYTES });
  }

  async projector(token: string): Promise<ProjectorFacts> {
    return readProjector(await this.#json({ name: 'projector', method: 'POST', json: { projector: token }, maximumAnswerBytes: PROJECTOR_BYTES }));
  }

  /** The bytes of the newest release, unchecked but for their number. */
  async model(signer: Signer, coordinates: number): Promise<Uint8Array<ArrayBuffer>> {
    return checked('model', await this.#exchange({ name: 'model', method: 'GET', signer, maximumAnswerBytes: npySize([coordinates]) })).body;
  }

  async #json(call: Call): Promise<Readonly<Record<string, unknown>>> {
    const answer = checked(call.name, await this.#exchange(call));
    if (!isJson(answer)) throw wrongContentType(call.name, answer.contentType.slice(0, 80));
    return readJsonObject(answer.body, call.name, call.maximumAnswerBytes);
  }

  /** One call; a 401 is taken for a wrong clock once, if the server's `Date` says so. */
  async #exchange(call: Call): Promise<TransportAnswer> {
    const answer = await this.#send(call);
    return answer.status === 401 && this.#serverClock.set(answer.date) ? this.#send(call) : answer;
  }

  async #send({ name, method, json, signer, maximumAnswerBytes }: Call): Promise<TransportAnswer> {
    const { courier, sha256 } = this.#parts;
    const path = `/federation/${name}`;
    const body = json === undefined ? new Uint8Array(0) : utf8ToBytes(JSON.stringify(json));
    const signed = signer ? await signedCallHeaders(signer.key, sha256, { method, path, taskHash: signer.taskHash, body }, isoTimestamp(this.#serverClock.nowMs())) : {};
    const headers = { ...(json ? { 'content-type': JSON_TYPE } : {}), ...signed };
    return listed(name, body, this.#parts, () => courier.exchange({ method, path, headers, ...(json ? { body: releasableBecause('public', body) } : {}), maximumAnswerBytes }));
  }
}

function isJson({ contentType }: TransportAnswer): boolean {
  return contentType.split(';')[0]!.trim().toLowerCase() === JSON_TYPE;
}

function checked(name: string, answer: TransportAnswer): TransportAnswer {
  if (answer.status === 200) return answer;
  const failure = failureOfStatus(name, answer.status);
  if (failure !== null) throw failure;
  const reason = reasonOf(answer);
  throw reason === 'no-model' ? noRelease() : turnedAway(reason);
}

function reasonOf({ body }: TransportAnswer): string {
  try {
    const { reason } = readJsonObject(body, 'a refusal', SMALL_BYTES);
    return typeof reason === 'string' ? reason : '';
  } catch {
    return '';
  }
}
