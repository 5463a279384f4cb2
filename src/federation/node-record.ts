import type { Clamp } from './agreement.ts';
import type { Metadata, ObjectTree } from './codec/messages.ts';
import type { Reply } from './reply.ts';

/** A message of the server, which delivers it once: kept before anything is done with it. */
export interface Instruction {
  readonly metadata: Metadata;
  readonly tree: ObjectTree;
}

/** What the node is in the middle of. Each step is saved before the next one begins, so that a reload goes on where it was. */
export type Work =
  | { readonly step: 'fetching'; readonly instruction: Instruction }
  /** All objects are here; the server may forget them. */
  | { readonly step: 'confirming'; readonly instruction: Instruction; readonly contents: ReadonlyMap<string, Uint8Array> }
  /** `isPaid`: the round counts as spent from here on, whatever becomes of it. */
  | { readonly step: 'training'; readonly instruction: Instruction; readonly contents: ReadonlyMap<string, Uint8Array>; readonly isPaid: boolean }
  /** The round is not answered with an update; `reason` is an error code. */
  | { readonly step: 'declining'; readonly instruction: Instruction; readonly reason: string }
  | { readonly step: 'replying'; readonly instruction: Instruction; readonly reply: Reply; readonly isUpdate: boolean; readonly pushes: number };

export type RoundOutcome =
  | 'training'
  | 'replying'
  | 'delivered'
  /** The server had every object on a second try: the first got through, or was refused. */
  | 'unclear'
  | 'refused'
  | 'declined'
  | 'expired'
  /** The server stopped the run. */
  | 'dropped';

/** One of Flower's objects that was put on the wire. */
export interface SentObject {
  /** Its type: `Message`, `RecordDict`, `ArrayRecord`, `MetricRecord`, `Array` or `ArrayChunk`, which holds the numbers. */
  readonly what: string;
  readonly bytes: number;
  /** SHA-256 of its bytes, hexadecimal: its id in Flower. */
  readonly sha256: string;
}

/** One instruction and what became of it. */
export interface RoundEntry {
  readonly taskHash: string;
  readonly messageId: string;
  /** Null where the instruction was refused before it was read. */
  readonly round: number | null;
  readonly modelId: string | null;
  readonly atMs: number;
  readonly outcome: RoundOutcome;
  /** Counts towards the budget with this noise multiplier; null where nothing was trained. */
  readonly spentNoiseMultiplier: number | null;
  /** Error code of what went wrong. */
  readonly reason: string | null;
  /** Id of the reply's Message object: a hash over all that was sent. */
  readonly replyId: string | null;
  /** Every object of the reply that was uploaded, or may have been: listed before it goes. Absent from entries of older versions, and until there is a reply. */
  readonly sent?: readonly SentObject[];
  readonly clamps: readonly Clamp[];
}

export type Membership =
  | { readonly state: 'joining' }
  | { readonly state: 'member'; readonly nodeId: bigint }
  | { readonly state: 'leaving'; readonly nodeId: bigint | null }
  | { readonly state: 'left'; readonly wasServerTold: boolean };

/** All that a node remembers beside its key. */
export interface NodeRecord {
  readonly version: 1;
  readonly taskHash: string;
  readonly membership: Membership;
  /** Of every federation that this device has been in: leaving gives no budget back. */
  readonly rounds: readonly RoundEntry[];
  readonly work: Work | null;
}

/** Durable storage of one node. A save that has resolved survives a power cut. */
export interface NodeStore {
  load(): Promise<NodeRecord | null>;
  save(record: NodeRecord): Promise<void>;
  /** Saves the record and destroys the key, in one transaction. */
  saveWithoutKey(record: NodeRecord): Promise<void>;
}

/** Declined rounds that are remembered; a server may send any number of them. Rounds that were paid for are all kept. */
const MOST_UNPAID = 200;

/** The entry of that message replaced, or added at the end. */
export function withRound(rounds: readonly RoundEntry[], entry: RoundEntry): readonly RoundEntry[] {
  const index = rounds.findIndex(({ messageId }) => messageId === entry.messageId);
  if (index >= 0) return rounds.with(index, entry);
  const unpaid = rounds.filter(({ spentNoiseMultiplier }) => spentNoiseMultiplier === null).length;
  const oldest = unpaid >= MOST_UNPAID ? rounds.findIndex(({ spentNoiseMultiplier }) => spentNoiseMultiplier === null) : -1;
  return [...rounds.filter((_, at) => at !== oldest), entry];
}

/** Of the rounds that were paid for under one task. */
export function spentNoiseMultipliers(rounds: readonly RoundEntry[], taskHash: string): readonly number[] {
  return rounds.flatMap((entry) => (entry.spentNoiseMultiplier === null || entry.taskHash !== taskHash ? [] : [entry.spentNoiseMultiplier]));
}

/** Of the rounds under one task for which an update was made, whatever became of it on the way. */
export function answeredNoiseMultipliers(rounds: readonly RoundEntry[], taskHash: string): readonly number[] {
  return spentNoiseMultipliers(rounds.filter(({ outcome, replyId }) => replyId !== null && outcome !== 'declined'), taskHash);
}
