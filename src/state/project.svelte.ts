import { untrack } from 'svelte';
import type { ColumnRole } from '../data/table.ts';
import type { BedsideService, BudgetReport, CostForecast, DatasetView, PlanProposal, Progress, Project, RunResults, RunSummary } from '../shell/bedside.service.ts';
import type { Plan } from '../training/plan.ts';
import { LabState } from './lab.svelte.ts';
import { Loaded } from './loaded.svelte.ts';
import { CurrentRun } from './run.svelte.ts';
import { TrialState } from './trial.svelte.ts';

export type Preview = Awaited<ReturnType<BedsideService['preview']>>;
export type Roles = Readonly<Record<string, ColumnRole>>;

/** What keeps a choice of columns from being used, or null. */
export function rolesProblem(roles: Roles): 'no-text' | 'no-label' | null {
  const used = Object.values(roles);
  if (!used.includes('text')) return 'no-text';
  return used.includes('label') ? null : 'no-label';
}

/** A page that turns into another one lets go of the notes before the next takes hold: so long the reading goes on without anybody. */
const graceMs = 1500;

/** One open project: its columns, its plan, its budget, its run. */
export class ProjectState {
  readonly id: string;
  readonly run: CurrentRun;
  readonly trial: TrialState;
  readonly lab: LabState;
  readonly preview = new Loaded<Preview>();
  readonly columns = new Loaded<DatasetView>();
  readonly proposal = new Loaded<PlanProposal>();
  readonly forecast = new Loaded<CostForecast>();
  readonly results = new Loaded<RunResults>();
  readonly #service: BedsideService;
  #project: Project;
  #roles = $state.raw<Roles>({});
  #plan = $state.raw<Plan | null>(null);
  #budget = $state.raw<BudgetReport | null>(null);
  #sentencesSaved = $state<'saved' | 'saving' | 'failed'>('saved');
  #resultsRunId: string | null = null;
  #reading = $state.raw<Progress | null>(null);
  #proposing: { readonly abort: AbortController; readonly work: Promise<void> } | null = null;
  #readers = 0;

  constructor(service: BedsideService, project: Project) {
    this.#service = service;
    this.#project = $state.raw(project);
    this.id = project.id;
    this.#roles = project.columnRoles;
    this.trial = new TrialState(service, project.id);
    this.lab = new LabState(service, project.id);
    if (project.dataset) this.columns.set(project.dataset);
    this.run = new CurrentRun(service, project.id, () => {
      // What the run last said holds until the ledger has been asked.
      this.#budget = this.run.progress?.budget ?? this.#budget;
      // A plan that went on from a run has been used up: the next one would go on from the same model again, not from this one.
      if (this.#plan?.continues && this.run.view.kind !== 'failed') this.#plan = this.proposal.value?.plan ?? null;
      void Promise.all([this.refresh(), this.forecastAnew()]).catch(() => undefined);
    });
  }

  get project(): Project { return this.#project; }
  get name(): string { return this.#project.name; }
  get dataset(): DatasetView | null { return this.columns.value; }
  get runs(): readonly RunSummary[] { return this.#project.runs; }
  get roles(): Roles { return this.#roles; }
  /** Notes read so far for the plan that is being made; null while none is. */
  get reading(): Progress | null { return this.#reading; }
  get plan(): Plan | null { return this.#plan; }
  get budget(): BudgetReport | null { return (this.run.isActive ? this.run.progress?.budget : null) ?? this.#budget; }
  get sentences(): Readonly<Record<string, string>> { return this.#project.sentences; }
  get sentencesSaved(): 'saved' | 'saving' | 'failed' { return this.#sentencesSaved; }
  get interrupted(): RunSummary | null { return this.runs.find((run) => run.state === 'interrupted') ?? null; }
  /** Runs that can classify, newest first. */
  get usableRuns(): readonly RunSummary[] { return this.runs.filter((run) => run.hasModel).toSorted((a, b) => b.number - a.number); }
  get latestResults(): RunSummary | null { return this.usableRuns.find((run) => run.state === 'finished' || run.state === 'stopped') ?? null; }
  get nextRunNumber(): number { return this.#project.nextRunNumber; }
  /** Central estimate of all runs, the current one included. */
  get energyWh(): number {
    const live = this.run.isActive ? (this.run.progress?.points.at(-1)?.energyWh.central ?? 0) : 0;
    const liveId = this.run.isActive ? this.run.progress?.runId : undefined;
    return this.runs.filter((run) => run.id !== liveId).reduce((sum, run) => sum + run.energyWh.central, live);
  }

  async refresh(): Promise<void> {
    const [project, budget] = await Promise.all([this.#service.openProject(this.id), this.#service.budget(this.id).catch(() => this.#budget)]);
    this.#project = project;
    this.#budget = budget;
  }

  async loadBudget(): Promise<void> {
    this.#budget = await this.#service.budget(this.id).catch(() => null);
  }

  /** The first look at the file; columns are set from the guesses where nobody has chosen yet. */
  async loadPreview(): Promise<void> {
    const preview = await this.preview.load(() => this.#service.preview(this.id));
    if (!preview || Object.keys(this.#roles).length > 0) return;
    this.#roles = Object.fromEntries(preview.columns.map((column) => [column.name, column.role]));
    if (rolesProblem(this.#roles) === null) await this.applyColumns();
  }

  /** Text, label and person are one column each: the earlier holder is left out. Returns its name. */
  async setRole(name: string, role: ColumnRole): Promise<string | null> {
    const isSingle = role === 'text' || role === 'label' || role === 'person';
    const earlier = isSingle ? (Object.entries(this.#roles).find(([other, held]) => other !== name && held === role)?.[0] ?? null) : null;
    this.#roles = { ...this.#roles, ...(earlier === null ? {} : { [earlier]: 'ignore' as const }), [name]: role };
    if (rolesProblem(this.#roles) === null) await this.applyColumns();
    return earlier;
  }

  async applyColumns(): Promise<void> {
    this.#stopReading();
    this.lab.forget();
    this.#plan = null;
    this.proposal.clear();
    this.forecast.clear();
    const roles = this.#roles;
    // The budget follows with the proposal: to know it, every note must have been read.
    if ((await this.columns.load(() => this.#service.setColumns(this.id, roles))) !== null) this.#project = await this.#service.openProject(this.id);
  }

  async setSentence(label: string, sentence: string): Promise<void> {
    const sentences = { ...this.#project.sentences, [label]: sentence };
    this.#project = { ...this.#project, sentences };
    this.#sentencesSaved = 'saving';
    try {
      await this.#service.setSentences(this.id, sentences);
      this.#sentencesSaved = 'saved';
    } catch {
      this.#sentencesSaved = 'failed';
    }
  }

  /** Makes the plan; while one is being made, waits for that one. */
  propose(): Promise<void> {
    if (this.#proposing) return this.#proposing.work;
    const abort = new AbortController();
    const work = this.#propose(abort.signal).finally(() => {
      if (this.#proposing?.abort !== abort) return;
      this.#proposing = null;
      this.#reading = null;
    });
    this.#proposing = { abort, work };
    return work;
  }

  async #propose(signal: AbortSignal): Promise<void> {
    const before = this.proposal.value?.plan ?? null;
    this.#reading = { done: 0, total: this.dataset?.noteCount ?? 0 };
    const proposal = await this.proposal.load(() => this.#service.proposePlan(this.id, (progress) => {
      if (!signal.aborted) this.#reading = progress;
    }, signal));
    if (!proposal || signal.aborted) return;
    this.#reading = null;
    if (!this.#budget) void this.loadBudget();
    // A plan that nobody changed follows the proposal, which follows what the budget has left; any plan costs something else after a run.
    const isUntouched = this.#plan === null || JSON.stringify(this.#plan) === JSON.stringify(before);
    await this.setPlan(isUntouched || this.#plan === null ? proposal.plan : this.#plan);
  }

  /** The person ends the reading: the proposal fails with `cancelled` and can be asked for again. */
  cancelReading(): void {
    this.#proposing?.abort.abort();
  }

  /** A page needs the proposal from now until it calls what it gets. When none has needed it for a while, the reading ends. */
  holdReading(): () => void {
    this.#readers++;
    return () => {
      this.#readers--;
      setTimeout(() => {
        if (this.#readers === 0) this.#stopReading();
      }, graceMs);
    };
  }

  /** The project is closed: nothing is read or labelled for it any more. A run goes on. */
  close(): void {
    this.#stopReading();
    this.trial.forget();
    this.lab.forget();
  }

  /** Ends the reading without a word: the next page that needs the proposal asks again. */
  #stopReading(): void {
    if (!this.#proposing) return;
    const value = this.proposal.value;
    if (this.proposal.isBusy) {
      if (value) this.proposal.set(value);
      else this.proposal.clear();
    }
    this.#proposing.abort.abort();
    this.#proposing = null;
    this.#reading = null;
  }

  async setPlan(plan: Plan): Promise<void> {
    this.#plan = plan;
    await this.forecast.load(() => this.#service.forecast(this.id, plan));
  }

  /** What the plan costs, where something that it depends on has changed. */
  async forecastAnew(): Promise<void> {
    if (this.#plan) await this.setPlan(this.#plan);
  }

  /** The plan anew, where what the budget has left has changed: one that nobody changed follows. */
  async proposeAnew(): Promise<void> {
    if (!this.#plan) return;
    this.#stopReading();
    await this.propose();
  }

  async raiseLimit(epsilonLimit: number): Promise<void> {
    this.#budget = await this.#service.setBudget(this.id, epsilonLimit);
    await this.proposeAnew();
  }

  /** Whether the declaration makes anything free, or lets anything that counted count no more. */
  async declareDisjoint(): Promise<boolean> {
    const before = this.#budget;
    const after = await this.#service.declareDisjoint(this.id);
    this.#budget = after;
    await this.proposeAnew();
    const counting = (budget: BudgetReport | null) => JSON.stringify(budget && [budget.epsilonSpent, budget.epsilonHeldOut, budget.allowance, budget.isTighterElsewhere ?? false, budget.isUnitMixed, budget.delta]);
    return counting(before) !== counting(after);
  }

  async loadResults(runId: string): Promise<void> {
    // Asked for by an effect, which must not depend on what is written here: it would ask again without end.
    if (this.#resultsRunId === runId && untrack(() => this.results.value !== null || this.results.isBusy)) return;
    if (this.#resultsRunId !== runId) this.results.clear();
    this.#resultsRunId = runId;
    await this.results.load(() => this.#service.results(this.id, runId));
  }

  /** Charges a score that may leave to a finished run, and shows it. */
  async chargeScore(runId: string): Promise<void> {
    const results = await this.#service.chargeScore(this.id, runId);
    if (this.#resultsRunId === runId) this.results.set(results);
    await this.loadBudget();
  }

  renamed(name: string): void {
    this.#project = { ...this.#project, name };
  }
}
