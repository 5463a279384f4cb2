/** A believable stand-in for what lies behind the boundary: for component tests, and for `?fake` while developing. */
import { BedsideError } from '../../ground/errors.ts';
import type { AuditOptions, AuditProgress, BedsideService, BudgetReport, DeviceReport, EnergyReport, EnergySettings, KernelCheck, PanelPoint, PlanProposal, Project, ProjectSummary, RunMessage, RunProgress, RunSummary, SilenceReport, TrainOnOffer } from '../../shell/bedside.service.ts';
import { forOwnersEyes, releasableBecause } from '../../privacy/doors.ts';
import type { LedgerEntry, LedgerEvent } from '../../privacy/events.ts';
import type { PrivacyStatement } from '../../privacy/statement.ts';
import type { Plan } from '../../training/plan.ts';
import { fakeAudit } from './fake-audit.ts';
import { fakeColumns, fakeDataset, fakeLabels, fakeNote, fakeProblems } from './fake-data.ts';
import { fakeAlternatives, fakeBalance, fakePlan as plan } from './fake-plans.ts';
import { FakeFederation, type FederationStory } from './fake-federation.ts';
import { fakeResults, proportion, statementWith } from './fake-results.ts';
import { fakeMeasuring, fakeSpeed } from './fake-speed.ts';

export const scenes = ['empty', 'fresh', 'done', 'chain', 'interrupted', 'spent', 'few', 'broken-chain', 'mixed-units', 'copy', 'empty-copy'] as const;
export type Scene = (typeof scenes)[number];
export const isScene = (name: string): name is Scene => scenes.some((scene) => scene === name);

export interface FakeOptions {
  /** Saved projects at the start: none, a fresh one, one with runs, one whose last run was trained on from another, one with an interrupted run, one whose budget is gone. */
  readonly scene?: Scene;
  /** Milliseconds between steps of a run, and the delay of every answer. */
  readonly stepMs?: number;
  readonly delayMs?: number;
  readonly nowMs?: number;
  /** What the federation of this origin is up to. */
  readonly federation?: FederationStory;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function runSummary(number: number, state: RunSummary['state'], used: Plan, accuracy: number | null, epsilonRun: number | null, wattHours: number, startedAtMs: number): RunSummary {
  const steps = 'steps' in used ? used.steps : 50;
  return {
    id: `run-${number}`, number, state, plan: used, startedAtMs, seconds: 1860, stepsDone: state === 'interrupted' ? 31 : steps, steps, epsilonRun,
    energyWh: { low: wattHours * 0.44, central: wattHours, high: wattHours * 2.2 }, accuracy: accuracy === null ? null : proportion(Math.round(accuracy * 1238), 1238), macroF1: accuracy === null ? null : accuracy - 0.012, hasModel: state === 'finished' || state === 'stopped',
  };
}

export class FakeService implements BedsideService {
  readonly #options: Required<FakeOptions>;
  readonly #projects = new Map<string, Project>();
  readonly #isSynthetic = new Set<string>();
  #limit = 4;
  #spent = 0;
  #refused = 0;
  #nextId = 1;
  #isAuditPaused = false;
  readonly federation: FakeFederation;

  constructor(options: FakeOptions = {}) {
    this.#options = { scene: 'done', stepMs: 400, delayMs: 60, nowMs: Date.now(), federation: 'offer', ...options };
    const { scene, nowMs, delayMs, federation } = this.#options;
    this.federation = new FakeFederation(federation, delayMs, nowMs, () => this.#answer(() => this.#add('Made-up notes of seat 7', 40, true, []).id));
    const hour = 3_600_000;
    if (scene === 'empty') return;
    const runs: RunSummary[] = [];
    if (scene !== 'fresh' && scene !== 'few') {
      runs.push(runSummary(1, 'stopped', { ...plan, epsilon: 0.73, steps: 24 }, 0.62, 0.73, 1.1, nowMs - 120 * hour));
      runs.push(runSummary(2, 'finished', { ...plan, epsilon: 0.89 }, 0.78, 0.89, 4.4, nowMs - 90 * hour));
      runs.push(runSummary(3, scene === 'interrupted' ? 'interrupted' : 'finished', plan, scene === 'interrupted' ? null : 0.8384, 1.38, 8.6, nowMs - 20 * hour));
      if (scene === 'chain') runs.push({ ...runSummary(4, 'finished', { ...plan, epsilon: 0.58, steps: 10, validationEpsilon: null, continues: { runId: 'run-3', runNumber: 3, stepsBefore: 50, noiseMultiplier: 21.3, stepSize: 0.02 } }, 0.842, 0.58, 1.7, nowMs - 6 * hour), epsilonModel: Math.hypot(1.38, 0.58) });
      if (scene === 'done') runs.push(runSummary(4, 'finished', { kind: 'plain-head', epochs: 30, batchSize: 32, learningRate: 0.01, weightDecay: 0.01, maximumLength: 256, unit: 'person', heldOutShare: 0.2, seed: 1 }, 0.881, null, 7.9, nowMs - 6 * hour));
      this.#spent = scene === 'spent' ? 3.99 : scene === 'interrupted' ? 2.31 : 1.62;
    }
    this.#add('clinic-letters-2025', scene === 'few' ? 214 : 6154, false, runs);
    this.#add('workshop, made-up notes', 600, true, []);
  }

  #add(name: string, noteCount: number, isSynthetic: boolean, runs: readonly RunSummary[]): ProjectSummary {
    const id = `project-${this.#nextId++}`;
    if (isSynthetic) this.#isSynthetic.add(id);
    const sentences = { Clinic: 'to be seen again in an outpatient clinic', GP: 'care goes back to the family doctor', 'No follow-up': '', Urgent: 'must be seen within days' };
    this.#projects.set(id, { id, name, fileName: `${name}.csv`, dataset: fakeDataset(`${name}.csv`, noteCount, isSynthetic), columnRoles: Object.fromEntries(fakeColumns.map((column) => [column.name, column.role])), sentences, runs, nextRunNumber: Math.max(0, ...runs.map((run) => run.number)) + 1 });
    return this.#summary(id);
  }

  #project(id: string): Project {
    const project = this.#projects.get(id);
    if (!project) throw new BedsideError('storage/no-project', 'storage', 'This project is not on this device.', 'Open another one.');
    return project;
  }

  #summary(id: string): ProjectSummary {
    const project = this.#project(id);
    const last = project.runs.findLast((run) => run.accuracy !== null) ?? null;
    const wattHours = project.runs.reduce((sum, run) => sum + run.energyWh.central, 0);
    return { id, name: project.name, noteCount: project.dataset?.noteCount ?? 0, isSynthetic: this.#isSynthetic.has(id), openedAtMs: this.#options.nowMs - (id === 'project-1' ? 0 : 22 * 86_400_000), accuracy: last?.accuracy ?? null, budget: project.runs.length > 0 ? this.#budget() : null, energyWh: wattHours > 0 ? { low: wattHours * 0.44, central: wattHours, high: wattHours * 2.2 } : null };
  }

  #budget(): BudgetReport {
    return { epsilonLimit: this.#limit, delta: 1e-5, epsilonSpent: this.#spent, epsilonHeldOut: this.#spent > 0 ? 1 : 0, isUnitMixed: this.#options.scene === 'mixed-units', hasUndeclared: this.#options.scene === 'empty-copy' || this.#options.scene === 'mixed-units', allowance: this.#allowance, isChainIntact: this.#options.scene !== 'broken-chain' };
  }

  /** A copy that brought some budget along, or none. */
  get #allowance(): BudgetReport['allowance'] {
    const { scene } = this.#options;
    return scene === 'copy' ? { epsilon: 1, epsilonSpent: 0.4 } : scene === 'empty-copy' ? { epsilon: 0, epsilonSpent: 0 } : null;
  }

  async #answer<T>(value: () => T): Promise<T> {
    await wait(this.#options.delayMs);
    return value();
  }

  readonly #checks: readonly KernelCheck[] = ['embed', 'linear', 'attention', 'layerNorm', 'gelu', 'linearBackward', 'attentionBackward', 'bertGradient'].map((operation, index) => ({ operation, backend: 'webgpu', passed: true, worstError: (2.2 + index * 0.7) * 1e-7, tolerance: 1e-5 }));

  #leavesRoom = false;
  #device(checks: readonly KernelCheck[]): DeviceReport {
    return { backend: 'webgpu', device: { name: 'WebGPU intel xe', workers: 1 }, reason: 'webgpu-passed', mismatch: null, checks, leavesRoom: this.#leavesRoom, cores: 8, hasWebGpu: true, isSecureContext: true };
  }

  device = () => this.#answer(() => this.#device(this.#checks));
  selfCheck = async (onCheck: (check: KernelCheck) => void) => {
    for (const check of this.#checks) {
      await wait(this.#options.delayMs);
      onCheck(check);
    }
    return this.#device(this.#checks);
  };
  chooseBackend = (backend: 'automatic' | 'wasm' | 'webgpu') => this.#answer((): DeviceReport => (backend === 'wasm' ? { ...this.#device(this.#checks.map((check) => ({ ...check, backend: 'wasm' }))), backend: 'wasm', device: { name: 'WebAssembly, relaxed SIMD', workers: 4 }, reason: 'chosen' } : this.#device(this.#checks)));
  leaveRoom = (leavesRoom: boolean) => this.#answer(() => {
    this.#leavesRoom = leavesRoom;
    return this.#device(this.#checks);
  });
  model = () => this.#answer(() => ({ name: 'all-MiniLM-L6-v2, int8', sizeBytes: 22_900_000, sha256: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db', license: 'Apache-2.0', layers: 6, width: 384, parameters: 22_713_216 }));
  loadModel = () => this.model();

  #energy: EnergySettings = { deviceClass: 'unknown', measuredWatts: null, country: null };
  energy = () => this.#answer((): EnergyReport => {
    const watts = this.#energy.measuredWatts ?? (this.#energy.deviceClass === 'unknown' ? 30 : 20);
    const countries = [{ country: 'DEU', region: 'DE', gramsPerKwh: 381, year: 2023 }, { country: 'GBR', region: 'GB', gramsPerKwh: 237.6, year: 2023 }, { country: 'CHN', region: 'CN', gramsPerKwh: 582.3, year: 2023 }];
    const grams = countries.find(({ country }) => country === this.#energy.country)?.gramsPerKwh ?? 475;
    return { settings: this.#energy, watts: { low: watts / 2, central: watts, high: watts * 2 }, gramsPerKwh: { low: grams / 1.3, central: grams, high: grams * 1.3 }, countries, worldGramsPerKwh: 475, source: 'Invented figures' };
  });
  setEnergy = (settings: EnergySettings) => {
    this.#energy = settings;
    return this.energy();
  };

  #speedAtMs: number | null = null;
  measureSpeed = async (onProgress: (progress: { done: number; total: number }) => void, signal: AbortSignal) => {
    await fakeMeasuring(this.#options.stepMs, onProgress, signal);
    this.#speedAtMs = this.#options.nowMs;
    return fakeSpeed(this.#speedAtMs, this.#energy);
  };
  speed = () => this.#answer(() => (this.#speedAtMs === null ? null : fakeSpeed(this.#speedAtMs, this.#energy)));

  listProjects = () => this.#answer(() => [...this.#projects.keys()].map((id) => this.#summary(id)));
  openProject = (id: string) => this.#answer(() => this.#project(id));
  renameProject = (id: string, name: string) => this.#answer(() => { this.#projects.set(id, { ...this.#project(id), name }); });
  duplicateProject = (id: string) => this.#answer(() => this.#add(`${this.#project(id).name}, copy`, this.#project(id).dataset?.noteCount ?? 0, this.#isSynthetic.has(id), []));
  deleteProject = (id: string) => this.#answer(() => { this.#projects.delete(id); });
  shareable = () => this.#answer(() => ({ epsilon: Math.max(0, Math.min(this.#limit - this.#spent, this.#allowance ? this.#allowance.epsilon - this.#allowance.epsilonSpent : Infinity)), delta: 5e-6 }));
  exportProject = (_id: string, epsilon = 0) => this.#answer(() => {
    this.#limit -= epsilon;
    return forOwnersEyes(new Blob([new Uint8Array(1_300_000)]));
  });
  importProject = () => this.#answer(() => this.#add('falls-clinic-2024', 2318, false, []));

  readFile = async (file: File, onProgress: (progress: { done: number; total: number }) => void, signal: AbortSignal) => {
    if (file.name.endsWith('.pdf')) throw new BedsideError('data/not-a-table', 'input', 'This is a PDF, not a table.', 'Save the sheet as CSV and drop it again.');
    for (let done = 0; done <= 6214; done += 478) {
      if (signal.aborted) throw new BedsideError('cancelled', 'input', 'Cancelled.', '');
      onProgress({ done, total: 6214 });
      await wait(this.#options.delayMs);
    }
    return this.#add(file.name.replace(/\.\w+$/, ''), 6154, false, []);
  };
  openSample = () => this.#answer(() => this.#add('Sample, made-up clinic notes', 600, true, []));
  preview = (id: string) => this.#answer(() => ({
    table: { fileName: this.#project(id).fileName, format: 'csv' as const, encoding: this.#isSynthetic.has(id) ? ('utf-8' as const) : ('windows-1252' as const), header: fakeColumns.map((column) => column.name) },
    rowCount: (this.#project(id).dataset?.noteCount ?? 0) + (this.#isSynthetic.has(id) ? 0 : 60),
    columns: fakeColumns,
    firstRows: Array.from({ length: 5 }, (_, index) => { const note = fakeNote(index); return [note.text, note.label, note.person ?? '', note.groups['Sex']!, note.groups['Age band']!, note.groups['Interpreter']!, '2025-03-02', 'JM']; }),
    unreadable: this.#isSynthetic.has(id) ? { count: 0, rows: 0, first: [] } : { count: 2, rows: 6, first: fakeProblems.slice(0, 2).toReversed() },
  }));
  setColumns = (id: string, roles: Project['columnRoles']) => this.#answer(() => {
    const project = this.#project(id);
    const dataset = project.dataset ?? fakeDataset(project.fileName, 6154, false);
    const personColumn = Object.keys(roles).find((name) => roles[name] === 'person') ?? null;
    const view = { ...dataset, personColumn, personCount: personColumn ? 3902 : null, groupColumns: Object.keys(roles).filter((name) => roles[name] === 'group') };
    this.#projects.set(id, { ...project, dataset: view, columnRoles: roles });
    return view;
  });
  setSentences = (id: string, sentences: Project['sentences']) => this.#answer(() => { this.#projects.set(id, { ...this.#project(id), sentences }); });
  setAsideRows = () => this.#answer(() => forOwnersEyes(new Blob(['row,reason\n1482,column-count\n'])));

  proposePlan = async (id: string, onProgress: (progress: { done: number; total: number }) => void = () => undefined, signal?: AbortSignal) => {
    const total = this.#project(id).dataset?.noteCount ?? 600;
    for (let part = 0; part <= 8; part++) {
      if (signal?.aborted) throw new BedsideError('cancelled', 'input', 'Cancelled. Nothing was saved.', 'Start again when you like.');
      onProgress({ done: Math.floor((total * part) / 8), total });
      // Like every answer of this service, in one delay all in all.
      await wait(this.#options.delayMs / 9);
    }
    return this.#proposal(id);
  };
  #proposal(id: string): PlanProposal {
    const dataset = this.#project(id).dataset;
    const few = this.#options.scene === 'few';
    const count = dataset?.noteCount ?? 600;
    const unit = dataset?.personColumn ? 'person' : 'row';
    const people = dataset?.personCount ?? count;
    return {
      plan: { ...plan, unit }, alternatives: fakeAlternatives(unit), balance: fakeBalance, twoLayers: { featureLayers: [6, 4], featureWeights: [0.5, 0.5] }, search: { meanRuns: 5, scoreEpsilon: 2 }, signal: few ? 1.1 : 61, isTooFewRows: few, reasons: few ? [{ code: 'too-few-rows', values: {} }] : [{ code: 'private-by-default', values: { epsilon: 1.38, delta: 1e-5 } }, { code: 'full-batch-head', values: {} }, { code: 'rows-enough', values: {} }, { code: 'charged-validation', values: { epsilon: 1 } }, { code: 'unit-person', values: {} }, { code: 'maximum-length', values: { tokens: 256 } }],
      trainingUnits: Math.round(people * 0.8), trainingRows: Math.round(count * 0.8), heldOutUnits: people - Math.round(people * 0.8), heldOutRows: count - Math.round(count * 0.8),
      lengths: { maximumLength: 256, cutNotes: 318, cutTokens: 11_402, longestTokens: 611 },
      heldOutByLabel: Object.fromEntries((dataset?.classes ?? []).map((item, index) => [item.label, Math.round(item.count * (0.19 + 0.01 * (index % 3)))])),
    };
  }

  #statement(used: Plan): PrivacyStatement {
    if (used.kind !== 'full-batch-head' && used.kind !== 'dp-sgd') return { isPrivate: false };
    const epsilon = Math.max(used.epsilon, Math.min(this.#limit, this.#spent + used.epsilon));
    return statementWith({ epsilon, unit: used.unit, steps: used.steps + (used.continues?.stepsBefore ?? 0), ...(used.continues ? { continues: { runNumber: used.continues.runNumber, stepsBefore: used.continues.stepsBefore, epsilonAlone: used.epsilon } } : {}), clipNorm: used.clipNorm, delta: used.delta, ...(used.kind === 'dp-sgd' ? { sampling: 'poisson' as const, samplingRate: used.expectedBatchSize / 3121, accountant: 'pld' as const, settings: { accountant: 'pld' as const, gridNats: 1e-4, guardShare: 1e-3 }, epsilonRdp: epsilon * 1.1, mu: null } : used.search ? { accountant: 'rdp' as const, settings: { accountant: 'rdp' as const, leastOrder: 1.1, greatestOrder: 1024, bestOrder: 9, isOrderAtEdge: false }, mu: null, search: { meanRuns: used.search.meanRuns, runsMade: 29, candidates: 7, epsilonOfOne: used.epsilon * 0.55 } } : used.noiseLaw === 'discrete-gaussian' ? { accountant: 'zcdp' as const, settings: { accountant: 'zcdp' as const }, mu: null, noiseLaw: used.noiseLaw } : {}) });
  }

  forecast = (_id: string, used: Plan) => this.#answer(() => {
    const isPrivate = used.kind === 'full-batch-head' || used.kind === 'dp-sgd';
    const cost = used.kind === 'label-sentences' ? 0.2 : used.kind === 'dp-sgd' || used.kind === 'plain-lora' || used.kind === 'plain-layers' ? 3 : 1;
    const after = isPrivate ? this.#spent + used.epsilon : null;
    const heldOut = this.#budget().epsilonHeldOut + (isPrivate ? (used.validationEpsilon ?? 0) : 0) + (used.kind === 'full-batch-head' ? (used.search?.scoreEpsilon ?? 0) : 0);
    const allowanceAfter = isPrivate && this.#allowance ? this.#allowance.epsilonSpent + used.epsilon : null;
    return {
      seconds: { low: 1300 * cost, central: 1860 * cost, high: 2700 * cost }, energyWh: { low: 3.8 * cost, central: 8.6 * cost, high: 19 * cost }, carbonGrams: { low: 0.9 * cost, central: 2 * cost, high: 4.6 * cost },
      epsilonRun: isPrivate ? used.epsilon : null, epsilonAfter: after === null ? null : Math.max(after, heldOut), epsilonTrainingAfter: after, epsilonHeldOutAfter: after === null ? null : heldOut, allowanceAfter, fitsBudget: (after === null || after <= this.#limit) && (allowanceAfter ?? 0) <= (this.#allowance?.epsilon ?? Infinity), memory: { neededBytes: 0.9 * 2 ** 30, availableBytes: 4 * 2 ** 30, largest: 'features' as const, fits: true }, statement: this.#statement(used),
    };
  });
  budget = () => this.#answer(() => this.#budget());
  setBudget = (_id: string, epsilonLimit: number) => this.#answer(() => { this.#limit = epsilonLimit; return this.#budget(); });
  declareDisjoint = () => this.#answer(() => this.#budget());

  startRun = (id: string, used: Plan, onMessage: (message: RunMessage) => void) => this.#run(id, used, onMessage, 0, null);
  resumeRun = (id: string, runId: string, onMessage: (message: RunMessage) => void) => {
    const run = this.#project(id).runs.find((item) => item.id === runId)!;
    return this.#run(id, run.plan, onMessage, run.stepsDone, run);
  };

  async #run(id: string, used: Plan, onMessage: (message: RunMessage) => void, from: number, interrupted: RunSummary | null) {
    await wait(this.#options.delayMs);
    const { stepMs, nowMs } = this.#options;
    const project = this.#project(id);
    const isPrivate = used.kind === 'full-batch-head' || used.kind === 'dp-sgd';
    const number = interrupted?.number ?? project.nextRunNumber;
    if (!interrupted) this.#projects.set(id, { ...project, nextRunNumber: number + 1 });
    const steps = isPrivate ? used.steps : 'epochs' in used ? used.epochs : 1;
    const earlier = this.#spent;
    const at = (step: number) => (isPrivate ? Math.sqrt(earlier ** 2 + ((earlier + used.epsilon) ** 2 - earlier ** 2) * (step / steps)) : earlier);
    const points: PanelPoint[] = [];
    const add = (step: number) => {
      const share = step / steps;
      const isMeasured = step % Math.max(1, Math.round(steps / 14)) === 0 || step === steps;
      const accuracy = 0.84 - 0.63 * Math.exp(-5 * share);
      const wattHours = 8.6 * share;
      points.push({ step, elapsedSeconds: 1860 * share, accuracy: isMeasured ? proportion(Math.round(accuracy * 1238), 1238) : null, heldOutLossNats: isMeasured ? 0.58 + 0.82 * Math.exp(-3.4 * share) : null, energyWh: { low: wattHours * 0.44, central: wattHours, high: wattHours * 2.2 }, carbonGrams: { low: wattHours * 0.1, central: wattHours * 0.24, high: wattHours * 0.55 }, epsilonSpent: isPrivate ? at(step) : null });
    };
    let step = 0;
    for (; step < from; step += 1) add(step);
    let isPaused = false;
    let isStopped = false;
    const ended = () => ({ low: 3.6, central: 8.6, high: 19.4 });
    const end = (reason: 'asked' | 'budget' | null) => {
      const run = finish(reason ? 'stopped' : 'finished');
      onMessage(reason ? { kind: 'stopped', run, reason, statement: this.#statementAfter(id, run) } : { kind: 'finished', run, statement: this.#statementAfter(id, run) });
    };
    const progress = (phase: RunProgress['phase'] = 'training', done = step, total = steps): RunProgress => ({
      runId: `run-${number}`, runNumber: number, phase, phaseProgress: { done, total }, step, steps, secondsLeft: (1860 * (steps - step)) / steps, notesPerSecond: step < 10 ? null : 23.4, budget: isPrivate ? { ...this.#budget(), epsilonSpent: at(step) } : this.#budget(),
      epsilonRun: isPrivate ? used.epsilon * Math.sqrt(step / steps) : null, epsilonNextStep: isPrivate && step < steps ? at(step + 1) : null, epsilonAtEnd: isPrivate ? at(steps) : null, energyAtEnd: ended(), device: { name: 'WebGPU intel xe', workers: 1 }, savedAtMs: nowMs - 12_000, points: [...points],
    });
    const finish = (state: 'finished' | 'stopped'): RunSummary => {
      const ended = { ...runSummary(number, state, used, points.findLast((point) => point.accuracy)?.accuracy?.value ?? null, isPrivate ? used.epsilon * Math.sqrt(step / steps) : null, 8.6 * (step / steps), nowMs), stepsDone: step };
      const statement = this.#statementAfter(id, ended);
      const summary = { ...ended, ...(statement.isPrivate && statement.continues ? { epsilonModel: statement.epsilon } : {}) };
      this.#spent = at(step);
      this.#projects.set(id, { ...this.#project(id), runs: [...this.#project(id).runs.filter((run) => run.id !== summary.id), summary] });
      return summary;
    };
    void (async () => {
      for (const done of [0, 1500, 4916]) {
        while (isPaused) await wait(20);
        onMessage({ kind: 'progress', progress: progress('features', done, 4916) });
        await wait(stepMs);
      }
      add(step);
      while (step < steps && !isStopped) {
        if (isPaused) {
          await wait(20);
          continue;
        }
        step += 1;
        add(step);
        this.#spent = at(step);
        onMessage({ kind: 'progress', progress: progress() });
        if (isPrivate && step < steps && at(step + 1) > this.#limit) {
          end('budget');
          return;
        }
        await wait(stepMs);
      }
      end(isStopped ? 'asked' : null);
    })();
    return {
      runId: `run-${number}`,
      pause: async () => { isPaused = true; await wait(this.#options.delayMs); onMessage({ kind: 'paused', progress: progress() }); },
      resume: async () => { isPaused = false; onMessage({ kind: 'progress', progress: progress() }); },
      stop: async () => { isStopped = true; isPaused = false; },
    };
  }

  /** What a run that has ended promises: with the runs that its model goes on from, all of them together. */
  #statementAfter(id: string, { plan: { continues }, epsilonRun, stepsDone }: RunSummary): PrivacyStatement {
    if (epsilonRun === null) return { isPrivate: false };
    const before = continues && this.#project(id).runs.find((run) => run.id === continues.runId);
    const behind = before ? this.#statementAfter(id, before) : null;
    const epsilon = behind?.isPrivate ? Math.hypot(behind.epsilon, epsilonRun) : epsilonRun;
    return statementWith({ epsilon, steps: stepsDone + (continues?.stepsBefore ?? 0), ...(continues ? { continues: { runNumber: continues.runNumber, stepsBefore: continues.stepsBefore, epsilonAlone: epsilonRun } } : {}) });
  }

  results = (id: string, runId: string) => this.#answer(() => {
    const run = this.#project(id).runs.find((item) => item.id === runId);
    if (!run) throw new BedsideError('storage/no-run', 'storage', 'This run is not on this device.', 'Choose another one.');
    return fakeResults(run, this.#statementAfter(id, run));
  });
  prices = (id: string, runId: string) => this.#answer(() => {
    const plan = this.#project(id).runs.find((item) => item.id === runId)?.plan;
    if (plan?.kind !== 'full-batch-head' && plan?.kind !== 'dp-sgd') return null;
    const after = this.#spent + plan.epsilon;
    return { again: { epsilonBefore: this.#spent, epsilonAfter: after, epsilonLimit: this.#limit, fits: after <= this.#limit, heldOut: plan.validationEpsilon === null ? null : { epsilonBefore: this.#budget().epsilonHeldOut, epsilonAfter: this.#budget().epsilonHeldOut + plan.validationEpsilon }, scoreFits: true }, score: plan.validationEpsilon === null ? { epsilon: 1, epsilonBefore: 0, epsilonAfter: 1, epsilonLimit: this.#limit, fits: true } : null };
  });
  trainOn = (id: string, runId: string) => this.#answer((): TrainOnOffer => {
    const run = this.#project(id).runs.find((item) => item.id === runId);
    if (!run || run.plan.kind === 'label-sentences') return { offer: null, obstacle: 'nothing-trained' };
    const continues = { runId, runNumber: run.number, stepsBefore: run.stepsDone, noiseMultiplier: null, stepSize: null };
    if (run.plan.kind === 'plain-head' || run.plan.kind === 'plain-lora' || run.plan.kind === 'plain-layers') return { offer: { plan: { ...run.plan, epochs: 1, continues }, price: null }, obstacle: null };
    if (run.plan.kind === 'full-batch-head' && run.plan.search) return { offer: null, obstacle: 'search' };
    const epsilon = run.plan.epsilon * 0.42;
    const after = Math.hypot(this.#spent, epsilon);
    return { offer: { plan: { ...run.plan, epsilon, steps: 10, validationEpsilon: null, continues: { ...continues, noiseMultiplier: 21.3, stepSize: 0.02 } }, price: { epsilonBefore: this.#spent, epsilonAfter: after, epsilonLimit: this.#limit, fits: after <= this.#limit, heldOut: null, scoreFits: true, epsilonModel: Math.hypot(run.plan.epsilon, epsilon) } }, obstacle: null };
  });
  chargeScore: BedsideService['chargeScore'] = async (id, runId) => ({ ...(await this.results(id, runId)), releasedAccuracy: { value: 0.82, low: 0.79, high: 0.85, epsilon: 1 } });
  classify = (_id: string, _runId: string, text: string) => this.#answer(() => {
    const tokens = Math.ceil(text.length / 4.3);
    const probabilities = /chest|ECG|urgent/i.test(text) ? [0.16, 0.02, 0.01, 0.81] : [0.21, 0.66, 0.1, 0.03];
    const best = probabilities.indexOf(Math.max(...probabilities));
    return { label: fakeLabels[best]!, confidence: probabilities[best]!, probabilities, tokens: Math.min(256, tokens), cutTokens: Math.max(0, tokens - 256) };
  });
  classifyFile = async (_id: string, _runId: string, _file: File, onProgress: (progress: { done: number; total: number }) => void, signal: AbortSignal) => {
    const total = 120;
    let done = 0;
    while (done < total) {
      onProgress({ done, total });
      await wait(this.#options.delayMs);
      if (signal.aborted) break;
      done += 12;
    }
    if (done === 0) throw new BedsideError('cancelled', 'input', 'Labelling the file was cancelled.', 'Choose the file again to label it.');
    onProgress({ done, total });
    return { table: forOwnersEyes(new Blob(['text,predicted_label,confidence\n'])), done, total, reading: { encoding: 'gb18030' as const, textColumn: 'Letter', isColumnAsTrained: true, skipped: [{ code: 'column-count' as const, count: 1 }, { code: 'empty-text' as const, count: 3 }], cutNotes: 7, maximumLength: 256, otherScriptNotes: 2 } };
  };
  audit = async (_id: string, { epsilon, kind = 'head' }: AuditOptions, onProgress: (progress: AuditProgress) => void, signal: AbortSignal) => {
    for (const [phase, total] of kind === 'head' ? [['reading', 4916], ['attacking', 26]] as const : [['attacking', 16]] as const) {
      for (let part = 0; part <= 13; part++) {
        do {
          if (signal.aborted) throw new BedsideError('cancelled', 'input', 'Cancelled.', '');
          onProgress({ phase, done: Math.floor((part * total) / 13), total, share: part / 13 });
          await wait(this.#options.delayMs);
        } while (this.#isAuditPaused);
      }
    }
    return fakeAudit(epsilon, kind);
  };
  auditForecast = (_id: string, { kind = 'head' }: AuditOptions) => this.#answer(() => (kind === 'head'
    ? { units: 1500, allUnits: 3121, models: 26, seconds: { low: 50, central: 80, high: 190 } }
    : { units: 260, allUnits: 3121, models: 16, seconds: { low: 1500, central: 2500, high: 7000 } }));
  pauseAudit = (isPaused: boolean) => this.#answer(() => {
    this.#isAuditPaused = isPaused;
  });
  exportModel = () => this.#answer(() => releasableBecause('charged', new Blob([new Uint8Array(301_000)])));

  ledger = () => this.#answer(() => {
    const hour = 3_600_000;
    const events: [LedgerEvent, number][] = [];
    if (this.#spent > 0) {
      events.push([{ kind: 'budget', id: 'e1', cohortIds: ['c1', 'c2'], epsilonLimit: 4, delta: 1e-5 }, 121]);
      events.push([{ kind: 'cohort', id: 'e2', cohortId: 'c1', splitId: 's1', unit: 'person', maximumRowsPerPerson: 14, keyId: 'k1', part: 'training', hashes: Array.from({ length: 3121 }, () => ''), isDeclaredDisjoint: false }, 121]);
      events.push([{ kind: 'cohort', id: 'e3', cohortId: 'c2', splitId: 's1', unit: 'person', maximumRowsPerPerson: 14, keyId: 'k1', part: 'held-out', hashes: Array.from({ length: 781 }, () => ''), isDeclaredDisjoint: false }, 121]);
      for (const [run, steps, age] of [[1, 24, 120], [2, 50, 90], [3, 50, 20]] as const) {
        events.push([{ kind: 'run', id: `r${run}`, runId: `run-${run}`, state: 'started' }, age]);
        events.push([{ kind: 'charge', id: `m${run}`, cohortId: 'c1', runId: `run-${run}`, step: 0, purpose: 'feature-mean', mechanism: { kind: 'gaussian', noiseMultiplier: 9.1 } }, age]);
        for (let step = 1; step <= steps; step += 1) events.push([{ kind: 'charge', id: `g${run}.${step}`, cohortId: 'c1', runId: `run-${run}`, step, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: 12.6 + run } }, age - 0.5]);
        events.push([{ kind: 'charge', id: `v${run}`, cohortId: 'c2', runId: `run-${run}`, step: steps, purpose: 'charged-validation', mechanism: { kind: 'gaussian', noiseMultiplier: 3.7 } }, age - 0.6]);
        events.push([{ kind: 'run', id: `f${run}`, runId: `run-${run}`, state: run === 1 ? 'stopped' : 'finished' }, age - 0.6]);
      }
    }
    if (this.#allowance) events.unshift([{ kind: 'allowance', id: 'a1', allowanceId: 'a1', cohortIds: ['c1', 'c2'], epsilon: this.#allowance.epsilon, delta: 5e-6, givenBy: ['k2'] }, 122]);
    const entries = events.map(([event, age], sequence): LedgerEntry => ({ sequence, recordedAtMs: this.#options.nowMs - age * hour, event, previous: '', hash: ((sequence + 7) * 2654435761 % 4294967296).toString(16).padStart(8, '0').repeat(8) }));
    return { entries, isChainIntact: this.#options.scene !== 'broken-chain' };
  });
  eraseLedger = () => this.#answer(() => { this.#spent = 0; });

  storage = () => this.#answer(() => ({ usedBytes: 212e6, quotaBytes: 400e6, isPersistent: true, parts: [{ part: 'models' as const, bytes: 27e6, count: 1 }, { part: 'projects' as const, bytes: 81e6, count: 2 }, { part: 'features' as const, bytes: 9e6, count: 2 }, { part: 'caches' as const, bytes: 94e6, count: 2 }, { part: 'ledger' as const, bytes: 1e6, count: 131 }] }));
  clearCaches = () => this.#answer(() => undefined);
  clearFeatures = () => this.#answer(() => undefined);
  silence = () => this.#answer((): SilenceReport => ({
    sinceMs: this.#options.nowMs - 141_000,
    requests: [
      { atMs: this.#options.nowMs - 140_000, what: './', receivedBytes: 1900 }, { atMs: this.#options.nowMs - 139_800, what: './assets/index.js', receivedBytes: 212_000 },
      { atMs: this.#options.nowMs - 139_000, what: './models/all-MiniLM-L6-v2/model.safetensors', receivedBytes: 22_900_000 },
    ],
    sentBytes: 0, elsewhere: 0, refused: this.#refused, isReadyOffline: true,
  }));
  trySending = () => this.#answer((): 'refused' => { this.#refused += 1; return 'refused'; });
}
