/** A node with everything it needs, against the fake SuperLink, under a clock that a test moves. */
import { releasableBecause } from '../../privacy/doors.ts';
import { agreeTo, type Agreement } from '../agreement.ts';
import { readArray } from '../arrays.ts';
import type { RecordValue } from '../codec/record-messages.ts';
import type { Exchange } from '../exchange.ts';
import { FleetClient } from '../fleet-client.ts';
import { FederationNode, type NextStep } from '../node.ts';
import type { NodeRecord, NodeStore } from '../node-record.ts';
import { takeObject } from '../object-store.ts';
import type { SentBody } from '../sent-body.ts';
import type { SigningKey } from '../signing.ts';
import type { FederationStatus } from '../status.ts';
import type { Task } from '../task.ts';
import { fetchTransport } from '../transport.ts';
import type { RoundRequest, UpdateSource } from '../update-source.ts';
import { FakeSuperLink, type SentReply } from './fake-superlink.ts';
import { sha256 } from './golden.ts';

export const task: Task = {
  name: 'Test', coordinator: 'Nobody', labels: ['a', 'b'], labelSentences: ['An a.', 'A b.'], baseModel: 'ab'.repeat(32),
  coordinates: 8, rounds: 3, unit: 'row', clipNorm: 1, noiseMultiplier: 4, delta: 1e-5, updateNormBound: 2,
};
export const taskHash = 'cd'.repeat(32);

export async function makeKey(): Promise<SigningKey> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign', 'verify']);
  return {
    publicKeySpki: new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)),
    sign: async (message) => new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, message)),
  };
}

/** Keeps copies, as IndexedDB does; can be told to fail. */
export class MemoryNodeStore implements NodeStore {
  kept: NodeRecord | null = null;
  hasKey = true;
  saves = 0;
  failAt: number | null = null;
  load(): Promise<NodeRecord | null> {
    return Promise.resolve(this.kept === null ? null : structuredClone(this.kept));
  }
  async save(record: NodeRecord): Promise<void> {
    if (++this.saves === this.failAt) throw new Error('disk full');
    this.kept = structuredClone(record);
  }
  async saveWithoutKey(record: NodeRecord): Promise<void> {
    await this.save(record);
    this.hasKey = false;
  }
}

/** The guard's part, without training: answers with the same update every time. */
export class FixedSource implements UpdateSource {
  readonly requests: RoundRequest[] = [];
  isCancelled = false;
  update: readonly number[] = [1, 0, 0, 0, 0, 0, 0, 0.5];
  /** Holds the answer back until it is called. */
  hold: Promise<void> | null = null;
  failWith: Error | null = null;
  /** What a guard does before it charges. */
  beforeCharge: (request: RoundRequest) => Promise<void> = () => Promise.resolve();
  async train(request: RoundRequest) {
    this.requests.push(request);
    await this.hold;
    await this.beforeCharge(request);
    if (this.failWith) throw this.failWith;
    return releasableBecause('charged', { delta: this.update, metrics: {} });
  }
  cancel(): void {
    this.isCancelled = true;
  }
}

export class Scene {
  readonly clock = { ms: Date.UTC(2026, 10, 24), nowMs: () => this.clock.ms };
  readonly link = new FakeSuperLink(this.clock);
  readonly store = new MemoryNodeStore();
  readonly exchanges: Exchange[] = [];
  source = new FixedSource();
  agreement: Agreement = agreeTo(task, taskHash, 10);
  key!: SigningKey;
  node!: FederationNode;
  /** How far the device's clock is ahead of the server's. */
  deviceAheadMs = 0;
  /** Null: there is no coordinator beside the SuperLink. */
  resign: (() => Promise<void>) | null = null;
  /** Null: there is none to ask. */
  status: (() => Promise<FederationStatus>) | null = null;
  onLeaving: (body: SentBody) => Promise<void> = () => Promise.resolve();

  static async open(): Promise<Scene> {
    const scene = new Scene();
    scene.key = await makeKey();
    await scene.load();
    return scene;
  }

  /** What a reload of the page does: everything in memory is gone. */
  async load(): Promise<void> {
    const fleet = new FleetClient({ transport: fetchTransport('https://example.org', this.link.fetch), key: this.key, clock: { nowMs: () => this.clock.ms + this.deviceAheadMs }, sha256, onExchange: (exchange) => this.exchanges.push(exchange), onLeaving: (body) => this.onLeaving(body) });
    this.node = await FederationNode.open({
      fleet, publicKeySpki: this.key.publicKeySpki, store: this.store, agreement: this.agreement, source: this.source, ...(this.resign ? { resign: this.resign } : {}), ...(this.status ? { status: this.status } : {}), sha256, random: () => 0.5,
      settings: { heartbeatIntervalSeconds: 300, pollMs: 30_000 },
    });
  }

  /** Advances, moving the clock as asked, until nothing is left to do at once or `until` holds. */
  async run(until: (record: NodeRecord) => boolean = () => false, steps = 60): Promise<NextStep> {
    let next: NextStep = { kind: 'wait', waitMs: 0 };
    for (let step = 0; step < steps; step++) {
      next = await this.node.advance();
      if (next.kind === 'ended' || until(this.node.record)) return next;
      const isIdle = this.node.record.work === null && next.waitMs >= 20_000 && !next.error;
      if (isIdle) return next;
      if (next.until) await next.until;
      else this.clock.ms += next.waitMs;
    }
    return next;
  }

  get nodeId(): bigint {
    const { membership } = this.node.record;
    if (membership.state !== 'member') throw new Error(`no member but ${membership.state}`);
    return membership.nodeId;
  }

  config(round: number, change: Readonly<Record<string, RecordValue>> = {}): Readonly<Record<string, RecordValue>> {
    return { 'server-round': { signed: BigInt(round) }, task: { text: taskHash }, ...change };
  }

  /** Asks for a round and lets the node answer. */
  async round(round: number, change: Readonly<Record<string, RecordValue>> = {}): Promise<NextStep> {
    await this.link.instruct(this.nodeId, modelOf(round), this.config(round, change));
    return this.run();
  }
}

/** Another model for every round. */
export function modelOf(round: number): Float32Array {
  return new Float32Array(8).map((_, i) => round + i / 8);
}

/** One that has joined. */
export async function member(): Promise<Scene> {
  const scene = await Scene.open();
  await scene.run();
  return scene;
}

export const outcomes = (scene: Scene) => scene.node.record.rounds.map(({ round, outcome, reason }) => ({ round, outcome, reason }));
export const timesCalled = (scene: Scene, endpoint: string) => scene.link.calls.filter((name) => name === endpoint).length;

/** The update in a reply that reached the server whole. */
export function updateOf({ contents, rootId }: SentReply): Float32Array {
  const [records] = takeObject(contents, rootId, 'Message').children;
  const [arrays] = takeObject(contents, records!, 'RecordDict').children;
  const [array] = takeObject(contents, arrays!, 'ArrayRecord').children;
  return readArray(contents, array!, [task.coordinates]);
}
