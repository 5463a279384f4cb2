/**
 * The boundary between the page and everything behind it. `state/` and `ui/` know these types alone;
 * `shell/` implements them with workers and storage. Every call may reject with a `BedsideError`.
 * Callbacks are called on the main thread. An aborted signal rejects with `BedsideError` code `cancelled`.
 */
import type { BackendName } from '../engine/engine.ts';
import type { OperationCheck } from '../engine/self-check.ts';
import type { ColumnGuess, ColumnRole, Dataset, Note, RawTable, RowProblem, RowProblemCode, TextEncoding } from '../data/table.ts';
import type { EnergyRange } from '../energy/estimate.ts';
import type { DeviceClass } from '../energy/power.ts';
import type { Proportion } from '../metrics/classification.ts';
import type { Shareable } from '../privacy/budget-share.ts';
import type { CommonNotes } from '../privacy/common-notes.ts';
import type { OwnersEyes, Releasable } from '../privacy/doors.ts';
import type { LedgerEntry } from '../privacy/events.ts';
import type { AuditReport } from '../training/audit/audit-report.ts';
import type { AuditProgress } from '../training/audit/audit-run.ts';
import type { Plan } from '../training/plan.ts';
import type { Failure } from '../state/failure.ts';
import type { FederationService } from './federation.service.ts';
import type { CheckedDevice } from '../training/checked-device.ts';
import type { ReleasedAccuracy } from '../training/charged-validation.ts';
import type { Evaluation } from '../training/evaluate.ts';
import type { Prediction } from '../training/predict.ts';
import type { PooledOrigin } from '../training/received-model.ts';
import type { PlanProposal as ProposedPlan } from '../training/propose.ts';
import type { SessionPhase } from '../training/session-input.ts';
import type { TrainOnObstacle as PlanObstacle } from '../training/train-on.ts';
import type { PrivacyStatement } from '../privacy/statement.ts';

export interface Progress {
  readonly done: number;
  readonly total: number;
}

// ---- device and model -------------------------------------------------------------------------

export type KernelCheck = OperationCheck;

/** On what something is computed; the words for it are the page's. */
export interface DeviceName {
  /** Of the backend's build, e.g. 'WebAssembly, relaxed SIMD', or of the graphics chip. */
  readonly name: string;
  /** Workers that compute side by side. */
  readonly workers: number;
}

export interface DeviceReport {
  readonly backend: BackendName;
  readonly device: DeviceName;
  /** Why this backend: code for the words, e.g. 'webgpu-passed', 'no-webgpu', 'webgpu-mismatch', 'software-adapter', 'chosen'. */
  readonly reason: string;
  /** Kernel that disagreed with the reference, where one did. */
  readonly mismatch: string | null;
  readonly checks: readonly KernelCheck[];
  /** Trains at about half its speed, so that other programs stay quick. */
  readonly leavesRoom: boolean;
  readonly cores: number;
  readonly hasWebGpu: boolean;
  readonly isSecureContext: boolean;
}

export interface ModelReport {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly license: string;
  readonly layers: number;
  readonly width: number;
  readonly parameters: number;
}

// ---- energy -----------------------------------------------------------------------------------

/** What estimates take this device and its electricity to be: a browser can tell neither. */
export interface EnergySettings {
  readonly deviceClass: DeviceClass;
  /** Extra watts while training, read from a wall meter; they go before the class. Null where nobody measured. */
  readonly measuredWatts: number | null;
  /** ISO 3166-1 alpha-3; null for the world average. */
  readonly country: string | null;
}

export interface CountryIntensity {
  /** ISO 3166-1 alpha-3. */
  readonly country: string;
  /** ISO 3166-1 alpha-2. */
  readonly region: string;
  readonly gramsPerKwh: number;
  readonly year: number;
}

export interface EnergyReport {
  readonly settings: EnergySettings;
  /** Extra watts at full load, and grams of CO2 equivalent a kWh, that follow from the settings. */
  readonly watts: EnergyRange;
  readonly gramsPerKwh: EnergyRange;
  readonly countries: readonly CountryIntensity[];
  readonly worldGramsPerKwh: number;
  /** Where the figures of countries come from. */
  readonly source: string;
}

// ---- how fast this device is ------------------------------------------------------------------

/** One way in which this device can compute, measured on made-up notes. */
export interface MeasuredSetup {
  readonly backend: BackendName;
  readonly device: DeviceName;
  /**
   * All workers together. `read`: features of the last layer; `head`: notes that one full-batch step of a private head passes, their features at hand;
   * `adapters`: notes whose gradients a private step of adapters clips and sums.
   */
  readonly notesPerSecond: { readonly read: number; readonly head: number; readonly adapters: number };
  /** Of a private step of adapters, with so many notes for each worker. */
  readonly stepMs: number;
  readonly stepNotes: number;
  /** Of that step, on a graphics chip; null on a processor. */
  readonly launches: number | null;
  /** What the engine of one worker holds, weights included. */
  readonly memoryBytes: number;
  /** Share of the device that works meanwhile. */
  readonly busyFraction: number;
}

/** What was measured; nothing of it depends on anybody's notes. */
export interface MeasuredSpeed {
  readonly measuredAtMs: number;
  readonly encoder: string;
  /** Word pieces of a note. */
  readonly tokens: number;
  readonly cores: number;
  readonly browser: string;
  /** Why no graphics chip is among the setups, as in `DeviceReport.reason`; null where one is. */
  readonly noWebGpu: string | null;
  readonly setups: readonly MeasuredSetup[];
}

/** With estimates by the settings of now: of 1,000 such notes read, and passed once by private steps of adapters. */
export interface SpeedReport extends MeasuredSpeed {
  readonly power: Pick<EnergySettings, 'deviceClass' | 'measuredWatts'>;
  readonly setups: readonly (MeasuredSetup & { readonly energyWhPer1000: { readonly read: EnergyRange; readonly adapters: EnergyRange } })[];
}

// ---- projects ---------------------------------------------------------------------------------

export interface ProjectSummary {
  readonly id: string;
  readonly name: string;
  readonly noteCount: number;
  readonly isSynthetic: boolean;
  readonly openedAtMs: number;
  readonly accuracy: Proportion | null;
  readonly budget: BudgetReport | null;
  readonly energyWh: EnergyRange | null;
}

/**
 * What the page gets of a data set: counts and the first rows. The rest stays in workers and storage,
 * because 100,000 notes cannot cross to the page without freezing it.
 */
export interface DatasetView extends Omit<Dataset, 'notes' | 'problems'> {
  readonly noteCount: number;
  /** `labels`, `classes` and `rareClasses` end after some thousands and some dozens; so many there are. */
  readonly labelCount: number;
  readonly rareClassCount: number;
  /** Distinct persons; null without a person column. */
  readonly personCount: number | null;
  readonly firstNotes: readonly Note[];
  readonly problemCount: number;
  readonly problemCounts: readonly { readonly code: RowProblemCode; readonly count: number }[];
  readonly firstProblems: readonly RowProblem[];
}

/** The rows of a file that could not be read. */
export interface UnreadableRows {
  /** Problems; one that holds many rows, as an open quote does, counts once. */
  readonly count: number;
  /** Rows of the file that are in them. */
  readonly rows: number;
  /** The first ones, those that hold many rows before the others; without their cells. */
  readonly first: readonly RowProblem[];
}

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly fileName: string;
  readonly dataset: DatasetView | null;
  readonly columnRoles: Readonly<Record<string, ColumnRole>>;
  /** One public sentence a label, or '' where the bare label name serves. */
  readonly sentences: Readonly<Record<string, string>>;
  readonly runs: readonly RunSummary[];
  /** The number that the next run gets. Runs that are not in the list have had theirs. */
  readonly nextRunNumber: number;
}

// ---- privacy ----------------------------------------------------------------------------------

/** What the worst unit of a data set has spent. Epsilon is recomputed from the ledger's events; Infinity where it cannot be resolved. */
export interface BudgetReport {
  readonly epsilonLimit: number;
  readonly delta: number;
  /** Of the most exposed unit, whichever part it is in. */
  readonly epsilonSpent: number;
  /** Of the training part alone; absent where a stand-in does not say. */
  readonly epsilonTraining?: number;
  /** Epsilon spent on the held-out part by charged validation; composes in parallel. */
  readonly epsilonHeldOut: number;
  /** Some of it was charged for rows where this data set protects persons, and nobody knows how many rows a person has there. */
  readonly isUnitMixed: boolean;
  /** Another data set that may hold the same people has less of its limit left, so less may be spent here than this one leaves. Absent where nobody asked. */
  readonly isTighterElsewhere?: boolean;
  /** Something counts that would not, if these notes were declared to be about other people. Absent where nobody asked. */
  readonly hasUndeclared?: boolean;
  /** Other data sets that count and hold notes or persons of here, so that no declaration ends it. For the owner's eyes; absent where nobody asked. */
  readonly elsewhere?: readonly NotesElsewhere[];
  /** What these notes brought along as a copy of a project file, and what was spent of it here: it binds beside the limit. Null where they are no copy. */
  readonly allowance: { readonly epsilon: number; readonly epsilonSpent: number } | null;
  readonly isChainIntact: boolean;
}

/** What of a project's notes another data set holds too. */
export interface NotesElsewhere extends CommonNotes {
  /** The project that trained on it; null where nobody knows. */
  readonly projectName: string | null;
}

/** An estimate of the memory that a plan takes at its largest moment, all workers together, beside what can be counted on here. */
export interface MemoryForecast {
  readonly neededBytes: number;
  readonly availableBytes: number;
  /** What takes the most of it: the notes themselves, the frozen features, or the gradients of a unit's rows. */
  readonly largest: 'notes' | 'features' | 'gradients';
  readonly fits: boolean;
}

/** The parts whose charges would be refused by themselves; both, where it is only together. */
export interface RefusedParts {
  readonly training: boolean;
  /** What a search chooses by: a score that may leave is left out instead. */
  readonly heldOut: boolean;
  /** Where the held-out part is refused: the largest epsilon in hundredths that a search may choose by; null where none fits. */
  readonly searchScoreLeft: number | null;
}

export interface CostForecast {
  readonly seconds: { readonly low: number; readonly central: number; readonly high: number };
  readonly energyWh: EnergyRange;
  readonly carbonGrams: EnergyRange;
  /** Epsilon of this run alone, to the training part; null for a plan that is not private. */
  readonly epsilonRun: number | null;
  /** Of everything once it has ended, each of its charges to either part included: of the most exposed unit, and of each part's. Null for a plan that is not private. */
  readonly epsilonAfter: number | null;
  readonly epsilonTrainingAfter: number | null;
  readonly epsilonHeldOutAfter: number | null;
  /** What of the copy's allowance would be spent then; null where nothing was brought along. */
  readonly allowanceAfter: number | null;
  /** Every charge of the run will be accepted, by the limit of this data set and of every other that may hold the same people. */
  readonly fitsBudget: boolean;
  /** Where another data set's limit does not suffice, though this one's does: what its most exposed unit would come to. */
  readonly overElsewhere?: { readonly epsilonAfter: number; readonly epsilonLimit: number } | null;
  /** Which charges do not fit; null or absent where all do. */
  readonly refusedParts?: RefusedParts | null;
  /** False where the score that the plan would charge to the held-out part will be left out, because that part has too little of the budget left. Absent where nobody asked. */
  readonly scoreFits?: boolean;
  /** Largest epsilon in hundredths at which that score would fit, where it does not; null or absent where it fits, or at none. */
  readonly scoreLeft?: number | null;
  /** A plan that does not fit is refused at its start. */
  readonly memory: MemoryForecast;
  /** What a run of this plan promises, and what it does not cover. */
  readonly statement: PrivacyStatement;
}

/** What one further click would bring the most exposed unit of a part to. */
export interface ClickPrice {
  readonly epsilonBefore: number;
  readonly epsilonAfter: number;
  readonly epsilonLimit: number;
  readonly fits: boolean;
}

/** What one further run would bring the training part to, and the held-out part, where it charges that. */
export interface RunPrice extends ClickPrice {
  readonly heldOut: { readonly epsilonBefore: number; readonly epsilonAfter: number } | null;
  /** False where its score will be left out, because the held-out part cannot pay it. */
  readonly scoreFits: boolean;
}

/** What may still be done with a finished private run, and for how much. */
export interface RunPrices {
  /** Another run of the same plan. */
  readonly again: RunPrice;
  /** A score that may leave, charged to the held-out part alone at `epsilon`; null where the run has one or can have none. */
  readonly score: (ClickPrice & { readonly epsilon: number }) | null;
}

/** Why a run's model is not gone on from; the words are the page's. */
export type TrainOnObstacle = PlanObstacle | 'pooled' | 'from-file' | 'not-ended' | 'older-version' | 'other-notes' | 'other-model';

/** What the steps that go on would bring the parts to. `epsilonModel`: what the model would then promise, all runs that led to it together. */
export interface TrainOnPrice extends RunPrice {
  readonly epsilonModel: number;
}

/** One more epoch from the end of a run, or why it is not on offer. */
export interface TrainOnOffer {
  /** The plan to start, and its price; null where it is not private. */
  readonly offer: { readonly plan: Plan; readonly price: TrainOnPrice | null } | null;
  readonly obstacle: TrainOnObstacle | null;
}

/** The plan chosen by rule, and why, as codes for the words. */
export interface PlanProposal extends ProposedPlan {
  /** Held-out rows of each label, for the owner's eyes; absent where the split has not been drawn yet. */
  readonly heldOutByLabel?: Readonly<Record<string, number>>;
}

// ---- runs -------------------------------------------------------------------------------------

/** One point of the live panel. All of it is for the owner's eyes. */
export interface PanelPoint {
  readonly step: number;
  readonly elapsedSeconds: number;
  /** Held-out accuracy with its Wilson interval; null before the first evaluation and between evaluations. */
  readonly accuracy: Proportion | null;
  readonly heldOutLossNats: number | null;
  readonly energyWh: EnergyRange;
  readonly carbonGrams: EnergyRange;
  /** Worst unit, over all runs. */
  readonly epsilonSpent: number | null;
}

export type RunPhase = 'loading-model' | 'tokenizing' | SessionPhase;

export interface RunProgress {
  readonly runId: string;
  readonly runNumber: number;
  readonly phase: RunPhase;
  readonly phaseProgress: Progress;
  readonly step: number;
  readonly steps: number;
  readonly secondsLeft: number | null;
  /** Expected batch over a mean of ten steps; null until ten steps are done. */
  readonly notesPerSecond: number | null;
  readonly budget: BudgetReport | null;
  readonly epsilonRun: number | null;
  /** What the most exposed unit will have spent, all runs together, after one more step and at the end; null where nothing is charged. */
  readonly epsilonNextStep: number | null;
  readonly epsilonAtEnd: number | null;
  /** By the pace of the last steps, and no less than what has been drawn; null while there is none. */
  readonly energyAtEnd: EnergyRange | null;
  /** Null until it is ready. */
  readonly device: DeviceName | null;
  readonly savedAtMs: number | null;
  readonly points: readonly PanelPoint[];
}

export type RunState = 'running' | 'paused' | 'finished' | 'stopped' | 'failed' | 'interrupted';

export interface RunSummary {
  readonly id: string;
  readonly number: number;
  readonly state: RunState;
  readonly plan: Plan;
  readonly startedAtMs: number;
  readonly seconds: number;
  readonly stepsDone: number;
  readonly steps: number;
  /** What was charged to the training part, by the ledger; null where the plan is not private. */
  readonly epsilonRun: number | null;
  /** Of a run that was trained on from another: what its model promises, all runs together that led to it. Absent until it has ended, where it began by itself, and from runs of older versions. */
  readonly epsilonModel?: number;
  readonly energyWh: EnergyRange;
  /** Absent from what older versions kept. */
  readonly carbonGrams?: EnergyRange;
  readonly accuracy: Proportion | null;
  readonly macroF1: number | null;
  readonly hasModel: boolean;
  /** It came with a project file, and was measured on other held-out notes than a run that is made here. */
  readonly isFromFile?: boolean;
  /** Its model came back from a federation; absent where it was trained here alone. */
  readonly pooled?: PooledOrigin;
  /** What its kernels were held to before it began, and which were refused; absent from runs of older versions. */
  readonly checkedDevice?: CheckedDevice;
  /** For an interrupted run: epsilon that charging again the step that was cut off adds; 0 where nothing is charged again. */
  readonly resumeEpsilon?: number | null;
}

export type RunMessage =
  | { readonly kind: 'progress'; readonly progress: RunProgress }
  /** `failure` says why where the person did not ask: a full disk. The run goes on when it is resumed. */
  | { readonly kind: 'paused'; readonly progress: RunProgress; readonly failure?: Failure }
  /** `statement`: what was charged in the end. */
  | { readonly kind: 'finished'; readonly run: RunSummary; readonly statement: PrivacyStatement }
  | { readonly kind: 'stopped'; readonly run: RunSummary; readonly reason: 'asked' | 'budget'; readonly statement: PrivacyStatement }
  | ({ readonly kind: 'failed' } & Failure);

export interface RunHandle {
  readonly runId: string;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends after the current step and keeps the model. */
  stop(): Promise<void>;
}

/** Held-out results of a finished run: exact, for the owner's eyes. */
export interface RunResults extends Evaluation {
  readonly run: RunSummary;
  readonly labels: readonly string[];
  /** Charged accuracy, which may leave with an export: value and interval including the noise; null where none was charged. */
  readonly releasedAccuracy: ReleasedAccuracy | null;
  readonly statement: PrivacyStatement;
  readonly energyWh: EnergyRange;
  readonly carbonGrams: EnergyRange;
}

/** How a file to label was read, so that nothing is passed over in silence. */
export interface FileReading {
  readonly encoding: TextEncoding;
  readonly textColumn: string;
  /** False where the column of training was not in the file and another one was guessed. */
  readonly isColumnAsTrained: boolean;
  /** Rows that have no label because they could not be read or have no text, by reason; rows inside an open quote are all counted. */
  readonly skipped: readonly { readonly code: RowProblemCode; readonly count: number }[];
  /** Labelled notes of which the end was not read, and the most word pieces that are. */
  readonly cutNotes: number;
  readonly maximumLength: number;
  /** Labelled notes in other letters than Latin ones. */
  readonly otherScriptNotes: number;
}

/** A file that came back with its labels. */
export interface LabelledFile {
  /** CSV with `predicted_label` and `confidence` added. Where it was cancelled: those rows alone that were labelled. */
  readonly table: OwnersEyes<Blob>;
  /** Rows labelled, of those that have a text. */
  readonly done: number;
  readonly total: number;
  readonly reading: FileReading;
}

// ---- attack lab -------------------------------------------------------------------------------

export interface AuditOptions {
  /** Of the private run that is attacked: what its plan would be proposed with. */
  readonly epsilon: number;
  /** What the attacked models train: heads where absent. */
  readonly kind?: AuditReport['kind'];
  /** A run's plan, whose settings are attacked in place of the proposed ones: of adapters all, of a head what it reads and clips. */
  readonly like?: Plan;
}

/** What an attack will do, before it begins. */
export interface AuditForecast {
  readonly units: number;
  readonly allUnits: number;
  /** Trained and thrown away. */
  readonly models: number;
  readonly seconds: { readonly low: number; readonly central: number; readonly high: number };
}

// ---- storage ----------------------------------------------------------------------------------

export interface StorageReport {
  readonly usedBytes: number;
  readonly quotaBytes: number;
  readonly isPersistent: boolean;
  readonly parts: readonly { readonly part: 'projects' | 'models' | 'features' | 'caches' | 'ledger'; readonly bytes: number; readonly count: number }[];
}

export interface SilenceReport {
  /** When this page was opened: what it asked for before is of another page. */
  readonly sinceMs: number;
  /** Requests this page and its workers have made, all to its own origin; also of workers that have ended. Bytes are those of the files, where they came over the network; 0 where they were here. */
  readonly requests: readonly { readonly atMs: number; readonly what: string; readonly receivedBytes: number }[];
  readonly sentBytes: number;
  /** Requests to other origins that were not refused. */
  readonly elsewhere: number;
  readonly refused: number;
  readonly isReadyOffline: boolean;
}

export interface BedsideService {
  device(): Promise<DeviceReport>;
  selfCheck(onCheck: (check: KernelCheck) => void): Promise<DeviceReport>;
  chooseBackend(backend: 'automatic' | 'wasm' | 'webgpu'): Promise<DeviceReport>;
  /** Trains at about half the speed from now on, so that other programs stay quick; or at all of it. Kept; also while a run goes on. */
  leaveRoom(leavesRoom: boolean): Promise<DeviceReport>;
  model(): Promise<ModelReport>;
  loadModel(onProgress: (progress: Progress) => void): Promise<ModelReport>;

  energy(): Promise<EnergyReport>;
  /** Holds for forecasts and runs from now on; a run that goes on and those that ended keep theirs. */
  setEnergy(settings: EnergySettings): Promise<EnergyReport>;

  /** Measures in trainers of its own, one setup after the other, and keeps the result in this browser. No run goes on meanwhile, here or in another tab. */
  measureSpeed(onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<SpeedReport>;
  /** What was measured last; null where nothing was. */
  speed(): Promise<SpeedReport | null>;

  listProjects(): Promise<readonly ProjectSummary[]>;
  openProject(id: string): Promise<Project>;
  renameProject(id: string, name: string): Promise<void>;
  duplicateProject(id: string): Promise<ProjectSummary>;
  /** Texts, caches and models go; the ledger's events and salted hashes stay. */
  deleteProject(id: string): Promise<void>;
  /** What of the privacy budget could go along with a copy of the notes; null where no columns are confirmed. */
  shareable(id: string): Promise<Shareable | null>;
  /** The project as a file. `epsilon` of the budget goes along and is lost here before the file is made; 0 unless given. */
  exportProject(id: string, epsilon?: number): Promise<OwnersEyes<Blob>>;
  /** Rejects with `project/exhausts-others` where what the file says was spent would leave a data set of this device next to nothing to spend, unless it may. */
  importProject(file: Blob, mayExhaust?: boolean): Promise<ProjectSummary>;

  /** Parses in a worker; rejects on a file that is no table. */
  readFile(file: File, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<ProjectSummary>;
  openSample(): Promise<ProjectSummary>;
  /** The parsed table of a project: header, first rows, and guesses, before columns are confirmed. */
  preview(id: string): Promise<{ readonly table: Pick<RawTable, 'fileName' | 'format' | 'encoding' | 'header'>; /** Rows that could be read. */ readonly rowCount: number; readonly columns: readonly ColumnGuess[]; readonly firstRows: readonly (readonly string[])[]; readonly unreadable: UnreadableRows }>;
  setColumns(id: string, roles: Readonly<Record<string, ColumnRole>>): Promise<DatasetView>;
  setSentences(id: string, sentences: Readonly<Record<string, string>>): Promise<void>;
  /** The set-aside rows as CSV with a reason column. */
  setAsideRows(id: string): Promise<OwnersEyes<Blob>>;

  /** Reads every note twice where that has not been done before: `onProgress` counts notes. `signal` ends it; what was read by then is forgotten. */
  proposePlan(id: string, onProgress?: (progress: Progress) => void, signal?: AbortSignal): Promise<PlanProposal>;
  forecast(id: string, plan: Plan): Promise<CostForecast>;
  budget(id: string): Promise<BudgetReport>;
  setBudget(id: string, epsilonLimit: number): Promise<BudgetReport>;
  /** The person declares that this data set is about people of whom no earlier data set holds rows. */
  declareDisjoint(id: string): Promise<BudgetReport>;

  startRun(id: string, plan: Plan, onMessage: (message: RunMessage) => void): Promise<RunHandle>;
  /** The interrupted run of a project, if there is one, and the same listening as `startRun`. */
  resumeRun(id: string, runId: string, onMessage: (message: RunMessage) => void): Promise<RunHandle>;
  results(id: string, runId: string): Promise<RunResults>;
  /** What further clicks on a finished run would cost; null where it was not private. */
  prices(id: string, runId: string): Promise<RunPrices | null>;
  /** Training on from an ended run: the plan, to be given to `startRun` as it is, and what it would cost. */
  trainOn(id: string, runId: string): Promise<TrainOnOffer>;
  /** Charges a score that may leave to a run that has none; resolves with the run's results with it. No run goes on meanwhile. */
  chargeScore(id: string, runId: string): Promise<RunResults>;

  /**
   * Attacks the private plan and its twin that is not private, trained anew on the project's own training part and thrown away. Charges nothing, keeps nothing:
   * the report is for the owner's eyes. No run goes on meanwhile.
   */
  audit(id: string, options: AuditOptions, onProgress: (progress: AuditProgress) => void, signal: AbortSignal): Promise<AuditReport>;
  /** How long it would take. Reads the notes' lengths, and times the trainers where nothing was learnt yet. */
  auditForecast(id: string, options: AuditOptions): Promise<AuditForecast>;
  /** Pauses the attack that goes on, between two steps, or lets it go on. */
  pauseAudit(isPaused: boolean): Promise<void>;

  classify(id: string, runId: string, text: string): Promise<Prediction>;
  /** `signal` ends it after the rows in hand and gives the whole table, empty where a row is not labelled; rejects with `cancelled` where there are none. */
  classifyFile(id: string, runId: string, file: File, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<LabelledFile>;
  /** The model as a file that may leave; asking for one that is not private is its owner's act. */
  exportModel(id: string, runId: string): Promise<Releasable<Blob>>;

  ledger(): Promise<{ readonly entries: readonly LedgerEntry[]; readonly isChainIntact: boolean }>;
  /** Erases the ledger: every data set counts as untouched from then on. A separate act with its own warning. */
  eraseLedger(): Promise<void>;

  storage(): Promise<StorageReport>;
  clearCaches(): Promise<void>;
  /** Removes the cached features of all notes; a run that goes on keeps what it has read. */
  clearFeatures(): Promise<void>;
  silence(): Promise<SilenceReport>;
  /** Tries to send one made-up word to another origin, to show that the browser refuses. */
  trySending(): Promise<'refused' | 'sent'>;

  /** Training together with others, where this page's own origin serves a federation. Nothing of it is loaded, and nothing asked, before its first call. */
  readonly federation: FederationService;
}

export type { AuditProgress, AuditReport, Prediction, RowProblem };
