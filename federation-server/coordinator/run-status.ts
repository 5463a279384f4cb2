import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agreementFigures, sharedEpsilon } from '../../src/federation/agreement.ts';
import type { Task } from '../../src/federation/task.ts';
import type { FederationRound, FederationStatus, PublicScore } from '../../src/federation/status.ts';
import { readReleases } from './releases-file.ts';
import type { SeatCounts } from './seats.ts';
import { centralEpsilon } from './task-draft.ts';

/** What the ServerApp says of itself, in `status.json`. */
interface ServerStatus {
  readonly state: 'starting' | 'waiting' | 'training' | 'finished';
  readonly round: number | null;
  readonly nodes: number;
  readonly rounds: readonly FederationRound[];
  readonly initialAccuracy: PublicScore | null;
  /** Spent so far for each participant by the server's own noise. */
  readonly centralEpsilon: number | null;
}

/** What the command knows of the ServerApp's process. */
export type Supervised = 'running' | 'ended' | 'failed';

export interface StatusSources {
  readonly task: Task;
  readonly taskHash: string;
  /** Where the ServerApp writes. */
  readonly outFolder: string;
  readonly minClients: number;
  readonly supervised: () => Supervised;
  readonly seats: () => SeatCounts;
  readonly present: () => number;
  readonly refused: () => Readonly<Record<string, number>>;
}

/** Before the ServerApp has written anything. */
const starting: ServerStatus = { state: 'starting', round: null, nodes: 0, rounds: [], initialAccuracy: null, centralEpsilon: null };

function statusPath(outFolder: string): string {
  return join(outFolder, 'status.json');
}

/** Null where there is none, or one that a failing disk has spoilt: it is written whole, and anew from the ServerApp's history. */
function lastWritten(outFolder: string): ServerStatus | null {
  const path = statusPath(outFolder);
  if (!existsSync(path)) return null;
  try {
    const server = JSON.parse(readFileSync(path, 'utf8')) as ServerStatus | null;
    return Array.isArray(server?.rounds) ? server : null;
  } catch {
    return null;
  }
}

/**
 * Until the ServerApp writes again, what it wrote last in an earlier start holds: a round that was cut off is over, its replies are gone and devices have paid
 * for it. A device that has its instruction must hear so before it pays as well.
 */
export function carryOver(outFolder: string): void {
  const server = lastWritten(outFolder);
  if (server === null) return;
  const cutOff: readonly FederationRound[] = server.round === null ? [] : [{ round: server.round, isCounted: false, isKept: false, accepted: 0, dropped: 0, seconds: 0, deviceSeconds: 0, accuracy: null }];
  const carried: ServerStatus = { ...server, state: server.state === 'finished' ? 'finished' : 'starting', round: null, nodes: 0, rounds: [...server.rounds, ...cutOff] };
  const path = statusPath(outFolder);
  const next = `${path}.new`;
  writeFileSync(next, JSON.stringify(carried), { mode: 0o600 });
  renameSync(next, path);
}

/** The answer of `GET /federation/status`; README.md says what each field means. */
export async function federationStatus(sources: StatusSources): Promise<FederationStatus> {
  const { task, supervised } = sources;
  const server = lastWritten(sources.outFolder) ?? starting;
  const process = supervised();
  const isTraining = process === 'running' && server.state === 'training';
  // One that was cut off as well: devices may have paid for it.
  const asked = server.rounds.length + (server.state === 'training' ? 1 : 0);
  const { epsilonPerRound, epsilonTotal } = agreementFigures(task);
  const central = centralEpsilon(task);
  return {
    taskHash: sources.taskHash,
    state: server.state === 'finished' || process === 'running' ? server.state : 'failed',
    round: isTraining ? server.round : null,
    roundsPlanned: task.rounds,
    rounds: server.rounds,
    participants: { ...sources.seats(), present: sources.present(), asked: isTraining ? server.nodes : 0, needed: sources.minClients },
    epsilon: { spent: sharedEpsilon(task, new Array<number>(asked).fill(task.noiseMultiplier)), perRound: epsilonPerRound, total: epsilonTotal, delta: task.delta, unit: task.unit },
    central: central === null ? null : { ...central, spent: server.centralEpsilon ?? 0 },
    initialAccuracy: server.initialAccuracy,
    model: (await readReleases(sources.outFolder)).at(-1) ?? null,
    refused: sources.refused(),
  };
}
