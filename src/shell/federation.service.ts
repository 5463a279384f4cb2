/**
 * The boundary between the page and a federation, beside `bedside.service.ts` and by its rules: every call may reject with a `BedsideError`, callbacks
 * are called on the main thread. Numbers of the agreement are computed on this device from the task file; a server's word counts for nothing but its status.
 */
import type { Clamp } from '../federation/agreement.ts';
import type { RoundOutcome } from '../federation/node-record.ts';
import type { SentLine } from '../federation/sent-body.ts';
import type { FederationRound, FederationState, FederationStatus, PublicScore } from '../federation/status.ts';
import type { Task } from '../federation/task.ts';
import type { EnergyRange } from '../energy/estimate.ts';
import type { Proportion } from '../metrics/classification.ts';
import type { Failure } from '../state/failure.ts';
import type { FederationOutlook } from '../training/federation-outlook.ts';
import type { BudgetReport } from './bedside.service.ts';

/** What follows `#/federation/`: never sent as part of an address. */
export type FederationLink = { readonly kind: 'seat' | 'room' | 'projector'; readonly token: string };

export type { FederationRound, FederationState, FederationStatus, PublicScore };

export type { FederationOutlook, SentLine };

/** What a person reads before joining. */
export interface FederationOffer {
  readonly task: Task;
  /** SHA-256 of the task file, hexadecimal. */
  readonly taskHash: string;
  /** Host and port that would be sent to. */
  readonly address: string;
  readonly status: FederationStatus;
  readonly figures: {
    /** Of one update, envelope included, and of all rounds. */
    readonly bytesPerRound: number;
    readonly bytesTotal: number;
    readonly epsilonPerRound: number;
    readonly epsilonTotal: number;
    /** Of all rounds: the best share of right guesses at even odds, and the largest share that is found at 1 % false alarms. */
    readonly guessingBound: number;
    readonly foundAtOnePercent: number;
  };
  /** Codes for the words: why this browser cannot take part. Null where it can. */
  readonly obstacle: 'insecure-context' | 'all-rounds-done' | 'other-base-model' | 'other-membership' | 'no-head' | null;
}

/** How a project's notes fit a task, before joining. For the owner's eyes. */
export interface FederationFit {
  readonly projectId: string;
  /** Why they do not; codes as in `Failure`. Null where they do. */
  readonly failure: Failure | null;
  /** Of the training part; the held-out part judges the model that comes back and is never sent about. */
  readonly units: number;
  readonly rows: number;
  readonly heldOutRows: number;
  readonly budget: BudgetReport | null;
  /** Of the training part's most exposed unit once all rounds are done: they charge no other. */
  readonly epsilonAfter: number | null;
  /** Rounds that the budget has room for, at most the task's. */
  readonly roundsThatFit: number;
  readonly outlook: FederationOutlook | null;
}

/**
 * One update on the person's own notes, before noise and as it would be sent; for the owner's eyes. Charges nothing and is never sent: a round that is sent
 * draws other noise under another key.
 */
export interface UpdatePreview {
  /** Edges [B + 1] of bars that hold nearly all values. */
  readonly edges: readonly number[];
  /** Numbers in each bar [B]. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Standard deviation of the numbers. */
  readonly spreadBefore: number;
  readonly spreadAfter: number;
  /** The first bytes of the array as they would go out. */
  readonly firstBytes: readonly number[];
}

/** One round as this device lived it: the audit list. */
export interface SharedRound {
  readonly round: number | null;
  readonly atMs: number;
  readonly outcome: RoundOutcome;
  /** Error code of what went wrong. */
  readonly reason: string | null;
  /** Charged for this round; null where nothing was trained. */
  readonly epsilon: number | null;
  /** Drawn here by training for this round, by the settings of this device; null where nothing was trained. Told to nobody. */
  readonly energyWh: EnergyRange | null;
  /** Settings that the server pushed past what was agreed; the agreed ones were used. */
  readonly clamps: readonly Clamp[];
  /** Objects that went out, with their SHA-256: all of a reply, the array among them. */
  readonly sent: readonly { readonly what: string; readonly bytes: number; readonly sha256: string }[];
}

/** A model that came back and was checked here. */
export interface ReceivedModel {
  readonly version: number;
  readonly round: number;
  readonly sha256: string;
  readonly atMs: number;
  /** Own held-out notes, exact, for the owner's eyes: of this model, and of the best before it. */
  readonly accuracy: Proportion;
  readonly accuracyBefore: Proportion | null;
  /** False where it was worse than that one, which was kept then. */
  readonly isKept: boolean;
  /** The run it is stored as in its project, like any other. */
  readonly runId: string;
}

export interface FederationMembership {
  readonly task: Task;
  readonly taskHash: string;
  readonly projectId: string;
  /** Null until the server said. */
  readonly seat: number | null;
  readonly seats: number | null;
  readonly epsilonLimit: number;
  readonly epsilonSpent: number;
  readonly phase: 'joining' | 'waiting' | 'reading' | 'training' | 'sending' | 'leaving' | 'left' | 'ended';
  /** While notes are read for the first time. */
  readonly progress: { readonly done: number; readonly total: number } | null;
  /** Why it waits longer than usual, or has ended. */
  readonly failure: Failure | null;
  /** It has ended in this page alone, by a fault: a page that is opened later, or another tab, goes on with it. */
  readonly isHalted: boolean;
  /** Whether the server knows that this device has left. */
  readonly wasServerTold: boolean | null;
  readonly status: FederationStatus | null;
  readonly rounds: readonly SharedRound[];
  /** Bodies of every call that this device has made to this address, also before it joined. */
  readonly sentBytes: number;
  /** Of the answers, since this device has a database for the federation. */
  readonly receivedBytes: number;
  /** Drawn here by this device's rounds, with their carbon. Told to nobody. */
  readonly energyWh: EnergyRange;
  readonly carbonGrams: EnergyRange;
  readonly models: readonly ReceivedModel[];
}

export interface ProjectorView {
  readonly task: Task;
  readonly taskHash: string;
  readonly status: FederationStatus;
  readonly address: string;
  /** Null where every invitation is handed out by hand. */
  readonly roomLink: string | null;
  /** An SVG document of the link; null with it. */
  readonly roomQr: string | null;
  /** SHA-256 of a self-signed certificate; null where it is signed by others. */
  readonly fingerprint: string | null;
}

export interface FederationService {
  /** Reads the task and the status from this page's own origin. Tells the server nothing but that somebody looks. */
  offer(): Promise<FederationOffer>;
  fit(projectId: string, taskHash: string): Promise<FederationFit>;
  /** The built-in notes of a seat, as a project: only where the task deals them out. The seat is dealt by the room's link, the same until it is used, or is that of the invitation; none is taken, and no key is made. */
  openDealtNotes(link: FederationLink): Promise<{ readonly projectId: string; readonly invitation: string; readonly seat: number }>;
  preview(projectId: string, taskHash: string, signal: AbortSignal): Promise<UpdatePreview>;
  /** The one deliberate act: from here on rounds are answered until the person leaves. `epsilonLimit` is at most the task's total. */
  join(projectId: string, taskHash: string, link: FederationLink, epsilonLimit: number): Promise<void>;
  /** Finishes nothing: the server closes the seat, then the key is destroyed. Resolves to whether the server knows; where it could not be told the phase stays `leaving`, it is told again by and by, also after a reload, and the key is kept for that alone. */
  leave(): Promise<boolean>;
  /** Leaves without telling the server, or without telling it again: the key is destroyed now, and the seat stays taken. */
  destroyKey(): Promise<void>;
  /** Null where this device has never joined. Listens until the returned function is called; called at once with what is known. Goes on with a membership that a reload cut off. */
  watch(onChange: (membership: FederationMembership | null) => void): Promise<() => void>;
  /** Fetches the newest release, checks its signature, hash, shape and numbers, scores it on the own held-out notes and keeps it unless it is worse. */
  receive(): Promise<ReceivedModel>;
  /** Every request body that left this device for this address, written down before it went: oldest first, those that are byte for byte the same on one line. Kept after leaving. */
  sent(): Promise<readonly SentLine[]>;
  projector(token: string): Promise<ProjectorView>;
}
