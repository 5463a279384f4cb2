/** What this device keeps of its membership beside the node's own record, and how both look to the page. */
import { sharedEpsilon } from '../federation/agreement.ts';
import type { NodeRecord, RoundEntry } from '../federation/node-record.ts';
import type { FederationStatus } from '../federation/status.ts';
import type { Task } from '../federation/task.ts';
import type { Failure } from '../state/failure.ts';
import { addRanges } from '../energy/range.ts';
import type { Progress } from './bedside.service.ts';
import type { EnergyReading } from './energy-meter.ts';
import type { FederationLink, FederationMembership, ReceivedModel, SharedRound } from './federation.service.ts';

export interface MembershipRecord {
  readonly version: 1;
  readonly task: Task;
  readonly taskHash: string;
  readonly projectId: string;
  readonly epsilonLimit: number;
  /** How a seat is come by; null once it is taken: an invitation is good for one. */
  readonly link: FederationLink | null;
  readonly seat: number | null;
  readonly seats: number | null;
  /** Of somebody who leaves: the invitation for a seat whose number never came. */
  readonly unanswered?: string;
  /** It answers no further round, and why: null where all rounds are done. The key stays, so that the model can be fetched. */
  readonly ended: { readonly failure: Failure | null } | null;
  /** Before the store counted it. */
  readonly receivedBytes?: number;
  /** What each training for a round took and drew on this device, oldest first; absent where there was none. */
  readonly work?: readonly (EnergyReading & { readonly round: number; readonly seconds: number })[];
  readonly models: readonly ReceivedModel[];
  /** What the federation had released when the seat was taken: what the first model that comes back is compared with. Null where it could not be fetched. */
  readonly first: { readonly version: number; readonly round: number; readonly weights: Float32Array } | null;
}

/** What the guard's source of updates is doing. */
export type RoundState = { readonly kind: 'idle' | 'waiting' | 'training' } | { readonly kind: 'reading'; readonly progress: Progress };

/** What was charged for a round by the ledger: noise multipliers by round. */
export type ChargedRounds = ReadonlyMap<number, number>;

export interface MembershipView {
  /** What is kept knows of no end. */
  readonly isHalted: boolean;
  readonly record: MembershipRecord;
  readonly node: NodeRecord | null;
  readonly charged: ChargedRounds;
  /** Of every body on the list. */
  readonly sentBytes: number;
  /** Of every answer that the store counted. */
  readonly receivedBytes: number;
  readonly source: RoundState;
  /** Why it waits longer than usual. */
  readonly failure: Failure | null;
  readonly waiting: Failure;
  readonly status: FederationStatus | null;
}

export function viewOf({ record, isHalted, node, charged, sentBytes, receivedBytes, source, failure, waiting, status }: MembershipView): FederationMembership {
  const { task, taskHash, projectId, epsilonLimit, seat, seats, ended, models, work = [] } = record;
  const phase = phaseOf(record, node, source);
  return {
    task, taskHash, projectId, seat, seats, epsilonLimit, sentBytes, receivedBytes: (record.receivedBytes ?? 0) + receivedBytes, models, status, phase,
    isHalted: isHalted && phase === 'ended',
    epsilonSpent: charged.size === 0 ? 0 : sharedEpsilon(task, [...charged.values()]),
    progress: phase === 'reading' && source.kind === 'reading' ? source.progress : null,
    failure: ended ? ended.failure : source.kind === 'waiting' ? waiting : failure,
    wasServerTold: node?.membership.state === 'left' ? node.membership.wasServerTold : null,
    energyWh: addRanges(work.map(({ energyWh }) => energyWh)),
    carbonGrams: addRanges(work.map(({ carbonGrams }) => carbonGrams)),
    rounds: (node?.rounds ?? []).filter((round) => round.taskHash === taskHash).map((round) => sharedRound(task, round, charged, work)),
  };
}

function sharedRound(task: Task, { round, atMs, outcome, reason, spentNoiseMultiplier, clamps, sent = [] }: RoundEntry, charged: ChargedRounds, work: NonNullable<MembershipRecord['work']>): SharedRound {
  const readings = work.filter((one) => one.round === round).map(({ energyWh }) => energyWh);
  const noiseMultiplier = spentNoiseMultiplier === null || round === null ? undefined : charged.get(round);
  return { round, atMs, outcome, reason, clamps, sent, energyWh: readings.length === 0 ? null : addRanges(readings), epsilon: noiseMultiplier === undefined ? null : sharedEpsilon(task, [noiseMultiplier]) };
}

function phaseOf({ link, ended }: MembershipRecord, node: NodeRecord | null, source: RoundState): FederationMembership['phase'] {
  const state = node?.membership.state;
  if (state === 'left' || state === 'leaving') return state;
  if (ended) return 'ended';
  if (link !== null || state === undefined || state === 'joining') return 'joining';
  switch (node?.work?.step) {
    case 'training':
      return source.kind === 'reading' ? 'reading' : source.kind === 'training' ? 'training' : 'waiting';
    case 'replying':
      return node.work.isUpdate ? 'sending' : 'waiting';
    default:
      return 'waiting';
  }
}
