import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { CHUNK_BYTES } from '../../src/federation/arrays.ts';
import { decode } from '../../src/federation/codec/decode.ts';
import { encode } from '../../src/federation/codec/encode.ts';
import { endpoints, type Endpoint } from '../../src/federation/endpoints.ts';
import { PROTOBUF } from '../../src/federation/fleet-client.ts';
import { updateBytes, type Task } from '../../src/federation/task.ts';
import { checkedReply } from './checked-reply.ts';
import type { Departures } from './departures.ts';
import { GivenInstructions } from './given-instructions.ts';
import { checkBody, commonHeaders, readBody } from './http-body.ts';
import type { PolicyLog } from './policy-log.ts';
import { Refusal } from './refusal.ts';
import type { Seats } from './seats.ts';
import { namedKey, type SignatureCheck } from './signed-caller.ts';
import type { TokenBuckets } from './token-bucket.ts';
import { UploadSessions } from './upload-sessions.ts';

/** Head of an object and the fields around it. */
const OBJECT_ENVELOPE_BYTES = 4096;
const UPSTREAM_TIMEOUT_MS = 60_000;
/** Calls of one key at a time; a node makes one. */
const MOST_AT_ONCE = 4;
/**
 * Calls to the SuperLink at a time; more wait here, in order. Almost every call writes to its database, which takes one writer at a time and says that it is locked
 * to whoever has waited for five seconds, in no order: an instruction that was handed out by then is lost.
 */
const MOST_UPSTREAM = 4;
/** Longest time in which a caller takes its answer: five megabytes over a slow line. */
const SLOWEST_READER_MS = 60_000;
/** Nothing else goes on to the SuperLink: no cookies, no addresses. */
const passedHeaders = ['content-type', 'accept', 'flwr-public-key', 'flwr-signature', 'flwr-timestamp'] as const;

export interface GateParts {
  /** Of the SuperLink on this machine. */
  readonly upstreamPort: number;
  readonly task: Task;
  readonly seats: Seats;
  readonly signatures: SignatureCheck;
  readonly rates: TokenBuckets;
  readonly log: PolicyLog;
  /** A member was heard. */
  readonly onHeard: (keyHash: string) => void;
  readonly departures: Departures;
  /** Since when an instruction must have been made to be answered, unix seconds; Infinity between rounds. */
  readonly answerableSinceSeconds: () => Promise<number>;
}

/** As the SuperLink refuses an answer: it asks for no object. */
const unwanted = Buffer.from(encode(endpoints.pushMessages.answer, { results: [], objectsToPush: [], sessionId: '' }));
const notStored = Buffer.from(encode(endpoints.pushObject.answer, { isStored: false }));

/** What becomes of a call whose body was read. */
interface Checked {
  /** What goes on to the SuperLink; null where the gate answers by itself. */
  readonly body: Buffer | null;
  readonly answer?: Buffer;
  /** Reads what the SuperLink says to it, before it is out. */
  readonly learn?: (answer: Buffer) => void;
}

/**
 * The only way to the SuperLink: ten calls of its Fleet API, POST and protobuf, for keys that hold a seat, each signature once.
 * Left to the SuperLink, which checks it: that the node id in a body belongs to the key. What it does not check of a reply, `checkedReply` does; of an upload, `UploadSessions`.
 */
export class FleetGate {
  readonly #parts: GateParts;
  readonly #caps: ReadonlyMap<string, number>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MOST_UPSTREAM });
  readonly #atOnce = new Map<string, number>();
  readonly #given = new GivenInstructions();
  readonly #sessions = new UploadSessions();

  constructor(parts: GateParts) {
    this.#parts = parts;
    const objectBytes = Math.min(updateBytes(parts.task), CHUNK_BYTES) + OBJECT_ENVELOPE_BYTES;
    this.#caps = new Map(Object.values(endpoints).map(({ name, maximumRequestBytes }) => [name, name === endpoints.pushObject.name ? objectBytes : maximumRequestBytes]));
  }

  /** `name`: what follows `/v1/fleet/`, as it was asked for. @throws Refusal. */
  async handle(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const cap = this.#caps.get(name);
    if (cap === undefined) throw new Refusal('no-such-path');
    let keyHash: string | null = null;
    try {
      if (request.method !== 'POST') throw new Refusal('wrong-method');
      checkBody(request, PROTOBUF, cap);
      const key = namedKey(request.headers);
      ({ keyHash } = key);
      this.#parts.seats.checkMember(keyHash);
      if (!this.#parts.rates.take(keyHash)) throw new Refusal('too-fast');
      this.#parts.signatures.check(key, request.headers);
      await this.#forward(name, keyHash, request, response);
    } catch (error) {
      if (error instanceof Refusal) this.#parts.log.refused(error.reason, name, keyHash);
      throw error;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #forward(name: string, keyHash: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const running = this.#atOnce.get(keyHash) ?? 0;
    if (running >= MOST_AT_ONCE) throw new Refusal('too-fast');
    this.#atOnce.set(keyHash, running + 1);
    try {
      const sent = await readBody(request);
      // A body may take a minute, in which its sender may have left, and been taken off the SuperLink's list.
      this.#parts.seats.checkMember(keyHash);
      this.#parts.onHeard(keyHash);
      const { body, answer: own = Buffer.alloc(0), learn } = await this.#checked(name, keyHash, sent);
      if (body === null) return await pass({ status: 200, headers: { 'content-type': PROTOBUF, date: new Date().toUTCString() }, body: own }, response);
      const answer = await this.#ask(name, request, body);
      if (name === endpoints.unregister.name && answer.status === 200) this.#parts.departures.leave(keyHash);
      if (learn !== undefined && answer.status === 200) readAnswer(() => learn(answer.body));
      await pass(answer, response);
    } finally {
      const left = this.#atOnce.get(keyHash)! - 1;
      if (left === 0) this.#atOnce.delete(keyHash);
      else this.#atOnce.set(keyHash, left);
    }
  }

  /** @throws Refusal `malformed`. */
  async #checked(name: string, keyHash: string, sent: Buffer): Promise<Checked> {
    switch (name) {
      case endpoints.pullMessages.name:
        return { body: sent, learn: (answer) => this.#given.learn(answer) };
      case endpoints.pullObject.name: {
        const read = this.#readOfRun(endpoints.pullObject, sent);
        return { body: Buffer.from(encode(endpoints.pullObject.request, read)), learn: (answer) => this.#given.learnObject(read.objectId, answer) };
      }
      case endpoints.confirm.name: {
        const read = this.#readOfRun(endpoints.confirm, sent);
        // The SuperLink forgets the objects of whatever is named, also those that all instructions of a round share, where the others are not on its list yet.
        if (!this.#given.isSent(read.messageObjectId)) throw new Refusal('malformed');
        return { body: Buffer.from(encode(endpoints.confirm.request, read)) };
      }
      case endpoints.pushMessages.name:
        return this.#checkedReply(keyHash, sent);
      case endpoints.pushObject.name: {
        const read = readBodyOf(endpoints.pushObject, sent);
        if (!this.#given.hasRun(read.runId)) return { body: null, answer: notStored };
        const sessionId = read.sessionId !== '' ? read.sessionId : this.#sessions.sessionOf(keyHash, read.objectId, (id) => this.#given.hasObject(id));
        return sessionId === null ? { body: null, answer: notStored } : { body: Buffer.from(encode(endpoints.pushObject.request, { ...read, sessionId })) };
      }
      default:
        return { body: sent };
    }
  }

  /** @throws Refusal `malformed`, also where no instruction of that run was given out. */
  #readOfRun<Request extends { readonly runId: bigint }>(endpoint: Endpoint<Request, object>, sent: Buffer): Request {
    const read = readBodyOf(endpoint, sent);
    if (!this.#given.hasRun(read.runId)) throw new Refusal('malformed');
    return read;
  }

  async #checkedReply(keyHash: string, sent: Buffer): Promise<Checked> {
    const { body, answers, messageId, ids } = checkedReply(sent, this.#parts.task, (id) => this.#given.has(id));
    // Once a round is over its model is out, and with it the ids of what the next round sends: under other children, in an answer that is as late, it could not be sent.
    // Nor could what the round itself sends, in an answer that is too early.
    if (!this.#given.isSent(answers) || !this.#given.isSince(answers, await this.#parts.answerableSinceSeconds())) return { body: null, answer: unwanted };
    this.#sessions.announce(keyHash, messageId, ids);
    const learn = (answer: Buffer): void => {
      const { objectsToPush, sessionId } = decode(endpoints.pushMessages.answer, answer, endpoints.pushMessages.maximumAnswerBytes);
      if (objectsToPush.length > 0) this.#sessions.open(keyHash, messageId, sessionId);
    };
    return { body, learn };
  }

  /** The same call to the SuperLink, under a path that is built anew. The answer is read whole, so that a caller who takes it slowly holds up nobody's way to the SuperLink. */
  #ask(name: string, { headers }: IncomingMessage, body: Buffer): Promise<UpstreamAnswer> {
    const passed: OutgoingHttpHeaders = { 'content-length': body.length };
    for (const header of passedHeaders) if (headers[header] !== undefined) passed[header] = headers[header];
    return new Promise((resolve, reject) => {
      const upstream = httpRequest({ host: '127.0.0.1', port: this.#parts.upstreamPort, path: `/v1/fleet/${name}`, method: 'POST', headers: passed, agent: this.#agent, timeout: UPSTREAM_TIMEOUT_MS }, (answer) => {
        readBody(answer).then((read) => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: read }), () => reject(new Refusal('upstream')));
      });
      upstream.on('timeout', () => upstream.destroy());
      upstream.on('error', () => reject(new Refusal('upstream')));
      upstream.end(body);
    });
  }
}

/** @throws Refusal `malformed`. */
function readBodyOf<Request extends object>({ request, maximumRequestBytes }: Endpoint<Request, object>, body: Buffer): Request {
  try {
    return decode(request, body, maximumRequestBytes);
  } catch {
    throw new Refusal('malformed');
  }
}

/** @throws Refusal `upstream` where it is no answer. */
function readAnswer(learn: () => void): void {
  try {
    learn();
  } catch {
    throw new Refusal('upstream');
  }
}

interface UpstreamAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Resolves once the caller has it, or has gone. `Date` goes along: a node sets its clock by it. */
function pass({ status, headers: { date, 'content-type': contentType }, body }: UpstreamAnswer, response: ServerResponse): Promise<void> {
  // Of a caller who went before the answer came nothing more is heard.
  if (response.closed || response.destroyed) return Promise.resolve();
  response.writeHead(status, {
    ...commonHeaders,
    'content-type': contentType ?? 'application/octet-stream',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...(date === undefined ? {} : { date }),
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), SLOWEST_READER_MS);
    response.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    response.end(body);
  });
}
