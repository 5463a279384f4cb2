import { getContext, setContext } from 'svelte';
import type { OwnersEyes } from '../privacy/doors.ts';
import type { BedsideService, DeviceReport, EnergyReport, EnergySettings, KernelCheck, ModelReport, ProjectSummary, SilenceReport } from '../shell/bedside.service.ts';
import { toFailure, type Failure } from './failure.ts';
import { FederationState } from './federation.svelte.ts';
import { Loaded } from './loaded.svelte.ts';
import { NoticesState } from './notices.svelte.ts';
import { ProjectState } from './project.svelte.ts';
import { ReadingState } from './reading.svelte.ts';
import type { SettingsState } from './settings.svelte.ts';
import { SpeedState } from './speed.svelte.ts';

/** Everything the pages share: the device, the saved projects, the open one, what has been sent. */
export class AppState {
  readonly service: BedsideService;
  readonly settings: SettingsState;
  readonly notices = new NoticesState();
  readonly device = new Loaded<DeviceReport>();
  readonly model = new Loaded<ModelReport>();
  readonly energy = new Loaded<EnergyReport>();
  readonly projects = new Loaded<readonly ProjectSummary[]>();
  readonly silence = new Loaded<SilenceReport>();
  readonly reading: ReadingState;
  readonly federation: FederationState;
  readonly speed: SpeedState;
  #project = $state.raw<ProjectState | null>(null);
  /** The project whose run goes on, held while another one is looked at: it alone can pause and stop the run. */
  #training: ProjectState | null = null;
  #opening = $state(false);
  #openFailure = $state.raw<Failure | null>(null);
  #checks = $state.raw<readonly KernelCheck[]>([]);
  #storing: Promise<void> | null = null;
  #stored = $state<number | null>(null);

  constructor(service: BedsideService, settings: SettingsState) {
    this.service = service;
    this.settings = settings;
    this.reading = new ReadingState(service);
    this.speed = new SpeedState(service);
    this.federation = new FederationState(() => service.federation);
  }

  get project(): ProjectState | null { return this.#project; }
  get isOpening(): boolean { return this.#opening; }
  get openFailure(): Failure | null { return this.#openFailure; }
  /** Rows of a self-check as they come in; those of the start-up check before one was asked for. */
  get checks(): readonly KernelCheck[] { return this.device.isBusy || this.#checks.length > 0 ? this.#checks : (this.device.value?.checks ?? []); }

  /** Device, model, projects, and the project that was open last. */
  /** `wantsProject`: the address asks for a page of a project. Where it is not remembered which (a browser that was killed forgets what it just noted), it is the one opened last. */
  async begin(wantsProject = false): Promise<void> {
    void this.device.load(() => this.service.device());
    void this.model.load(() => this.service.model());
    void this.refreshSilence();
    const last = this.settings.lastProject;
    await Promise.all([this.refreshProjects(), last === null ? null : this.open(last)]);
    const [latest] = (this.projects.value ?? []).toSorted((a, b) => b.openedAtMs - a.openedAtMs);
    if (wantsProject && last === null && latest && this.#project === null) await this.open(latest.id);
  }

  async open(id: string): Promise<ProjectState | null> {
    if (this.#project?.id === id) return this.#project;
    if (this.#project?.run.isActive) this.#training = this.#project;
    this.#opening = true;
    this.#openFailure = null;
    try {
      const isTraining = this.#training?.id === id && this.#training.run.isActive;
      const project = isTraining ? this.#training! : new ProjectState(this.service, await this.service.openProject(id));
      this.#project?.close();
      this.#project = project;
      this.settings.setLastProject(id);
      void project.loadBudget();
      return project;
    } catch (error) {
      this.#openFailure = toFailure(error);
      this.settings.setLastProject(null);
      return null;
    } finally {
      this.#opening = false;
    }
  }

  close(): void {
    this.#project?.close();
    this.#project = null;
    this.settings.setLastProject(null);
  }

  async refreshProjects(): Promise<void> {
    await this.projects.load(() => this.service.listProjects());
  }

  async refreshSilence(): Promise<void> {
    await this.silence.load(() => this.service.silence());
  }

  /** Share of the base model that has been fetched, in hundredths, while it is being stored; null otherwise. */
  get modelStored(): number | null { return this.#stored; }

  /** Fetches the base model and keeps it, so that the network may go before a file was opened. Says nothing where it fails: whatever needs the model says so then. */
  storeModel(): Promise<void> {
    this.#storing ??= this.#storeModel().finally(() => {
      this.#storing = null;
      this.#stored = null;
    });
    return this.#storing;
  }

  async #storeModel(): Promise<void> {
    const isStored = await this.service.loadModel(({ done, total }) => {
      this.#stored = total > 0 ? Math.floor((100 * done) / total) / 100 : 0;
    }).then(() => true, () => false);
    if (isStored) await this.refreshSilence();
  }

  async selfCheck(): Promise<void> {
    this.#checks = [];
    await this.device.load(() => this.service.selfCheck((check) => { this.#checks = [...this.#checks, check]; }));
    if (this.device.value) this.#checks = this.device.value.checks;
  }

  /** What is known of the device by now: the first run has held it to the model as well, and one that was lost is another since. */
  async refreshDevice(): Promise<void> {
    if (!this.device.value || this.device.isBusy) return;
    const report = await this.service.device().catch(() => null);
    if (!report || this.device.isBusy) return;
    this.#checks = [];
    this.device.set(report);
  }

  async chooseBackend(backend: 'automatic' | 'wasm' | 'webgpu'): Promise<void> {
    this.#checks = [];
    await this.device.load(() => this.service.chooseBackend(backend));
  }

  async leaveRoom(leavesRoom: boolean): Promise<void> {
    await this.device.replace(() => this.service.leaveRoom(leavesRoom));
  }

  async loadEnergy(): Promise<void> {
    await this.energy.load(() => this.service.energy());
  }

  /** Takes up a choice and works out again what the plan that stands ready would cost. */
  async setEnergy(settings: EnergySettings): Promise<void> {
    if (await this.energy.load(() => this.service.setEnergy(settings))) await Promise.all([this.#project?.forecastAnew(), this.speed.load()]);
  }

  async rename(id: string, name: string): Promise<void> {
    await this.service.renameProject(id, name);
    if (this.#project?.id === id) this.#project.renamed(name);
    await this.refreshProjects();
  }

  async duplicate(id: string): Promise<ProjectSummary> {
    const copy = await this.service.duplicateProject(id);
    await this.refreshProjects();
    return copy;
  }

  /** The project as a file. What of the budget goes along is gone from what is shown here. */
  async exportProject(id: string, epsilon: number): Promise<OwnersEyes<Blob>> {
    try {
      return await this.service.exportProject(id, epsilon);
    } finally {
      if (epsilon > 0) void Promise.all([this.refreshProjects(), this.#project?.loadBudget(), this.#project?.proposeAnew()]);
    }
  }

  async remove(id: string): Promise<void> {
    await this.service.deleteProject(id);
    if (this.#project?.id === id) this.close();
    await this.refreshProjects();
  }
}

const key = Symbol('app');

export function provideApp(app: AppState): AppState {
  return setContext(key, app);
}

export function useApp(): AppState {
  return getContext<AppState>(key);
}
