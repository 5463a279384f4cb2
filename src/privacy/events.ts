import type { RepeatLaw } from './repeat-and-select.ts';

/** Mechanisms of which privacy loss distributions are known. Noise multipliers are standard deviation over sensitivity (zero-out adjacency). */
export type GaussianMechanism =
  | { readonly kind: 'gaussian'; readonly noiseMultiplier: number }
  | { readonly kind: 'poisson-gaussian'; readonly noiseMultiplier: number; readonly samplingRate: number };

/** The mechanisms that a run may charge. */
export type Mechanism =
  | GaussianMechanism
  /** Every unit, noise of the discrete Gaussian: known by its Renyi divergences alone. */
  | { readonly kind: 'discrete-gaussian'; readonly noiseMultiplier: number }
  /** The best of a secret number of runs, each of which is (post-processing of) one Gaussian, continuous or discrete, of this noise multiplier, its score included. */
  | { readonly kind: 'repeat-and-select'; readonly noiseMultiplier: number; readonly law: RepeatLaw };

export type Purpose = 'feature-mean' | 'label-counts' | 'gradient' | 'charged-validation' | 'search' | 'search-score';
export type PrivacyUnit = 'row' | 'person';
/** Which disjoint part of the data a release reads; the parts compose in parallel. */
export type DataPart = 'training' | 'held-out';

/** The units (rows, and persons where there are any) that releases read. */
export interface CohortEvent {
  readonly kind: 'cohort';
  readonly id: string;
  readonly cohortId: string;
  /** Cohorts of one split are disjoint in the split's unit, by construction: their releases compose in parallel. */
  readonly splitId: string;
  readonly part: DataPart;
  /** What a charge to this cohort protects. */
  readonly unit: PrivacyUnit;
  /** Most rows of one person, where any is named; null where none is. A charge for rows weighs this much more for persons; of a text that is another's as well, one row counts as two. */
  readonly maximumRowsPerPerson: number | null;
  /** Most rows of one text, which are one unit where rows are units, and where they name nobody; absent where no text stands twice. */
  readonly maximumRowsPerText?: number;
  /** Names the secret key of the hashes, so that hashes of another installation are never taken for different people. */
  readonly keyId: string;
  /** Keyed hash of the normalised header of the column that names the persons; null where none does. Data sets of one naming mean the same by a person; where it is null or absent, nobody knows. */
  readonly personNaming?: string | null;
  /** Some rows name nobody: each is a person of its own here, and may be anybody's elsewhere. */
  readonly hasUnnamedRows?: boolean;
  /** Keyed hashes of the rows' normalised texts, and of the persons' normalised ids; sorted, so that they keep no order. Hex, 32 digits. */
  readonly rowHashes?: readonly string[];
  readonly personHashes?: readonly string[];
  /** Hashes of rows and persons in one list, in events of before the two were told apart: each may be of either. */
  readonly hashes?: readonly string[];
  /** The person declared these to be about people other than those of every earlier data set. Honoured only where no hash matches. */
  readonly isDeclaredDisjoint: boolean;
  /** How many entries the ledger held when that was declared, where the declaration was made of the same rows dealt otherwise: it speaks of those entries' data sets alone. Absent where it was made with this event. */
  readonly declaredBefore?: number;
  /** The rows are those of the built-in sample, by their content: made up, and of nobody. Set here alone, and never believed of a file. */
  readonly isAboutNobody?: true;
}

/** The limit for every unit of a cohort; later ones raise or lower the limit, delta only ever falls. */
export interface BudgetEvent {
  readonly kind: 'budget';
  readonly id: string;
  readonly cohortIds: readonly string[];
  readonly epsilonLimit: number;
  readonly delta: number;
  /** Where the limit fell because a share of the budget left with a copy of the notes. It is the origin's loss and does not travel. */
  readonly share?: { readonly id: string; readonly epsilon: number };
}

/**
 * What a copy of notes brought along: charges made here after it, to the units of its cohorts, compose to at most `epsilon` at `delta`.
 * A second event of the same `allowanceId` lowers it.
 */
export interface AllowanceEvent {
  readonly kind: 'allowance';
  readonly id: string;
  readonly allowanceId: string;
  readonly cohortIds: readonly string[];
  readonly epsilon: number;
  readonly delta: number;
  /** Key ids of the installations in whose books the share was given up: their own limits bind them, the allowance does not. */
  readonly givenBy: readonly string[];
}

/** One release, charged before it is made. */
export interface ChargeEvent {
  readonly kind: 'charge';
  readonly id: string;
  readonly cohortId: string;
  readonly runId: string;
  readonly step: number;
  readonly purpose: Purpose;
  readonly mechanism: Mechanism;
  /** Charged by another copy and read from its file: it is spent, but not out of what this copy brought along. Set by `merge` alone. */
  readonly isFromFile?: true;
}

/** A run's beginning and end, for the table of runs; spends nothing. */
export interface RunEvent {
  readonly kind: 'run';
  readonly id: string;
  readonly runId: string;
  readonly state: 'started' | 'resumed' | 'finished' | 'stopped' | 'failed';
}

export type LedgerEvent = CohortEvent | BudgetEvent | AllowanceEvent | ChargeEvent | RunEvent;

/** An event in the chain: `hash` = SHA-256 over previous hash, sequence number and canonical JSON of the event. */
export interface LedgerEntry {
  readonly sequence: number;
  /** Milliseconds since 1970 by the device's clock: information only, nothing is computed from it. */
  readonly recordedAtMs: number;
  readonly event: LedgerEvent;
  readonly previous: string;
  readonly hash: string;
}

/** The chain's end, kept a second time apart from the entries. */
export interface LedgerHead {
  readonly count: number;
  readonly hash: string;
}

/** Durable storage of the chain. `append` resolves only when the entries would survive a power cut. */
export interface LedgerStore {
  read(): Promise<{ readonly entries: readonly LedgerEntry[]; readonly head: LedgerHead | null }>;
  /** Appends in one transaction with the new head; rejects, changing nothing, if the stored head is not `after`. */
  append(entries: readonly LedgerEntry[], after: LedgerHead | null): Promise<void>;
}
