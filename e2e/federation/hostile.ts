/** A node that lies. It joins, and answers every instruction with one kind of badness, made from the wire format alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { toNpy } from '../../src/federation/arrays.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { FleetClient, isPassing } from '../../src/federation/fleet-client.ts';
import { buildObject, type BuiltObject } from '../../src/federation/object-store.ts';
import { buildReply, type Reply, type ReplyBody } from '../../src/federation/reply.ts';
import { publicKeyPem } from '../../src/federation/signing.ts';
import { fetchTransport } from '../../src/federation/transport.ts';
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

export type Badness = keyof typeof badness | 'silence' | 'announces and sends nothing' | 'an error' | 'a second reply';

async function records(kind: keyof typeof badness, coordinates: number): Promise<BuiltObject> {
  const { name = 'delta', values = new Float32Array(coordinates).fill(1), chunk, arrayBody, recordBody, metrics = new Uint8Array(0), also } = badness[kind](coordinates);
  const piece = await buildObject(sha256, 'ArrayChunk', [], chunk ?? toNpy(values, [values.length]));
  const array = await buildObject(sha256, 'Array', [piece], utf8ToBytes(arrayBody ?? JSON.stringify({ dtype: 'float32', shape: [values.length], stype: 'numpy.ndarray', arraychunk_ids: [0] })));
  const named = { [name]: array.id, ...(also === undefined ? {} : { [also]: array.id }) };
  const arrays = await buildObject(sha256, 'ArrayRecord', [array], utf8ToBytes(recordBody ?? JSON.stringify(named)));
  const numbers = await buildObject(sha256, 'MetricRecord', [], metrics);
  return buildObject(sha256, 'RecordDict', [arrays, numbers], utf8ToBytes(JSON.stringify({ arrays: arrays.id, metrics: numbers.id })));
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
  /** Whether the server took a second reply to one instruction. */
  wasSecondTaken: boolean;
  stop(): Promise<void>;
}

export async function joinHostile(origin: string, kind: Badness, coordinates: number): Promise<Hostile> {
  const key = await makeKey();
  const fleet = new FleetClient({ transport: fetchTransport(origin), key, clock: { nowMs: () => Date.now() }, sha256, onExchange: () => undefined });
  const publicKey = publicKeyPem(key.publicKeySpki);
  const { nodeId } = await fleet.call(endpoints.register, { publicKey });
  // Long, so that it counts as online to the end without a heartbeat.
  await patiently(() => fleet.call(endpoints.activate, { publicKey, heartbeatIntervalSeconds: 1800 }));
  let isStopped = false;
  const hostile: Hostile = { nodeId, wasSecondTaken: false, stop: async () => { isStopped = true; await running; } };

  const push = async (reply: Reply): Promise<boolean> => {
    const { objectsToPush, sessionId } = await patiently(() => fleet.call(endpoints.pushMessages, { node: { nodeId }, messages: [reply.message], trees: [reply.tree], runtimesSeconds: [0] }));
    if (kind === 'announces and sends nothing') return true;
    for (const objectId of objectsToPush) await patiently(() => fleet.call(endpoints.pushObject, { node: { nodeId }, runId: reply.metadata.runId, objectId, content: reply.contents.get(objectId)!, sessionId }));
    return objectsToPush.length > 0;
  };
  const running = (async () => {
    while (!isStopped) {
      const { messages: [message] } = await patiently(() => fleet.call(endpoints.pullMessages, { node: { nodeId } }));
      const metadata = message?.metadata;
      if (metadata === undefined) {
        await sleep(1000);
        continue;
      }
      if (kind === 'silence') continue;
      const isError = kind === 'an error';
      const spoiled = kind === 'announces and sends nothing' || kind === 'a second reply' ? 'norm 1e30' : kind;
      const body: ReplyBody = isError || spoiled === 'an error' ? { kind: 'error', code: 2n, reason: 'x'.repeat(5000) } : { kind: 'records', records: await records(spoiled, coordinates) };
      await push(await buildReply(sha256, metadata, nodeId, Date.now() / 1000, body));
      if (kind === 'a second reply') hostile.wasSecondTaken ||= await push(await buildReply(sha256, metadata, nodeId, Date.now() / 1000, { kind: 'records', records: await records('another name', coordinates) }));
    }
  })().catch((error: unknown) => { console.error(`hostile node (${kind}):`, error instanceof Error ? error.message : error); });
  return hostile;
}
