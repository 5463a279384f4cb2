/** A node that lies. It joins, and answers every instruction with one kind of badness, made from the wire format alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { emptyMetricsId } from '../../federation-server/coordinator/checked-reply.ts';
import { toNpy } from '../../src/federation/arrays.ts';
import { encode } from '../../src/federation/codec/encode.ts';
import { message } from '../../src/federation/codec/messages.ts';
import { valueRecord, type RecordValue } from '../../src/federation/codec/record-messages.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { FleetClient, isPassing } from '../../src/federation/fleet-client.ts';
import { buildObject, contentsOf, treeOf, type BuiltObject } from '../../src/federation/object-store.ts';
import { buildReply, type Reply, type ReplyBody } from '../../src/federation/reply.ts';
import { publicKeyPem } from '../../src/federation/signing.ts';
import { fetchTransport, type Fetch } from '../../src/federation/transport.ts';
import type { SigningKey } from '../../src/federation/signing.ts';
import { utf8ToBytes } from '../../src/ground/bytes.ts';
import { makeKey, sha256 } from './participant.ts';

interface Spoiled {
  readonly name?: string;
  readonly values?: Float32Array;
  readonly chunk?: Uint8Array;
  readonly arrayBody?: string;
  readonly recordBody?: string;
  readonly metrics?: Uint8Array;
  /** More arrays of the same object. */
  readonly also?: string;
}

export const badness = {
  'NaN': (n: number): Spoiled => ({ values: new Float32Array(n).fill(Number.NaN) }),
  'norm 1e30': (n: number): Spoiled => ({ values: new Float32Array(n).fill(1e30) }),
  'another shape': (n: number): Spoiled => ({ values: new Float32Array(n / 2).fill(1) }),
  'another name': (): Spoiled => ({ name: 'weights' }),
  'one array more': (): Spoiled => ({ also: 'more' }),
  'no array': (): Spoiled => ({ recordBody: '{}' }),
  'malformed JSON': (): Spoiled => ({ arrayBody: '{not json' }),
  'deep JSON': (): Spoiled => ({ recordBody: '['.repeat(3000) }),
  'malformed metrics': (): Spoiled => ({ metrics: Uint8Array.of(0x0a, 0x50, 1, 2) }),
  'one chunk 4,000 times': (n: number): Spoiled => ({ chunk: new Uint8Array(1 << 20), arrayBody: JSON.stringify({ dtype: 'float32', shape: [n], stype: 'numpy.ndarray', arraychunk_ids: Array.from({ length: 4000 }, () => 0) }) }),
  'forged .npy head': (n: number): Spoiled => {
    const chunk = toNpy(new Float32Array(n), [n]);
    chunk.set(utf8ToBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }"), 10);
    return { chunk };
  },
} as const;

const metric = (key: string, value: RecordValue): Spoiled => ({ metrics: encode(valueRecord, { items: [{ key, value }] }) });

/** Lies beside an update like any: what is lied about counts for nothing, and the update for one vote. */
export const harmless = {
  'a weight of 1e12': () => metric('num-examples', { signed: 10n ** 12n }),
  'NaN for a number beside it': () => metric('loss', { double: Number.NaN }),
  'another sender and instruction inside': (): Spoiled => ({}),
} as const;

/** None of these is an update at all. */
const others = ['silence', 'announces and sends nothing', 'goes away with its instruction', 'an error', 'a second reply', 'stores for others what all updates share'] as const;

export type Badness = keyof typeof badness | keyof typeof harmless | (typeof others)[number];

export const allBadness: readonly Badness[] = [...(Object.keys(badness) as (keyof typeof badness)[]), ...(Object.keys(harmless) as (keyof typeof harmless)[]), ...others];

const isSpoiled = (kind: Badness): kind is keyof typeof badness | keyof typeof harmless => !(others as readonly string[]).includes(kind);

async function records(kind: keyof typeof badness | keyof typeof harmless, coordinates: number): Promise<BuiltObject> {
  const { name = 'delta', values = new Float32Array(coordinates).fill(1), chunk, arrayBody, recordBody, metrics = new Uint8Array(0), also }: Spoiled = { ...badness, ...harmless }[kind](coordinates);
  const piece = await buildObject(sha256, 'ArrayChunk', [], chunk ?? toNpy(values, [values.length]));
  const array = await buildObject(sha256, 'Array', [piece], utf8ToBytes(arrayBody ?? JSON.stringify({ dtype: 'float32', shape: [values.length], stype: 'numpy.ndarray', arraychunk_ids: [0] })));
  const named = { [name]: array.id, ...(also === undefined ? {} : { [also]: array.id }) };
  const arrays = await buildObject(sha256, 'ArrayRecord', [array], utf8ToBytes(recordBody ?? JSON.stringify(named)));
  const numbers = await buildObject(sha256, 'MetricRecord', [], metrics);
  return buildObject(sha256, 'RecordDict', [arrays, numbers], utf8ToBytes(JSON.stringify({ arrays: arrays.id, metrics: numbers.id })));
}

/** A reply whose Message object says that it is another node's, to another instruction; what is said outside of it is true, or the SuperLink would refuse it. */
async function forged({ metadata }: Reply, content: BuiltObject, sourceNodeId: bigint): Promise<Reply> {
  const root = await buildObject(sha256, 'Message', [content], encode(message, { metadata: { ...metadata, messageId: '', sourceNodeId, replyToMessageId: 'ab'.repeat(32) } }));
  const named = { ...metadata, messageId: root.id };
  return { metadata: named, tree: treeOf(root), contents: contentsOf(root), message: { metadata: named, content: {} } };
}

/** A SuperLink with a database fails when many write at once; a liar tries again like everybody. */
async function patiently<Result>(call: () => Promise<Result>): Promise<Result> {
  for (let tries = 0; tries < 20; tries++) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await sleep(500 + 500 * Math.random());
    }
  }
  return call();
}

export interface Hostile {
  readonly nodeId: bigint;
  /** The .npy files of updates that should count. */
  readonly sentArrays: readonly Uint8Array[];
  /** Whether the server took a second reply to one instruction. */
  wasSecondTaken: boolean;
  stop(): Promise<void>;
}

/** `key`: one that holds a seat, where the server wants that. `victim`: whom a forged sender names. */
export async function joinHostile(origin: string, kind: Badness, coordinates: number, { key: given, send, victim = () => 1n }: { readonly key?: SigningKey; readonly send?: Fetch; readonly victim?: () => bigint } = {}): Promise<Hostile> {
  const key = given ?? (await makeKey());
  const fleet = new FleetClient({ transport: fetchTransport(origin, send), key, clock: { nowMs: () => Date.now() }, sha256, onExchange: () => undefined });
  const publicKey = publicKeyPem(key.publicKeySpki);
  const { nodeId } = await fleet.call(endpoints.register, { publicKey });
  // Long, so that it counts as online to the end without a heartbeat.
  await patiently(() => fleet.call(endpoints.activate, { publicKey, heartbeatIntervalSeconds: 1800 }));
  let isStopped = false;
  const sentArrays: Uint8Array[] = [];
  const hostile: Hostile = { nodeId, sentArrays, wasSecondTaken: false, stop: async () => { isStopped = true; await running; } };

  const push = async (reply: Reply): Promise<boolean> => {
    const { objectsToPush, sessionId } = await patiently(() => fleet.call(endpoints.pushMessages, { node: { nodeId }, messages: [reply.message], trees: [reply.tree], runtimesSeconds: [0] }));
    if (kind === 'announces and sends nothing') return true;
    // A database that is locked is told like an object that is turned away: those are tried again, after all others.
    for (let left = objectsToPush, tries = 0; left.length > 0 && tries < 10; tries++) {
      if (tries > 0) await sleep(1000);
      const again: string[] = [];
      for (const objectId of left) if (!(await patiently(() => fleet.call(endpoints.pushObject, { node: { nodeId }, runId: reply.metadata.runId, objectId, content: reply.contents.get(objectId)!, sessionId }))).isStored) again.push(objectId);
      left = again;
    }
    return objectsToPush.length > 0;
  };
  const running = (async () => {
    while (!isStopped) {
      const { messages: [instruction] } = await patiently(() => fleet.call(endpoints.pullMessages, { node: { nodeId } }));
      const metadata = instruction?.metadata;
      if (metadata === undefined) {
        await sleep(1000);
        continue;
      }
      if (kind === 'silence') continue;
      if (kind === 'goes away with its instruction') {
        await patiently(() => fleet.call(endpoints.deactivate, { nodeId }));
        break;
      }
      if (kind === 'stores for others what all updates share') {
        const content = utf8ToBytes('MetricRecord  0\0');
        // Of no session: the SuperLink then looks for whoever waits for it. Often while all announce their replies; later its database has others to serve.
        const store = () => patiently(() => fleet.call(endpoints.pushObject, { node: { nodeId }, runId: metadata.runId, objectId: emptyMetricsId, content, sessionId: '' }));
        // Refused once the run has ended.
        for (let tries = 0; !isStopped && (await store().then(() => true, () => false)); tries++) await sleep(tries < 50 ? 200 : 2000);
        break;
      }
      // The gate takes no answer of who has not fetched the instruction.
      while (send !== undefined && !isStopped && !(await patiently(() => fleet.call(endpoints.pullObject, { node: { nodeId }, runId: metadata.runId, objectId: metadata.messageId }))).isAvailable) await sleep(500);
      const content = await records(isSpoiled(kind) ? kind : 'norm 1e30', coordinates);
      const body: ReplyBody = kind === 'an error' ? { kind: 'error', code: 2n, reason: 'x'.repeat(5000) } : { kind: 'records', records: content };
      const reply = await buildReply(sha256, metadata, nodeId, Date.now() / 1000, body);
      if (kind in harmless) sentArrays.push(toNpy(new Float32Array(coordinates).fill(1), [coordinates]));
      await push(kind === 'another sender and instruction inside' ? await forged(reply, content, victim()) : reply);
      if (kind === 'a second reply') hostile.wasSecondTaken ||= await push(await buildReply(sha256, metadata, nodeId, Date.now() / 1000, { kind: 'records', records: await records('another name', coordinates) }));
    }
  })().catch((error: unknown) => { console.error(`hostile node (${kind}):`, error instanceof Error ? error.message : error); });
  return hostile;
}
