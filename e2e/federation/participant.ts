/** A node as the app runs it, in Node: the same classes, with memory in place of IndexedDB; made-up noised updates may take the place of a guard. */
import { createHash, webcrypto } from 'node:crypto';
import { agreeTo } from '../../src/federation/agreement.ts';
import { decode } from '../../src/federation/codec/decode.ts';
import { endpoints } from '../../src/federation/endpoints.ts';
import { FleetClient } from '../../src/federation/fleet-client.ts';
import { FederationNode, type NodeSettings } from '../../src/federation/node.ts';
import type { NodeRecord, NodeStore } from '../../src/federation/node-record.ts';
import type { Sha256, SigningKey } from '../../src/federation/signing.ts';
import type { Task } from '../../src/federation/task.ts';
import { fetchTransport, type Fetch } from '../../src/federation/transport.ts';
import type { RoundRequest, UpdateSource } from '../../src/federation/update-source.ts';
import { releasableBecause } from '../../src/privacy/doors.ts';
import { driveNode, type Driven } from '../../src/shell/federation-driver.ts';
import { webCryptoKey } from '../../src/shell/federation-store.ts';

export const sha256: Sha256 = (bytes) => Promise.resolve(new Uint8Array(createHash('sha256').update(bytes).digest()));

class MemoryStore implements NodeStore {
  #kept: NodeRecord | null = null;
  load(): Promise<NodeRecord | null> {
    return Promise.resolve(this.#kept);
  }
  save(record: NodeRecord): Promise<void> {
    this.#kept = structuredClone(record);
    return Promise.resolve();
  }
  saveWithoutKey(record: NodeRecord): Promise<void> {
    return this.save(record);
  }
}

export interface Participant {
  readonly node: FederationNode;
  readonly driven: Driven;
  /** Once it is a member, also after it has left; 0 before. */
  readonly nodeId: bigint;
  /** The .npy files that went over the wire, as they went. */
  readonly sentArrays: readonly Uint8Array[];
  /** What the server asked for, round by round. */
  readonly requests: readonly RoundRequest[];
  readonly traffic: { sentBytes: number; receivedBytes: number; calls: number };
  /** What went wrong and was tried again: how often, by the error's sentence. */
  readonly failures: ReadonlyMap<string, number>;
}

export async function makeKey(): Promise<SigningKey> {
  return webCryptoKey(await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign', 'verify']));
}

/** In place of a guard: a made-up update for each round. */
function madeUp(update: (round: number) => Float32Array): UpdateSource {
  return { train: ({ terms }) => Promise.resolve(releasableBecause('charged', { delta: update(terms.round), metrics: {} })), cancel: () => undefined };
}

/** `updates`: a guard, or made-up ones. `key`: one that holds a seat, where the server wants that. */
export async function join(origin: string, task: Task, taskHash: string, updates: UpdateSource | ((round: number) => Float32Array), { key: given, send = fetch, settings = { heartbeatIntervalSeconds: 30, pollMs: 500 } }: { readonly key?: SigningKey; readonly send?: Fetch; readonly settings?: NodeSettings } = {}): Promise<Participant> {
  const key = given ?? (await makeKey());
  const sentArrays: Uint8Array[] = [];
  const requests: RoundRequest[] = [];
  const guard = typeof updates === 'function' ? madeUp(updates) : updates;
  const traffic = { sentBytes: 0, receivedBytes: 0, calls: 0 };
  /** Takes the update off the wire, behind everything that could change it. */
  const listening: Fetch = (url, init) => {
    if (url.endsWith('/push-object') && init.body instanceof Uint8Array) {
      const { content } = decode(endpoints.pushObject.request, init.body, endpoints.pushObject.maximumRequestBytes);
      if (content[5] === 'C'.charCodeAt(0) && content[0] === 'A'.charCodeAt(0)) sentArrays.push(content.slice(content.indexOf(0) + 1));
    }
    return send(url, init);
  };
  const fleet = new FleetClient({
    transport: fetchTransport(origin, listening),
    key,
    clock: { nowMs: () => Date.now() },
    sha256,
    onExchange: ({ sentBytes, receivedBytes }) => {
      traffic.sentBytes += sentBytes;
      traffic.receivedBytes += receivedBytes;
      traffic.calls++;
    },
  });
  const node = await FederationNode.open({
    fleet,
    publicKeySpki: key.publicKeySpki,
    store: new MemoryStore(),
    agreement: agreeTo(task, taskHash, 100),
    source: {
      train: (request) => {
        requests.push(request);
        return guard.train(request);
      },
      cancel: () => guard.cancel(),
    },
    sha256,
    random: Math.random,
    settings,
  });
  let nodeId = 0n;
  const failures = new Map<string, number>();
  const driven = driveNode(node, (step) => {
    const { membership } = node.record;
    if (membership.state === 'member') ({ nodeId } = membership);
    if (step.kind === 'wait' && step.error) failures.set(step.error.message, (failures.get(step.error.message) ?? 0) + 1);
  });
  return { node, driven, get nodeId() { return nodeId; }, sentArrays, requests, traffic, failures };
}
