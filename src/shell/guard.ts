import { checkPositive } from '../ground/check.ts';
import type { Shareable } from '../privacy/budget-share.ts';
import type { OwnersEyes, Releasable } from '../privacy/doors.ts';
import type { Dataset } from '../data/table.ts';
import { isPrivate, noiseLawOf, searchOf, type Plan, type PrivatePlan } from '../training/plan.ts';
import type { AuditReport } from '../training/audit/audit-report.ts';
import type { AuditProgress } from '../training/audit/audit-run.ts';
import { auditedPlans, type AuditedPlans } from '../training/audit/audited-plans.ts';
import type { CheckedDevice } from '../training/checked-device.ts';
import { plannedSteps } from '../training/planned-charges.ts';
import { isSameData, type RunFacts } from '../training/run-facts.ts';
import { SessionControl } from '../training/session-control.ts';
import type { Split } from '../training/split.ts';
import type { AuditForecast, AuditOptions, BudgetReport, CostForecast, EnergyReport, EnergySettings, LabelledFile, ModelReport, PlanProposal, Prediction, Progress, RunMessage, RunPrices, RunResults, TrainOnOffer } from './bedside.service.ts';
import { chargedAgain } from './charged-again.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import { encoderReport } from './encoder-report.ts';
import type { EncoderSource } from './encoder-source.ts';
import { otherEncoder } from './model-errors.ts';
import { EnergyMeter, RunEnergy } from './energy-meter.ts';
import { energyReportOf, keepEnergySettings, readEnergySettings } from './energy-settings.ts';
import { FederationGuard } from './federation-guard.ts';
import type { FederationOptions } from './federation-guard-parts.ts';
import type { GuardedRun } from './guarded-run.ts';
import { createKeyStream } from './key-stream.ts';
import { dataChanged, type LedgerKeeper, type RunLedger } from './ledger-keeper.ts';
import { runLockName, trainingLockName } from './live-runs.ts';
import type { ModelUseParts } from './model-use.ts';
import { Planner, type ProposalFollower } from './planner.ts';
import { forgetDataset, readDataset, readProject } from './projects.ts';
import type { ProjectRecord, RunRecord } from './records.ts';
import type { TrainerPort } from './remote-trainer.ts';
import { factsOf } from './run-data.ts';
import { cannotResume, runIsOver, scoreNeedsApart, searchNeedsApart } from './run-errors.ts';
import { RunKeeper } from './run-keeper.ts';
import { createRun, isDealtAs, keepResults, mayResume, readCheckpoint, readModel, readResults, readRun, runsOfProject, saveRun } from './runs.ts';
import { otherTabTrains } from './storage-errors.ts';
import { takenOver, trainOnOffer, type TrainOnParts } from './train-on.ts';
import { TrainingCrew } from './training-crew.ts';

/** One reading of a project's notes, dealt. */
interface RunDataset {
  readonly project: ProjectRecord;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly splitId: string;
  readonly isDisjoint: boolean;
  readonly facts: RunFacts;
}

/** Where a unit lies in both parts, a score would not compose in parallel with the training, and is left out. */
function planFor({ isDisjoint }: RunDataset, plan: Plan): Plan {
  if (searchOf(plan) && !isDisjoint) throw searchNeedsApart();
  return isPrivate(plan) && !isDisjoint ? { ...plan, validationEpsilon: null } : plan;
}

/** Everything the guard worker does, over its parts. What no first page needs (the encoder, runs, models in use, project files, the lab) is loaded when it is asked for, as the pages are. */
export class Guard {
  readonly #database: BedsideDatabase;
  readonly #ledger: LedgerKeeper;
  readonly #source: EncoderSource;
  readonly #crew: TrainingCrew;
  readonly #planner: Planner;
  /** Training together with others. */
  readonly federation: FederationGuard;
  #encoder: Promise<EncoderFacts> | null = null;
  #active: GuardedRun | null = null;
  /** Of the attack that goes on. */
  #audit: SessionControl | null = null;

  constructor(database: BedsideDatabase, ledger: LedgerKeeper, source: EncoderSource, bringTrainers: () => Promise<void>, federation: FederationOptions = {}) {
    this.#database = database;
    this.#ledger = ledger;
    this.#source = source;
    this.#crew = new TrainingCrew(bringTrainers);
    this.#planner = new Planner(database, ledger, this.#crew, () => this.#loadedEncoder(() => undefined));
    this.federation = new FederationGuard({ ...federation, database, ledger, crew: this.#crew, encoder: () => this.encoder(), loadEncoder: () => this.#loadedEncoder(() => undefined) });
  }

  connect(ports: readonly TrainerPort[], workShare = 1, checked: CheckedDevice | null = null): Promise<void> {
    return this.#crew.connect(ports, workShare, checked);
  }

  pace(workShare: number): void {
    this.#crew.workShare = workShare;
  }

  encoder(): Promise<ModelReport> {
    return encoderReport(this.#source);
  }

  async loadEncoder(onProgress: (progress: Progress) => void): Promise<ModelReport> {
    return (await this.#loadedEncoder(onProgress)).report;
  }

  async #loadedEncoder(onProgress: (progress: Progress) => void): Promise<EncoderFacts> {
    this.#encoder ??= import('./encoder.ts').then(({ loadEncoder }) => loadEncoder(this.#source, onProgress)).catch((error: unknown) => {
      this.#encoder = null;
      throw error;
    });
    const encoder = await this.#encoder;
    onProgress({ done: 1, total: 1 });
    return encoder;
  }

  async energy(): Promise<EnergyReport> {
    return energyReportOf(await readEnergySettings(this.#database));
  }

  async setEnergy(settings: EnergySettings): Promise<EnergyReport> {
    await keepEnergySettings(this.#database, settings);
    return this.energy();
  }

  // ---- budget and plans -------------------------------------------------------------------------

  async budget(id: string): Promise<BudgetReport | null> {
    const project = await readProject(this.#database, id);
    return project.noteCount === null ? null : this.#ledger.budgetOf(project);
  }

  async setBudget(id: string, epsilonLimit: number): Promise<BudgetReport> {
    return this.#ledger.setBudget(await readProject(this.#database, id), epsilonLimit);
  }

  async declareDisjoint(id: string): Promise<BudgetReport> {
    return this.#ledger.declareDisjoint(await readProject(this.#database, id));
  }

  proposePlan(id: string, follower?: ProposalFollower): Promise<PlanProposal> {
    return this.#planner.propose(id, follower);
  }

  forecast(id: string, plan: Plan): Promise<CostForecast> {
    return this.#planner.forecast(id, plan);
  }

  // ---- runs -------------------------------------------------------------------------------------

  async startRun(id: string, plan: Plan, onMessage: (message: RunMessage) => void): Promise<string> {
    return this.#whileLocked(async () => {
      const project = await readProject(this.#database, id);
      if (isPrivate(plan)) {
        // Before anything of a plan that names another is written down.
        noiseLawOf(plan);
        await this.#ledger.checkAllowance(project, plan);
      }
      await this.#planner.checkMemory(id, plan);
      const data = await this.#dataOf(project, plan);
      const more = { splitId: data.splitId, ...(await takenOver(this.#trainOnParts(), project, plan, data.dataset)) };
      return this.#begin(await createRun(this.#database, id, planFor(data, plan), data.facts, plannedSteps(plan, data.split.training.length), more), data, onMessage, 'started');
    });
  }

  async resumeRun(id: string, runId: string, onMessage: (message: RunMessage) => void): Promise<string> {
    return this.#whileLocked(async () => {
      const run = await readRun(this.#database, runId);
      if (run.projectId !== id || !mayResume(run)) throw cannotResume();
      const data = await this.#dataOf(await readProject(this.#database, id), run.plan);
      if ((run.facts && !isSameData(run.facts, data.facts)) || (run.splitId ?? data.splitId) !== data.splitId) throw dataChanged();
      const resumed: RunRecord = { ...run, plan: planFor(data, run.plan), state: 'running' };
      await saveRun(this.#database, resumed);
      return this.#begin(resumed, data, onMessage, 'resumed');
    });
  }

  /** Takes the browser's training lock, begins a run, and holds the lock until the run has ended. Rejects where a run goes on, here or in another tab. */
  async #whileLocked(begin: () => Promise<{ readonly run: GuardedRun; readonly isOver: Promise<void> }>): Promise<string> {
    return new Promise((resolve, reject) => {
      void navigator.locks.request(trainingLockName, { ifAvailable: true }, async (lock) => {
        if (!lock) return reject(otherTabTrains());
        try {
          const { run, isOver } = await begin();
          resolve(run.runId);
          await isOver;
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** The notes that a run trains on, and what it will say of them: read once, so that both are of the same notes. */
  async #dataOf(project: ProjectRecord, plan: Plan): Promise<RunDataset> {
    const dataset = await readDataset(this.#database, project.id);
    const subject = await this.#ledger.subject(project, plan, dataset);
    return { project, dataset, split: subject.split, splitId: subject.splitId, isDisjoint: subject.isDisjoint, facts: factsOf(dataset, subject) };
  }

  async #begin(run: RunRecord, { project, dataset, split }: RunDataset, onMessage: (message: RunMessage) => void, how: 'started' | 'resumed'): Promise<{ readonly run: GuardedRun; readonly isOver: Promise<void> }> {
    const start = run.plan.continues ? (await readModel(this.#database, run.plan.continues.runId)).model : null;
    const ledger = isPrivate(run.plan) ? await this.#openLedger(run, run.plan, project, dataset, how) : null;
    const keeper = new RunKeeper(run, new RunEnergy(new EnergyMeter(await readEnergySettings(this.#database), () => this.#crew.busyFraction)), ledger, onMessage);
    const checkpoint = how === 'resumed' ? await readCheckpoint(this.#database, run.id) : null;
    this.#crew.claim(run);
    const { GuardedRun } = await import('./guarded-run.ts');
    const guarded = new GuardedRun({ database: this.#database, crew: this.#crew, project, dataset, split, ledger, loadEncoder: (onProgress) => this.#loadedEncoder(onProgress), checkpoint, start }, keeper);
    this.#active = guarded;
    // The lock tells every tab that somebody works on this run.
    const isOver = navigator.locks.request(runLockName(run.id), () => guarded.work()).finally(() => {
      this.#active = null;
    });
    // Once the locks are gone: the run is over. A resumed one has read its notes twice, and a forecast is worth no error.
    void isOver.then(() => (how === 'started' && guarded.isTimeWhole && keeper.run.state === 'finished' ? this.#planner.learn(keeper.run) : undefined)).catch(() => undefined);
    return { run: guarded, isOver };
  }

  /** A run that was recorded and may not charge has failed: left as it is, it would look interrupted. */
  async #openLedger(run: RunRecord, plan: PrivatePlan, project: ProjectRecord, dataset: Dataset, how: 'started' | 'resumed'): Promise<RunLedger> {
    try {
      return await this.#ledger.openRun(project, plan, run.id, how, dataset);
    } catch (error) {
      await saveRun(this.#database, { ...run, state: how === 'started' ? 'failed' : 'interrupted' }).catch(() => undefined);
      throw error;
    }
  }

  /** The run that is going on here. */
  active(runId: string): GuardedRun {
    if (this.#active?.runId !== runId) throw runIsOver();
    return this.#active;
  }

  /** For each private run of a project that can be resumed: what it was charged, and what charging again the step that was cut off adds to the worst unit: 0 where nothing is charged again. */
  async resumeEpsilons(id: string): Promise<Readonly<Record<string, { readonly charged: number; readonly again: number }>>> {
    const [project, runs] = await Promise.all([readProject(this.#database, id), runsOfProject(this.#database, id)]);
    const costs: Record<string, { readonly charged: number; readonly again: number }> = {};
    for (const { id: runId, state, plan } of runs) {
      if (isPrivate(plan) && (state === 'interrupted' || state === 'running' || state === 'paused')) costs[runId] = { charged: await this.#ledger.epsilonCharged(runId, plan), again: await this.#costAgain(project, plan, runId) };
    }
    return costs;
  }

  async #costAgain(project: ProjectRecord, plan: PrivatePlan, runId: string): Promise<number> {
    const [ledger, checkpoint] = [await this.#ledger.ledger(), await readCheckpoint(this.#database, runId)];
    const lost = chargedAgain(ledger.entries.map(({ event }) => event), runId, checkpoint?.step ?? null, checkpoint !== null && 'logPrior' in checkpoint.tensors);
    if (Object.values(lost).every((charges) => charges.length === 0)) return 0;
    const { splitId } = await this.#ledger.subject(project, plan);
    // Both by one accountant: their difference is told.
    const [now, after] = ledger.bounds.tightly(() => [ledger.balanceAfter(splitId, {}), ledger.balanceAfter(splitId, lost)]);
    if (!now || !after || !Number.isFinite(after.epsilonSpent)) return Infinity;
    return Math.max(after.epsilonTraining - now.epsilonTraining, after.epsilonHeldOut - now.epsilonHeldOut);
  }

  // ---- the attack lab ---------------------------------------------------------------------------

  /** Attacks a private plan of this epsilon and its twin on a project's own notes. While it lasts no run goes on, and the other way round. */
  audit(id: string, options: AuditOptions, onProgress: (progress: AuditProgress) => void, signal: AbortSignal): Promise<AuditReport> {
    checkPositive('epsilon', options.epsilon);
    return navigator.locks.request(trainingLockName, { ifAvailable: true }, async (lock) => {
      if (!lock) throw otherTabTrains();
      const plans = await this.#auditedPlans(id, options, signal);
      const [project, dataset, encoder] = await Promise.all([readProject(this.#database, id), readDataset(this.#database, id), this.#loadedEncoder(() => undefined)]);
      const { split } = await this.#ledger.subject(project, plans.plan, dataset);
      this.#crew.claim(plans.plan);
      const control = new SessionControl();
      this.#audit = control;
      try {
        const { auditProject } = await import('./audit.ts');
        return await auditProject({ database: this.#database, crew: this.#crew, project, dataset, split, encoder, plans, control }, onProgress, signal);
      } finally {
        this.#audit = null;
      }
    });
  }

  async auditForecast(id: string, options: AuditOptions): Promise<AuditForecast> {
    checkPositive('epsilon', options.epsilon);
    return this.#planner.forecastAudit(id, await this.#auditedPlans(id, options, new AbortController().signal));
  }

  async pauseAudit(isPaused: boolean): Promise<void> {
    if (isPaused) this.#audit?.pause();
    else this.#audit?.resume();
  }

  async #auditedPlans(id: string, { epsilon, kind = 'head', like }: AuditOptions, signal: AbortSignal): Promise<AuditedPlans> {
    const { alternatives } = await this.#planner.propose(id, { onProgress: () => undefined, signal });
    return auditedPlans(kind, epsilon, alternatives, like ?? null);
  }

  // ---- results and use --------------------------------------------------------------------------

  async results(_id: string, runId: string): Promise<RunResults> {
    return readResults(this.#database, runId);
  }

  async prices(id: string, runId: string): Promise<RunPrices | null> {
    const [project, run] = await Promise.all([readProject(this.#database, id), readRun(this.#database, runId)]);
    return isPrivate(run.plan) && !run.pooled ? this.#planner.prices(project, run, run.plan, await readResults(this.#database, runId)) : null;
  }

  async trainOn(id: string, runId: string): Promise<TrainOnOffer> {
    const [project, run] = await Promise.all([readProject(this.#database, id), readRun(this.#database, runId)]);
    return trainOnOffer(this.#trainOnParts(), project, run);
  }

  #trainOnParts(): TrainOnParts {
    return { database: this.#database, ledger: this.#ledger, encoderSha256: async () => (await this.encoder()).sha256 };
  }

  async chargeScore(id: string, runId: string): Promise<RunResults> {
    return navigator.locks.request(trainingLockName, { ifAvailable: true }, async (lock) => {
      if (!lock) throw otherTabTrains();
      const [project, run, model, results, encoder] = await Promise.all([readProject(this.#database, id), readRun(this.#database, runId), readModel(this.#database, runId), readResults(this.#database, runId), this.#loadedEncoder(() => undefined)]);
      if (model.encoderSha256 !== encoder.report.sha256) throw otherEncoder();
      const { plan } = run;
      if (!isPrivate(plan)) throw runIsOver();
      const data = await this.#dataOf(project, plan);
      if (!data.isDisjoint) throw scoreNeedsApart();
      // Notes that the model was trained on would make the score too good, and pay for it a second time.
      if ((run.facts && !isSameData(run.facts, data.facts)) || !isDealtAs(run, data.splitId)) throw dataChanged();
      // Where the run was charged for other units than these, this refuses.
      const openLedger = () => this.#ledger.openRun(project, plan, run.id, 'resumed', data.dataset);
      const { chargeScore } = await import('./late-score.ts');
      const scored = await chargeScore({ run, plan, project, dataset: data.dataset, split: data.split, trainingUnits: data.facts.trainingUnits, model, results, encoder, crew: this.#crew, openLedger, createKeys: createKeyStream });
      await keepResults(this.#database, run, scored);
      return scored;
    });
  }

  async classify(_id: string, runId: string, text: string): Promise<Prediction> {
    return (await import('./model-use.ts')).classifyNote(this.#modelParts(), runId, text);
  }

  async classifyFile(id: string, runId: string, file: File, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<LabelledFile> {
    return (await import('./model-use.ts')).classifyNotes(this.#modelParts(), id, runId, file, onProgress, signal);
  }

  async exportModel(id: string, runId: string): Promise<Releasable<Blob>> {
    return (await import('./model-use.ts')).exportRunModel(this.#modelParts(), id, runId);
  }

  #modelParts(): ModelUseParts {
    return { database: this.#database, crew: this.#crew, loadedEncoder: () => this.#loadedEncoder(() => undefined) };
  }

  // ---- projects and ledger ----------------------------------------------------------------------

  async shareable(id: string): Promise<Shareable | null> {
    const project = await readProject(this.#database, id);
    return project.noteCount === null ? null : this.#ledger.shareable(project);
  }

  async exportProject(id: string, epsilon: number): Promise<OwnersEyes<Blob>> {
    return (await import('./project-file.ts')).exportProject(this.#database, this.#ledger, id, epsilon);
  }

  /** Lets go of a project's notes, which have been deleted. */
  forget(id: string): void {
    forgetDataset(this.#database, id);
    this.#planner.forget(id);
  }

  async importProject(file: Blob, mayExhaust = false): Promise<string> {
    return (await import('./project-file.ts')).importProject(this.#database, this.#ledger, file, mayExhaust);
  }

  ledger(): ReturnType<LedgerKeeper['entries']> {
    return this.#ledger.entries();
  }

  async eraseLedger(): Promise<void> {
    // Under the training lock: a run of any tab must not find its ledger gone between two steps.
    await navigator.locks.request(trainingLockName, { ifAvailable: true }, async (lock) => {
      if (!lock) throw otherTabTrains();
      await this.#ledger.erase();
    });
  }

  ledgerBytes(): ReturnType<LedgerKeeper['size']> {
    return this.#ledger.size();
  }
}
