import { completeTask, type CompleteTask } from '../federation-server/coordinator/task-draft.ts';
import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { fitUpdate } from '../src/federation/agreement.ts';
import type { Task } from '../src/federation/task.ts';
import { utf8ToBytes } from '../src/ground/bytes.ts';
import { cohortsOf } from '../src/privacy/cohort.ts';
import { Ledger } from '../src/privacy/ledger.ts';
import { createMemoryLedgerStore } from '../src/privacy/memory-ledger-store.ts';
import { unitHash } from '../src/privacy/unit-hash.ts';
import { defaultRounds, federatedServerRate } from '../src/training/federated-rate.ts';
import { FederatedUpdates } from '../src/training/federated-update.ts';
import { ledgerCharges } from '../src/training/ledger-charges.ts';
import { pooledHead } from '../src/training/received-model.ts';
import type { ChargePort } from '../src/training/session-input.ts';
import type { TokenizedUnit } from '../src/training/trainer.ts';
import type { Aggregator } from './federation-aggregator.ts';
import type { FederationSet, Scores } from './federation-set.ts';
import { splitUnits, type SplitKind } from './federation-split.ts';

export const delta = 1e-5;
const clipNorm = 0.3;
/** Stands for no noise: a millionth of the clip norm is about one step of the integer grid. */
const noNoise = 1e-6;
/** A ledger has no room for a promise that is none. */
const countsForNobody: ChargePort = { charge: () => Promise.resolve() };
/** The ledger rounds what a charge leads to upwards. */
const limitFactor = 1 + 1e-6;

export interface FederatedCell {
  readonly set: FederationSet['name'];
  readonly split: SplitKind;
  readonly clients: number;
  /** Null: without noise. */
  readonly epsilon: number | null;
  readonly seed: number;
}

export interface FederatedResult extends FederatedCell, Scores {
  /** Of the first model, from the label sentences. */
  readonly sentences: Scores;
  /** Clients that got any rows; their mean number of units, and the fewest. */
  readonly participants: number;
  readonly units: number;
  readonly fewestUnits: number;
  readonly rounds: number;
  readonly serverRate: number;
  readonly server: string;
  readonly dropped: number;
  readonly seconds: number;
}

/** The coordinator's task for these notes, as `npm run federation` completes it. `change`: of its draft. */
export async function taskOf(set: FederationSet, epsilon: number | null, units: number, change: Readonly<Record<string, unknown>> = {}): Promise<CompleteTask> {
  const draft = {
    name: set.name, coordinator: 'bench', labels: set.labels, labelSentences: set.sentences, unit: 'row', rounds: defaultRounds, delta, clipNorm, units,
    ...(epsilon === null ? { noiseMultiplier: noNoise } : { epsilon }), ...change,
  };
  return completeTask(utf8ToBytes(JSON.stringify(draft)), { rounds: null, epsilon: null, skew: null, centralNoise: null, releaseKey: null });
}

/** One participant: a trainer over its own rows, a ledger of its own with the task's epsilon as its limit, real noise under a fresh key a round. */
async function openClient(set: FederationSet, task: Task, training: readonly TokenizedUnit[], epsilon: number | null): Promise<FederatedUpdates> {
  return new FederatedUpdates({
    task, training, unit: 'row', baseModel: task.baseModel, runId: 'bench', chargedRounds: [], trainers: [set.openTrainer()],
    charges: epsilon === null ? countsForNobody : await ledgerOf(training.length, epsilon),
    freshKeys: () => Promise.resolve(createNodeKeyStream()), clock: () => performance.now(), yields: () => Promise.resolve(), onProgress: () => undefined,
  });
}

async function ledgerOf(units: number, epsilon: number): Promise<ChargePort> {
  const key = new Uint8Array(32).fill(1);
  const training = Array.from({ length: units }, (_, index) => ({ row: unitHash(key, 'row', `row ${index}`), person: null }));
  const { events } = cohortsOf({ unit: 'row', keyId: 'bench', training, heldOut: [], declarationId: null, personNaming: null });
  const cohortIds = events.map(({ cohortId }) => cohortId);
  const ledger = await Ledger.open(createMemoryLedgerStore(), () => 0);
  await ledger.append([...events, { kind: 'budget', id: 'budget', cohortIds, epsilonLimit: epsilon * limitFactor, delta }]);
  let charges = 0;
  return ledgerCharges(ledger, { training: events[0].cohortId, 'held-out': events[1].cohortId }, 'bench', () => `charge ${charges++}`);
}

/** All rounds of one federation through the code of the participants and of the server. */
export async function federate(set: FederationSet, cell: FederatedCell, aggregator: Aggregator, change: Readonly<Record<string, unknown>> = {}): Promise<FederatedResult> {
  const started = performance.now();
  const shares = splitUnits(set.training, cell.clients, cell.split, cell.seed);
  const units = Math.max(1, Math.round(set.training.length / shares.length));
  const { task, initial } = await taskOf(set, cell.epsilon, units, change);
  if (task.head === undefined || initial === null) throw new Error('Expected a task with a head and a first model.');
  const serverRate = federatedServerRate(task, shares.length);
  const clients = await Promise.all(shares.map((share) => openClient(set, task, share, cell.epsilon)));
  const { coordinates, noiseMultiplier, updateNormBound } = task;
  await aggregator.begin(initial, updateNormBound, serverRate);
  let model = initial;
  let server = '';
  let dropped = 0;
  for (let round = 1; round <= task.rounds; round++) {
    for (const [node, client] of clients.entries()) {
      const { value } = await client.train({ terms: { round, clipNorm, noiseMultiplier, updateNormBound }, model });
      await aggregator.add(node, fitUpdate(value.delta, coordinates, updateNormBound));
    }
    const ended = await aggregator.endRound();
    ({ model, server } = ended);
    dropped += ended.dropped;
  }
  const { head } = task;
  const scoreOf = (weights: Float32Array) => set.score(pooledHead(task, head, weights));
  return {
    ...cell, ...(await scoreOf(model)), sentences: await scoreOf(initial), participants: shares.length, units, fewestUnits: Math.min(...shares.map(({ length }) => length)),
    rounds: task.rounds, serverRate, server, dropped, seconds: (performance.now() - started) / 1000,
  };
}
