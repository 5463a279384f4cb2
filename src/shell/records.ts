/** What is kept in IndexedDB, one type a store. Large things lie in stores of their own, so that lists read little. */
import type { ColumnRole, Dataset, RawTable } from '../data/table.ts';
import type { EnergyRange } from '../energy/estimate.ts';
import type { Proportion } from '../metrics/classification.ts';
import type { HashedRow } from '../privacy/cohort.ts';
import type { Charge } from '../privacy/composition.ts';
import type { CheckedDevice } from '../training/checked-device.ts';
import type { Checkpoint } from '../training/checkpoint.ts';
import type { Plan } from '../training/plan.ts';
import type { PooledOrigin } from '../training/received-model.ts';
import type { RunFacts } from '../training/run-facts.ts';
import type { TokenLengths } from '../training/units.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { PanelPoint, RunResults, RunState } from './bedside.service.ts';

/** The person said that no one of some rows is in any data set that the ledger knew then. */
export interface Declaration {
  readonly id: string;
  /** Names the rows: see `nameOfRows`. */
  readonly of: string;
  /** How many entries the ledger held. */
  readonly before: number;
}

export interface ProjectRecord {
  readonly id: string;
  readonly name: string;
  readonly fileName: string;
  readonly isSynthetic: boolean;
  readonly createdAtMs: number;
  readonly openedAtMs: number;
  readonly rowCount: number;
  /** Usable notes; null until the columns are confirmed. */
  readonly noteCount: number | null;
  readonly columnRoles: Readonly<Record<string, ColumnRole>>;
  readonly sentences: Readonly<Record<string, string>>;
  /** Limit the person set before the first charge; the ledger's budget event rules from then on. */
  readonly epsilonLimit: number;
  readonly runsStarted: number;
  /** What was declared of the notes, one entry for each set of rows that the columns gave. Stays with this installation. */
  readonly declarations?: readonly Declaration[];
  /** How many tokens the notes have, as counts; `of` names encoder and columns, and others make it of no effect. */
  readonly lengths?: { readonly of: string; readonly counts: TokenLengths };
}

export interface TableRecord {
  readonly projectId: string;
  readonly table: RawTable;
}

export interface DatasetRecord {
  readonly projectId: string;
  readonly dataset: Dataset;
}

/** Keyed hashes of a data set's notes, in their order: computed once, deleted with the notes. */
export interface HashesRecord {
  readonly projectId: string;
  /** Names the installation key they were made with. */
  readonly keyId: string;
  /** Names and roles of the columns they were made of: a late write after the columns were changed is then of no effect. */
  readonly columns: string;
  readonly rows: readonly HashedRow[];
}

/** Where a project's note features are cached, and the secret without which they cannot be read: it goes with the notes, and so do they. */
export interface FeaturesRecord {
  readonly projectId: string;
  /** A name of its own: a folder that was deleted is never written to again. */
  readonly folder: string;
  readonly secret: Uint8Array<ArrayBuffer>;
  /** Columns whose texts they were made of. */
  readonly textColumns: string;
  readonly usedAtMs: number;
}

export interface RunRecord {
  readonly id: string;
  readonly projectId: string;
  readonly number: number;
  readonly state: RunState;
  readonly plan: Plan;
  /** The data as it was when the run began; absent from runs of older versions. */
  readonly facts?: RunFacts;
  /** Names the notes, persons and parts that it was dealt, as the ledger does; absent from runs of older versions. */
  readonly splitId?: string;
  /** What the model that it went on from was charged to the training part, by the ledger when it began; absent where it started from the beginning. */
  readonly inherited?: readonly Charge[];
  /** Of the encoder that its features are from; absent until it was loaded, and from runs of older versions. */
  readonly encoderSha256?: string;
  readonly startedAtMs: number;
  readonly seconds: number;
  readonly stepsDone: number;
  readonly steps: number;
  /** What was charged to the training part until now; null where the plan is not private. */
  readonly epsilonRun: number | null;
  /** What the model promises, all runs together that led to it; absent where the run began by itself, has not ended, or is of an older version. */
  readonly epsilonModel?: number;
  readonly energyWh: EnergyRange;
  readonly carbonGrams: EnergyRange;
  readonly accuracy: Proportion | null;
  readonly macroF1: number | null;
  readonly points: readonly PanelPoint[];
  readonly device: string;
  /** What its kernels were held to before it began; absent from runs of older versions. */
  readonly checkedDevice?: CheckedDevice;
  readonly savedAtMs: number | null;
  /** It came with a project file: the notes were dealt otherwise there. */
  readonly isFromFile?: true;
  /** Its model came back from a federation; the plan is the task's as the app sees it. */
  readonly pooled?: PooledOrigin;
}

export interface CheckpointRecord {
  readonly runId: string;
  readonly projectId: string;
  readonly checkpoint: Checkpoint;
}

export interface ModelRecord {
  readonly runId: string;
  readonly projectId: string;
  readonly model: TrainedModel;
  /** Hash of the encoder the model was trained on. */
  readonly encoderSha256: string;
}

export interface ResultsRecord {
  readonly runId: string;
  readonly projectId: string;
  readonly results: RunResults;
}
