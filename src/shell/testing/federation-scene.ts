/** For tests: a guard on this thread that takes part in a federation of the made-up notes, under the nano model, against a fake coordinator. */
import { nanoShape } from '../../engine/model/nano.ts';
import { sampleSentences, specialties } from '../../data/sample-phrases.ts';
import { FakeCoordinator, room } from '../../federation/testing/fake-coordinator.ts';
import type { RecordValue } from '../../federation/codec/record-messages.ts';
import { federationLockName } from '../federation-lock.ts';
import type { FederationLink, FederationMembership } from '../federation.service.ts';
import type { Guard } from '../guard.ts';
import { openGuardHere, type GuardHere } from './guard-here.ts';

export const roomLink: FederationLink = { kind: 'room', token: room };
const width = nanoShape.width;
/** One of the task's labels is on none of the notes that are dealt. */
export const strangerLabel = 'Nowhere';
const labels = [...specialties, strangerLabel];

export interface FederationScene {
  readonly coordinator: FakeCoordinator;
  readonly here: GuardHere;
  /** What the page was told, newest last. */
  readonly told: (FederationMembership | null)[];
  /** Watches as the page does; again after a reload. */
  watch(guard?: Guard): Promise<void>;
  /** Waits until the page was told something that holds. */
  until(holds: (membership: FederationMembership) => boolean): Promise<FederationMembership>;
  /** Dealt notes, a fit, and the seat taken by the room's link, with a limit of so many rounds. */
  join(epsilonLimit?: number): Promise<string>;
  /** Asks for a round and waits until it is over. */
  round(round: number, change?: Readonly<Record<string, RecordValue>>): Promise<FederationMembership>;
  ask(round: number, change?: Readonly<Record<string, RecordValue>>, ttlSeconds?: number): Promise<void>;
  /** Another model for every number. */
  model(seed: number): Float32Array;
  close(): Promise<void>;
}

export function taskFile(baseModel: string): Readonly<Record<string, unknown>> {
  return {
    name: 'Specialties', coordinator: "St Example's", labels, labelSentences: [...specialties.map((label) => sampleSentences[label]), 'A note of nobody at all.'], baseModel, coordinates: labels.length * (width + 1),
    rounds: 3, unit: 'person', clipNorm: 0.3, noiseMultiplier: 4, delta: 1e-5, updateNormBound: 1000, serverRate: 1,
    head: { maximumLength: 64, featureLayers: [nanoShape.layers], featureWeights: [1], publicMean: Array.from({ length: width }, (_, i) => 0.05 * Math.cos(i)), biasInput: 0.3 },
    sample: { persons: 80, notes: 220, alpha: null },
  };
}

/** `change`: of the task file. `pollMs`: between two looks for a message. */
export async function openFederationScene(change: Readonly<Record<string, unknown>> = {}, pollMs = 40): Promise<FederationScene> {
  // The guard names its model before it is asked what the federation is about.
  let fake: FakeCoordinator | null = null;
  const here = await openGuardHere('wasm', { send: (url, init) => fake!.fetch(url, init), origin: 'https://example.org', settings: { heartbeatIntervalSeconds: 300, pollMs }, statusMs: 60 });
  const coordinator = (fake = await FakeCoordinator.open({ ...taskFile((await here.guard.encoder()).sha256), ...change }));
  const { link, task, taskHash } = coordinator;
  const told: (FederationMembership | null)[] = [];
  const scene: FederationScene = {
    coordinator, here, told,
    watch: (guard = here.guard) => guard.federation.watch('page', (membership) => told.push(membership)),
    until: async (holds) => {
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
        const last = told.at(-1);
        if (last && holds(last)) return last;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const { task: _, status: __, ...last } = told.at(-1) ?? { task: null, status: null };
      throw new Error(`never: ${holds.toString()}; last ${JSON.stringify(last)}`);
    },
    join: async (epsilonLimit = 100) => {
      const { projectId, invitation } = await here.guard.federation.openDealtNotes(roomLink);
      await scene.watch();
      await here.guard.federation.join(projectId, taskHash, { kind: 'seat', token: invitation }, epsilonLimit);
      await scene.until(({ phase }) => phase === 'waiting');
      return projectId;
    },
    ask: async (round, change = {}, ttlSeconds = 3600) => {
      const node = [...link.nodes.values()].find(({ isRegistered }) => isRegistered);
      if (!node) throw new Error('nobody has registered');
      await link.instruct(node.id, scene.model(round), { 'server-round': { signed: BigInt(round) }, task: { text: taskHash }, ...change }, { ttlSeconds });
    },
    round: async (round, change = {}) => {
      const before = told.at(-1)?.rounds.length ?? 0;
      await scene.ask(round, change);
      return scene.until(({ phase, rounds }) => rounds.length > before && (phase === 'waiting' || phase === 'ended') && !['training', 'replying'].includes(rounds.at(-1)!.outcome) && rounds.at(-1)!.sent.length > 0);
    },
    model: (seed) => Float32Array.from({ length: task.coordinates }, (_, i) => 0.3 * Math.sin(seed * 100 + i)),
    close: async () => {
      await here.close();
      // A member lets go once the step that it was at is over; the next test takes part for the same device.
      await navigator.locks.request(federationLockName, () => undefined);
    },
  };
  return scene;
}
