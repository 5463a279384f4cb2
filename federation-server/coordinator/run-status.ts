import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agreementFigures, sharedEpsilon } from '../../src/federation/agreement.ts';
import type { Task } from '../../src/federation/task.ts';
import type { SeatCounts } from './seats.ts';

/** Counts of one round; names nobody. */
export interface RoundCounts {
  readonly round: number;
  /** Whether the model changed: enough updates were accepted. */
  readonly isCounted: boolean;
  readonly accepted: number;
  readonly dropped: number;
}

/** What the ServerApp says of itself, in `status.json`. */
interface ServerStatus {
  readonly state: 'starting' | 'waiting' | 'training' | 'finished';
  readonly round: number | null;
  readonly nodes: number;
  readonly rounds: readonly RoundCounts[];
  readonly model: { readonly sha256: string; readonly sizeBytes: number } | null;
}

/** What the command knows of the ServerApp's process. */
export type Supervised = 'running' | 'ended' | 'failed';

/** The answer of `GET /federation/status`. */
export interface FederationStatus {
  /** starting; waiting for participants, or between two rounds; training; finished; failed: whoever runs it must look. */
  readonly state: 'starting' | 'waiting' | 'training' | 'finished' | 'failed';
  /** The round that is going on. */
  readonly round: number | null;
  readonly roundsPlanned: number;
  readonly rounds: readonly RoundCounts[];
  readonly participants: SeatCounts & { /** Heard in the last two minutes. */ readonly present: number; /** Asked in the round that is going on. */ readonly asked: number; /** A round begins with this many. */ readonly needed: number };
  /** Rounded nowhere. `spent`: of whoever took part in every round that was asked, the one that goes on included. */
  readonly epsilon: { readonly spent: number; readonly perRound: number; readonly total: number; readonly delta: number; readonly unit: Task['unit'] };
  /** The released model, `GET /federation/model`. */
  readonly model: ServerStatus['model'];
  /** How often what was refused, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

export interface StatusSources {
  readonly task: Task;
  /** Where the ServerApp writes. */
  readonly outFolder: string;
  readonly minClients: number;
  readonly supervised: () => Supervised;
  readonly seats: () => SeatCounts;
  readonly present: () => number;
  readonly refused: () => Readonly<Record<string, number>>;
}

/** Before the ServerApp has written anything. */
const starting: ServerStatus = { state: 'starting', round: null, nodes: 0, rounds: [], model: null };

export async function federationStatus(sources: StatusSources): Promise<FederationStatus> {
  const { task, supervised } = sources;
  const path = join(sources.outFolder, 'status.json');
  // Written whole by renaming, so that it is always JSON.
  const server = existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as ServerStatus) : starting;
  const process = supervised();
  const isTraining = process === 'running' && server.state === 'training';
  const asked = server.rounds.length + (isTraining ? 1 : 0);
  const { epsilonPerRound, epsilonTotal } = agreementFigures(task);
  return {
    state: server.state === 'finished' || process === 'running' ? server.state : 'failed',
    round: isTraining ? server.round : null,
    roundsPlanned: task.rounds,
    rounds: server.rounds,
    participants: { ...sources.seats(), present: sources.present(), asked: isTraining ? server.nodes : 0, needed: sources.minClients },
    epsilon: { spent: sharedEpsilon(task, new Array<number>(asked).fill(task.noiseMultiplier)), perRound: epsilonPerRound, total: epsilonTotal, delta: task.delta, unit: task.unit },
    model: server.model,
    refused: sources.refused(),
  };
}
