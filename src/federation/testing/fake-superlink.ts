/**
 * A SuperLink for tests: the Fleet API as `fetch` sees it, with the habits of the real one that matter to a node. Registers a key once, delivers a
 * message once, verifies every signature, forgets confirmed objects, and takes one reply a message. What it does wrong is asked for through `faults`.
 */
import { bytesToHex, bytesToUtf8, hexToBytes, utf8ToBytes } from '../../ground/bytes.ts';
import { buildArray } from '../arrays.ts';
import { decode } from '../codec/decode.ts';
import { encode } from '../codec/encode.ts';
import { message, type Metadata, type ObjectTree } from '../codec/messages.ts';
import { valueRecord, type RecordValue } from '../codec/record-messages.ts';
import type { Table } from '../codec/table.ts';
import { endpoints } from '../endpoints.ts';
import { buildObject, contentsOf, idsOfTree, treeOf, type BuiltObject } from '../object-store.ts';
import type { Fetch } from '../transport.ts';
import { base64ToBytes } from '../signing.ts';
import { sha256 } from './sha256.ts';

export interface SentReply {
  readonly nodeId: bigint;
  readonly metadata: Metadata;
  readonly error: string | null;
  readonly contents: ReadonlyMap<string, Uint8Array>;
  readonly rootId: string;
}

interface Pending {
  readonly metadata: Metadata;
  readonly tree: ObjectTree;
  isDelivered: boolean;
}

interface Push {
  readonly sessionId: string;
  readonly nodeId: bigint;
  readonly replyTo: string;
  readonly wanted: Set<string>;
  readonly reply: SentReply & { readonly contents: Map<string, Uint8Array> };
}

/** Done to the n-th call of an endpoint, counted from 1. */
export type Fault = 'lose-request' | 'lose-answer' | Response;

export class FakeSuperLink {
  readonly replies: SentReply[] = [];
  /** Endpoint names in the order in which they were called. */
  readonly calls: string[] = [];
  readonly nodes = new Map<string, { id: bigint; isOnline: boolean; isRegistered: boolean }>();
  faults: (endpoint: string, nth: number) => Fault | null = () => null;
  /** Objects that are still being uploaded. */
  readonly unavailable = new Set<string>();
  readonly objects = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly clock: { nowMs(): number };
  runId = 7n;
  #pending: Pending[] = [];
  #pushes = new Map<string, Push>();
  /** Whether the ServerApp asks for a reply as soon as it is announced: the server then opens no second session for it. */
  isAskedAtOnce = false;
  /** Objects that somebody else stores in a reply's session as soon as it is announced, by id. */
  readonly storedByOthers = new Map<string, Uint8Array>();
  #keys = new Map<string, Promise<CryptoKey>>();
  #counts = new Map<string, number>();
  #nextId = 2n ** 63n + 5n;

  constructor(clock: { nowMs(): number }) {
    this.clock = clock;
  }

  readonly fetch: Fetch = async (url, init) => {
    const endpoint = /\/v1\/fleet\/([a-z-]+)$/.exec(url)?.[1] ?? '';
    const nth = (this.#counts.get(endpoint) ?? 0) + 1;
    this.#counts.set(endpoint, nth);
    this.calls.push(endpoint);
    const fault = this.faults(endpoint, nth);
    if (fault === 'lose-request') throw new TypeError('Failed to fetch');
    if (fault instanceof Response) return fault;
    const answer = await this.#answer(endpoint, init);
    if (fault === 'lose-answer') throw new TypeError('Failed to fetch');
    return answer;
  };

  /** Puts a message for a node into the mailbox; returns its id. */
  async instruct(nodeId: bigint, model: Float32Array, config: Readonly<Record<string, RecordValue>>, change: Partial<Metadata> = {}): Promise<string> {
    const array = await buildArray(sha256, model, [model.length]);
    const arrays = await buildObject(sha256, 'ArrayRecord', [array], utf8ToBytes(`{"model": "${array.id}"}`));
    const items = Object.entries(config).map(([key, value]) => ({ key, value }));
    const settings = await buildObject(sha256, 'ConfigRecord', [], encode(valueRecord, { items }));
    const records = await buildObject(sha256, 'RecordDict', [arrays, settings], utf8ToBytes(`{"arrays": "${arrays.id}", "config": "${settings.id}"}`));
    return this.deliver(records, { runId: this.runId, sourceNodeId: 1n, destinationNodeId: nodeId, ttlSeconds: 3600, messageType: 'train', createdAtSeconds: this.clock.nowMs() / 1000, sourceTaskId: 42n, ...change });
  }

  async deliver(records: BuiltObject, given: Partial<Metadata>): Promise<string> {
    const metadata: Metadata = { runId: 0n, messageId: '', sourceNodeId: 1n, destinationNodeId: 0n, replyToMessageId: '', groupId: '', ttlSeconds: 0, messageType: 'train', createdAtSeconds: 0, ...given };
    const root = await buildObject(sha256, 'Message', [records], encode(message, { metadata: { ...metadata, messageId: '' } }));
    for (const [id, content] of contentsOf(root)) this.objects.set(id, content);
    const messageId = metadata.messageId || root.id;
    this.#pending.push({ metadata: { ...metadata, messageId }, tree: treeOf(root), isDelivered: false });
    return messageId;
  }

  /** The same message once more, as only a faulty or hostile server sends it. */
  deliverAgain(messageId: string): void {
    const pending = this.#pending.find(({ metadata }) => metadata.messageId === messageId)!;
    this.#pending.push({ ...pending, isDelivered: false });
  }

  async #answer(endpoint: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (headers.get('content-type') !== 'application/protobuf') return refuse(415);
    const key = headers.get('flwr-public-key') ?? '';
    if (!(await this.#isAuthentic(headers))) return refuse(401);
    const body = init.body;
    if (!(body instanceof Uint8Array)) return refuse(400, 1003);
    const node = this.nodes.get(key);
    const read = <Message extends object>(table: Table<Message>): Message => decode(table, body, 10_000_000);
    switch (endpoint) {
      case 'register-node': {
        if (node !== undefined) return refuse(412, 23);
        this.nodes.set(key, { id: this.#nextId, isOnline: false, isRegistered: true });
        return reply(endpoints.register.answer, { nodeId: this.#nextId++ });
      }
      case 'activate-node':
        if (node === undefined || !node.isRegistered || node.isOnline) return refuse(412, 2004);
        node.isOnline = true;
        return reply(endpoints.activate.answer, { nodeId: node.id });
    }
    if (node === undefined || !node.isRegistered) return refuse(401);
    switch (endpoint) {
      case 'send-node-heartbeat':
        if (read(endpoints.heartbeat.request).node?.nodeId !== node.id) return refuse(401);
        node.isOnline = true;
        return reply(endpoints.heartbeat.answer, { success: true });
      case 'deactivate-node':
        if (!node.isOnline) return refuse(412, 2005);
        node.isOnline = false;
        return reply(endpoints.deactivate.answer, {});
      case 'unregister-node':
        node.isRegistered = false;
        return reply(endpoints.unregister.answer, {});
      case 'pull-messages': {
        const next = this.#pending.find(({ metadata, isDelivered }) => metadata.destinationNodeId === node.id && !isDelivered);
        if (next === undefined) return reply(endpoints.pullMessages.answer, { messages: [], trees: [] });
        next.isDelivered = true;
        return reply(endpoints.pullMessages.answer, { messages: [{ metadata: next.metadata, content: {} }], trees: [next.tree] });
      }
      case 'pull-object': {
        const { objectId } = read(endpoints.pullObject.request);
        const content = this.objects.get(objectId);
        if (content === undefined) return reply(endpoints.pullObject.answer, { isFound: false, isAvailable: false, content: new Uint8Array(0) });
        if (this.unavailable.has(objectId)) return reply(endpoints.pullObject.answer, { isFound: true, isAvailable: false, content: new Uint8Array(0) });
        return reply(endpoints.pullObject.answer, { isFound: true, isAvailable: true, content });
      }
      case 'confirm-message-received': {
        const { messageObjectId } = read(endpoints.confirm.request);
        const pending = this.#pending.find(({ metadata }) => metadata.messageId === messageObjectId);
        for (const id of pending ? idsOfTree(pending.tree, 100) ?? [] : []) this.objects.delete(id);
        return reply(endpoints.confirm.answer, {});
      }
      case 'push-messages':
        return this.#push(node.id, read(endpoints.pushMessages.request));
      case 'push-object':
        return this.#store(read(endpoints.pushObject.request));
    }
    return refuse(404);
  }

  #push(nodeId: bigint, { messages, trees }: PushRequest): Response {
    const [{ metadata, error }] = messages as [{ metadata: Metadata; error?: { reason: string } }];
    const [tree] = trees as [ObjectTree];
    const instruction = this.#pending.find((pending) => pending.metadata.messageId === metadata.replyToMessageId);
    const isFitting = instruction !== undefined && metadata.sourceNodeId === nodeId && metadata.destinationNodeId === 1n && metadata.runId === instruction.metadata.runId
      && metadata.destinationTaskId === instruction.metadata.sourceTaskId
      && Math.abs(metadata.createdAtSeconds + metadata.ttlSeconds - instruction.metadata.createdAtSeconds - instruction.metadata.ttlSeconds) < 0.1
      && this.clock.nowMs() / 1000 < instruction.metadata.createdAtSeconds + instruction.metadata.ttlSeconds;
    const isAnswered = this.replies.some((other) => other.metadata.replyToMessageId === metadata.replyToMessageId);
    const sessionId = crypto.randomUUID();
    const isAsked = this.isAskedAtOnce && [...this.#pushes.values()].some(({ replyTo }) => replyTo === metadata.replyToMessageId);
    const wanted = isFitting && !isAnswered && !isAsked ? (idsOfTree(tree, 100) ?? []) : [];
    if (wanted.length > 0) {
      for (const [id, push] of this.#pushes) if (push.replyTo === metadata.replyToMessageId) this.#pushes.delete(id);
      const push: Push = { sessionId, nodeId, replyTo: metadata.replyToMessageId, wanted: new Set(wanted), reply: { nodeId, metadata, error: error?.reason ?? null, contents: new Map(), rootId: tree.objectId } };
      this.#pushes.set(sessionId, push);
      for (const [id, content] of this.storedByOthers) if (push.wanted.delete(id)) push.reply.contents.set(id, content);
    }
    return reply(endpoints.pushMessages.answer, { reconnect: { seconds: 5n }, results: [{ messageId: metadata.messageId, result: 0n }], objectsToPush: wanted, sessionId });
  }

  async #store({ objectId, content, sessionId }: { readonly objectId: string; readonly content: Uint8Array<ArrayBuffer> | Uint8Array; readonly sessionId: string }): Promise<Response> {
    const push = sessionId === '' ? [...this.#pushes.values()].find(({ wanted }) => wanted.has(objectId)) : this.#pushes.get(sessionId);
    const isStored = push !== undefined && push.wanted.has(objectId) && bytesToHex(await sha256(content.slice())) === objectId;
    if (isStored) {
      push.wanted.delete(objectId);
      push.reply.contents.set(objectId, content);
      if (push.wanted.size === 0) this.replies.push(push.reply);
    }
    return reply(endpoints.pushObject.answer, { isStored });
  }

  /** Imported once. */
  #keyOf(header: string): Promise<CryptoKey> {
    const known = this.#keys.get(header);
    if (known) return known;
    const spki = decoded(bytesToUtf8(decoded(header)).replaceAll(/-----[^-]+-----|\n/g, ''));
    const key = crypto.subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: 'P-384' }, true, ['verify']);
    this.#keys.set(header, key);
    return key;
  }

  async #isAuthentic(headers: Headers): Promise<boolean> {
    const timestamp = headers.get('flwr-timestamp') ?? '';
    const ageMs = this.clock.nowMs() - Date.parse(timestamp);
    if (!/\+00:00$/.test(timestamp) || !(ageMs >= -5000 && ageMs <= 305_000)) return false;
    const key = await this.#keyOf(headers.get('flwr-public-key') ?? '');
    const der = decoded(headers.get('flwr-signature') ?? '');
    return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, derToRaw(der), utf8ToBytes(timestamp));
  }
}

interface PushRequest {
  readonly messages: readonly { readonly metadata?: Metadata | undefined; readonly error?: { readonly reason: string } | undefined }[];
  readonly trees: readonly ObjectTree[];
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  return base64ToBytes(base64) ?? new Uint8Array(0);
}

/** DER to the form that WebCrypto verifies. */
function derToRaw(der: Uint8Array): Uint8Array<ArrayBuffer> {
  const raw = new Uint8Array(96);
  let at = 2;
  for (const end of [48, 96]) {
    const length = der[at + 1]!;
    const digits = der.subarray(at + 2, at + 2 + length);
    const significant = digits.subarray(Math.max(0, digits.length - 48));
    raw.set(significant, end - significant.length);
    at += 2 + length;
  }
  return raw;
}

function reply<Message extends object>(table: Table<Message>, value: Message): Response {
  return new Response(encode(table, value), { status: 200, headers: { 'content-type': 'application/protobuf' } });
}

export function refuse(status: number, code?: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(code === undefined ? { detail: 'no' } : { code, detail: 'no' }), { status, headers: { 'content-type': 'application/json', ...headers } });
}

export const garbage = (): Response => new Response(hexToBytes('ffffffff'), { status: 200, headers: { 'content-type': 'application/protobuf' } });
