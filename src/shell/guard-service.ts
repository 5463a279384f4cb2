import type { AuditForecast, AuditOptions, BedsideService, BudgetReport, CostForecast, EnergyReport, EnergySettings, LabelledFile, ModelReport, PlanProposal, Prediction, Progress, RunMessage, RunPrices, RunResults, TrainOnOffer } from './bedside.service.ts';
import type { Shareable } from '../privacy/budget-share.ts';
import type { OwnersEyes, Releasable } from '../privacy/doors.ts';
import type { AuditReport } from '../training/audit/audit-report.ts';
import type { AuditProgress } from '../training/audit/audit-run.ts';
import type { CheckedDevice } from '../training/checked-device.ts';
import type { Plan } from '../training/plan.ts';
import type { EncoderSource } from './encoder-source.ts';
import type { FederationFit, FederationLink, FederationMembership, FederationOffer, FederationService, ProjectorView, ReceivedModel, SentLine, UpdatePreview } from './federation.service.ts';
import type { Living } from './remote.ts';
import type { TrainerPort } from './remote-trainer.ts';

/** What the page may ask about a federation. */
export interface FederationCalls {
  federationOffer(): Promise<FederationOffer>;
  federationFit(projectId: string, taskHash: string): Promise<FederationFit>;
  openDealtNotes(link: FederationLink): ReturnType<FederationService['openDealtNotes']>;
  previewUpdate(projectId: string, taskHash: string, callId: string): Promise<UpdatePreview>;
  joinFederation(projectId: string, taskHash: string, link: FederationLink, epsilonLimit: number): Promise<void>;
  leaveFederation(): Promise<boolean>;
  destroyFederationKey(): Promise<void>;
  /** Tells until `unwatchFederation` is called with the same name. */
  watchFederation(watchId: string, onChange: (membership: FederationMembership | null) => void): Promise<void>;
  unwatchFederation(watchId: string): Promise<void>;
  federationSent(): Promise<readonly SentLine[]>;
  receiveModel(): Promise<ReceivedModel>;
  projector(token: string): Promise<ProjectorView>;
  /** Rejects where the project takes part. */
  checkMayDelete(projectId: string): Promise<void>;
}

/** The worker that owns sessions, optimizer, secret keys and the ledger. */
export interface GuardService extends Living, FederationCalls {
  /**
   * What the guard needs of the page: which encoder, and trainers when there are none alive. `bringTrainers` starts them,
   * hands their ports over with `connect`, and resolves.
   */
  open(encoder: EncoderSource, bringTrainers: () => Promise<void>): Promise<void>;
  /** `workShare`: that of its time which each trainer works. `checked`: what is known of their device. */
  connect(ports: readonly TrainerPort[], workShare: number, checked: CheckedDevice | null): Promise<void>;
  /** The trainers work that share of their time from now on. */
  pace(workShare: number): Promise<void>;
  loadEncoder(onProgress: (progress: Progress) => void): Promise<ModelReport>;
  encoder(): Promise<ModelReport>;
  energy(): Promise<EnergyReport>;
  setEnergy(settings: EnergySettings): Promise<EnergyReport>;

  budget(id: string): Promise<BudgetReport | null>;
  setBudget(id: string, epsilonLimit: number): Promise<BudgetReport>;
  declareDisjoint(id: string): Promise<BudgetReport>;
  /** Calls that can be ended name themselves: `cancel` takes the name. */
  proposePlan(id: string, callId: string, onProgress: (progress: Progress) => void): Promise<PlanProposal>;
  forecast(id: string, plan: Plan): Promise<CostForecast>;

  /** Resolves with the run's id once it is recorded; everything after comes as messages. */
  startRun(id: string, plan: Plan, onMessage: (message: RunMessage) => void): Promise<string>;
  resumeRun(id: string, runId: string, onMessage: (message: RunMessage) => void): Promise<string>;
  pause(runId: string): Promise<void>;
  resume(runId: string): Promise<void>;
  stop(runId: string): Promise<void>;
  /** What an interrupted run was charged, and what charging its interrupted step again adds, by run id. */
  resumeEpsilons(id: string): Promise<Readonly<Record<string, { readonly charged: number; readonly again: number }>>>;

  audit(id: string, options: AuditOptions, callId: string, onProgress: (progress: AuditProgress) => void): Promise<AuditReport>;
  auditForecast(id: string, options: AuditOptions): Promise<AuditForecast>;
  pauseAudit(isPaused: boolean): Promise<void>;

  results(id: string, runId: string): Promise<RunResults>;
  prices(id: string, runId: string): Promise<RunPrices | null>;
  trainOn(id: string, runId: string): Promise<TrainOnOffer>;
  chargeScore(id: string, runId: string): Promise<RunResults>;
  classify(id: string, runId: string, text: string): Promise<Prediction>;
  classifyFile(id: string, runId: string, file: File, callId: string, onProgress: (progress: Progress) => void): Promise<LabelledFile>;
  /** Ends a call that goes on; one that is over is let be. */
  cancel(callId: string): Promise<void>;
  /** Lets go of a project's notes, which have been deleted. */
  forget(id: string): Promise<void>;
  exportModel(id: string, runId: string): Promise<Releasable<Blob>>;

  /** What of the budget could go along with a copy; null where no columns are confirmed. */
  shareable(id: string): Promise<Shareable | null>;
  exportProject(id: string, epsilon: number): Promise<OwnersEyes<Blob>>;
  importProject(file: Blob, mayExhaust?: boolean): Promise<string>;

  ledger(): ReturnType<BedsideService['ledger']>;
  eraseLedger(): Promise<void>;
  ledgerBytes(): Promise<{ readonly bytes: number; readonly count: number }>;
  /** Bytes of request bodies since the guard was started. */
  sentBytes(): Promise<number>;
}
