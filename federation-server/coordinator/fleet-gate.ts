import { Agent, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { CHUNK_BYTES } from '../../src/federation/arrays.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { PROTOBUF } from '../../src/federation/fleet-client.ts';
import { updateBytes, type Task } from '../../src/federation/task.ts';
import { checkedReply } from './checked-reply.ts';
import { checkBody, commonHeaders, readBody } from './http-body.ts';
import type { PolicyLog } from './policy-log.ts';
import { Refusal } from './refusal.ts';
import type { Seats } from './seats.ts';
import { namedKey, type SignatureCheck } from './signed-caller.ts';
import type { TokenBuckets } from './token-bucket.ts';

/** Head of an object and the fields around it. */
const OBJECT_ENVELOPE_BYTES = 4096;
const UPSTREAM_TIMEOUT_MS = 60_000;
/** Calls of one key at a time; a node makes one. */
const MOST_AT_ONCE = 4;
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
  readonly onLeft: (keyHash: string) => void;
}

/**
 * The only way to the SuperLink: ten calls of its Fleet API, POST and protobuf, for keys that hold a seat, each signature once.
 * Left to the SuperLink, which checks it: that the node id in a body belongs to the key. What it does not check of a reply, `checkedReply` does.
 */
export class FleetGate {
  readonly #parts: GateParts;
  readonly #caps: ReadonlyMap<string, number>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32 });
  readonly #atOnce = new Map<string, number>();

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
      const body = name === endpoints.pushMessages.name ? checkedReply(sent, this.#parts.task) : sent;
      this.#parts.onHeard(keyHash);
      const answer = await this.#ask(name, request, body);
      if (name === endpoints.unregister.name && answer.statusCode === 200) {
        this.#parts.seats.leave(keyHash);
        this.#parts.onLeft(keyHash);
        this.#parts.log.event('left', keyHash);
      }
      await pass(answer, response);
    } finally {
      const left = this.#atOnce.get(keyHash)! - 1;
      if (left === 0) this.#atOnce.delete(keyHash);
      else this.#atOnce.set(keyHash, left);
    }
  }

  /** The same call to the SuperLink, under a path that is built anew. */
  #ask(name: string, { headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const passed: OutgoingHttpHeaders = { 'content-length': body.length };
    for (const header of passedHeaders) if (headers[header] !== undefined) passed[header] = headers[header];
    return new Promise((resolve, reject) => {
      const upstream = httpRequest({ host: '127.0.0.1', port: this.#parts.upstreamPort, path: `/v1/fleet/${name}`, method: 'POST', headers: passed, agent: this.#agent, timeout: UPSTREAM_TIMEOUT_MS }, resolve);
      upstream.on('timeout', () => upstream.destroy());
      upstream.on('error', () => reject(new Refusal('upstream')));
      upstream.end(body);
    });
  }
}

/** `Date` goes along: a node sets its clock by it. */
function pass(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  const { date, 'content-type': contentType, 'content-length': length } = answer.headers;
  response.writeHead(answer.statusCode ?? 502, {
    ...commonHeaders,
    'content-type': contentType ?? 'application/octet-stream',
    'cache-control': 'no-store',
    ...(date === undefined ? {} : { date }),
    ...(length === undefined ? {} : { 'content-length': length }),
  });
  return new Promise((resolve) => {
    answer.once('error', () => response.destroy());
    response.once('close', resolve);
    answer.pipe(response);
  });
}
