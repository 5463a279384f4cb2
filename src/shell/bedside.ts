/** The page's end of everything: a thin façade that owns workers and asks them. No note is parsed, hashed or computed on here. */
import { BedsideError } from '../ground/errors.ts';
import type { BedsideService, BudgetReport, ProjectSummary, RunHandle, RunMessage, RunSummary } from './bedside.service.ts';
import { Crew } from './crew.ts';
import type { BackendChoice } from './device.ts';
import type { EncoderSource } from './encoder-source.ts';
import { federationOfPage } from './federation-page.ts';
import type { GuardService } from './guard-service.ts';
import guardUrl from './guard.worker.ts?worker&url';
import { workOffline } from './offline.ts';
import { backendChoice, encoderSource, keepBackendChoice, keepLeavesRoom, leavesRoom } from './page-settings.ts';
import { summaryOfProject } from './project-summary.ts';
import { linkWorker, proxy, transfer, type WorkerLink } from './remote.ts';
import { logRequests, readRequestLog } from './request-log.ts';
import { trainingLockName } from './live-runs.ts';
import { otherTabTrains } from './storage-errors.ts';
import { isReadyOffline, silenceOf, trySending } from './silence.ts';
import { keepMeasuredSpeed, readMeasuredSpeed, speedReportOf } from './speed-report.ts';
import { startModuleWorker } from './start-worker.ts';
import { clearCaches, storageReport } from './storage-report.ts';
import type { ListedProject, TableService } from './table-service.ts';
import tableUrl from './table.worker.ts?worker&url';
import { keepSentBytes, workerRequestLogs } from './worker-requests.ts';

function cancelled(): BedsideError {
  return new BedsideError('cancelled', 'input', 'Cancelled. Nothing was saved.', 'Start again when you like.');
}

/** A worker that is started when first asked and again after it has died. */
class LazyWorker<Link extends { readonly isDead: boolean; terminate(): void }> {
  #link: Promise<Link> | null = null;
  readonly #start: () => Promise<Link>;

  constructor(start: () => Promise<Link>) {
    this.#start = start;
  }

  async get(): Promise<Link> {
    if (this.#link && (await this.#link).isDead) this.#link = null;
    this.#link ??= this.#start().catch((error: unknown) => {
      this.#link = null;
      throw error;
    });
    return this.#link;
  }

  /** The running worker, or null: asking must not start one. */
  async running(): Promise<Link | null> {
    const link = await this.#link;
    return link && !link.isDead ? link : null;
  }
}

/** For tests and deployments; the page gives none and reads its address and settings. */
export interface BedsideOptions {
  readonly encoder?: EncoderSource;
  readonly backend?: BackendChoice;
  readonly workers?: number;
}

/** Connects a page to its workers and storage. Nothing is started before it is needed. */
export function createBedside(options: BedsideOptions = {}): BedsideService {
  logRequests();
  void workOffline();
  const encoder = options.encoder ?? encoderSource();
  const crew = new Crew(options.backend ?? backendChoice(), encoder, options.workers, leavesRoom());

  const tables = new LazyWorker(() => linkWorker<TableService>(startModuleWorker(tableUrl, 'table'), 'tables'));
  const guards: LazyWorker<WorkerLink<GuardService>> = new LazyWorker(async () => {
    const link = await linkWorker<GuardService>(startModuleWorker(guardUrl, 'guard'), 'training');
    const bringTrainers = async () => {
      const ports = await crew.ports();
      await link.call((guard) => guard.connect(transfer(ports, ports.map(({ port }) => port)), crew.workShare, crew.checked));
    };
    await link.call((guard) => guard.open(encoder, proxy(bringTrainers)));
    return link;
  });
  const table = async <Result>(ask: (remote: WorkerLink<TableService>['remote']) => Promise<Result>) => (await tables.get()).call(ask);
  const guard = async <Result>(ask: (remote: WorkerLink<GuardService>['remote']) => Promise<Result>) => (await guards.get()).call(ask);

  /** Rejects as soon as `signal` says so; the worker ends its work at the next turn, having saved nothing. */
  async function orCancelled<Result>(signal: AbortSignal, work: Promise<Result>, cancel: () => void): Promise<Result> {
    if (signal.aborted) throw cancelled();
    let stop = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      stop = () => {
        cancel();
        reject(cancelled());
      };
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** A call of the guard that `signal` ends: the page hears at once, the guard at its next turn. */
  const cancellable = async <Result>(signal: AbortSignal, ask: (remote: WorkerLink<GuardService>['remote'], callId: string) => Promise<Result>): Promise<Result> => {
    const callId = crypto.randomUUID();
    return orCancelled(signal, guard((remote) => ask(remote, callId)), () => void guard((remote) => remote.cancel(callId)));
  };

  async function summaryOf({ record, runs }: ListedProject): Promise<ProjectSummary> {
    return summaryOfProject(record, runs, record.noteCount === null ? null : await guard((remote) => remote.budget(record.id)));
  }

  const summaryById = async (id: string) => summaryOf(await table((remote) => remote.readProject(id)));

  function noColumns(): BedsideError {
    return new BedsideError('data/no-columns', 'input', 'The columns of this project are not confirmed yet.', 'Choose the text column and the label column on the Data page.');
  }

  function handleOf(runId: string): RunHandle {
    return { runId, pause: () => guard((remote) => remote.pause(runId)), resume: () => guard((remote) => remote.resume(runId)), stop: () => guard((remote) => remote.stop(runId)) };
  }

  let runsGoingOn = 0;
  /** Ending the trainers would cut a run off. */
  function checkIdle(): void {
    if (runsGoingOn > 0) throw new BedsideError('device/busy', 'device', 'A run is using the device.', 'Pause is not enough: stop the run or wait for its end, then try again.');
  }

  /** Starts or resumes, and tells the listener if the guard itself dies under the run. */
  async function run(begin: (remote: WorkerLink<GuardService>['remote'], onMessage: (message: RunMessage) => void) => Promise<string>, onMessage: (message: RunMessage) => void): Promise<RunHandle> {
    // Asked for when there is something to lose; a browser may say no, and the storage page then says so.
    void navigator.storage.persist().catch(() => false);
    const link = await guards.get();
    let isOver = false;
    const end = () => {
      if (!isOver) runsGoingOn--;
      isOver = true;
    };
    const listen = (message: RunMessage) => {
      if (message.kind !== 'progress' && message.kind !== 'paused') end();
      onMessage(message);
    };
    link.onDeath(() => {
      if (!isOver) listen({ kind: 'failed', code: 'device/worker-died', message: 'The background worker of this run ended before it was done.', hint: 'What was charged stays charged; resume the run to go on.', values: {} });
    });
    runsGoingOn++;
    try {
      return handleOf(await link.call((remote) => begin(remote, proxy(listen))));
    } catch (error) {
      end();
      throw error;
    }
  }

  return {
    device: () => crew.device(),
    selfCheck: async (onCheck) => {
      checkIdle();
      crew.restart();
      return crew.device(onCheck);
    },
    chooseBackend: async (backend) => {
      checkIdle();
      keepBackendChoice(backend);
      crew.restart(backend);
      return crew.device();
    },
    leaveRoom: async (isLeaving) => {
      keepLeavesRoom(isLeaving);
      // Nobody trains: the next trainers are as many as fit. Somebody does: those that are there rest in between, or no longer.
      await navigator.locks.request(trainingLockName, { ifAvailable: true }, async (lock) => {
        if (lock) await crew.resize(isLeaving);
        else await crew.pace(isLeaving);
      });
      await (await guards.running())?.call((remote) => remote.pace(crew.workShare));
      return crew.device();
    },
    model: () => guard((remote) => remote.encoder()),
    loadModel: (onProgress) => guard((remote) => remote.loadEncoder(proxy(onProgress))),
    energy: () => guard((remote) => remote.energy()),
    setEnergy: (settings) => guard((remote) => remote.setEnergy(settings)),

    measureSpeed: (onProgress, signal) =>
      navigator.locks.request(trainingLockName, { ifAvailable: true }, async (lock) => {
        if (!lock) throw otherTabTrains();
        runsGoingOn++;
        try {
          const { measureSpeed } = await import('./measure-speed.ts');
          const measured = await measureSpeed({ encoder, choice: crew.choice, workers: crew.workers }, onProgress, signal);
          keepMeasuredSpeed(() => localStorage, measured);
          return speedReportOf(measured, (await guard((remote) => remote.energy())).settings);
        } finally {
          runsGoingOn--;
        }
      }),
    speed: async () => {
      const measured = readMeasuredSpeed(() => localStorage);
      return measured && speedReportOf(measured, (await guard((remote) => remote.energy())).settings);
    },

    listProjects: async () => Promise.all((await table((remote) => remote.listProjects())).map(summaryOf)),
    openProject: async (id) => {
      const project = await table((remote) => remote.openProject(id));
      if (!project.runs.some((one) => one.state === 'interrupted')) return project;
      const costs = await guard((remote) => remote.resumeEpsilons(id));
      // Its line was written before its last charge.
      const withCost = (one: RunSummary, { charged, again }: { readonly charged: number; readonly again: number }): RunSummary => ({ ...one, epsilonRun: Math.max(one.epsilonRun ?? 0, charged), resumeEpsilon: again });
      return { ...project, runs: project.runs.map((one) => (one.state === 'interrupted' && costs[one.id] ? withCost(one, costs[one.id]!) : one)) };
    },
    renameProject: (id, name) => table((remote) => remote.renameProject(id, name)),
    duplicateProject: async (id) => summaryById(await table((remote) => remote.duplicateProject(id))),
    deleteProject: async (id) => {
      await guard((remote) => remote.checkMayDelete(id));
      await table((remote) => remote.deleteProject(id));
      await (await guards.running())?.call((remote) => remote.forget(id));
    },
    shareable: (id) => guard((remote) => remote.shareable(id)),
    exportProject: (id, epsilon = 0) => guard((remote) => remote.exportProject(id, epsilon)),
    importProject: async (file, mayExhaust) => summaryById(await guard((remote) => remote.importProject(file, mayExhaust))),

    readFile: async (file, onProgress, signal) => {
      const id = await orCancelled(signal, table((remote) => remote.readFile(file, proxy(onProgress))), () => void table((remote) => remote.cancelRead()));
      return summaryById(id);
    },
    openSample: async () => summaryById(await table((remote) => remote.openSample())),
    preview: (id) => table((remote) => remote.preview(id)),
    setColumns: (id, roles) => table((remote) => remote.setColumns(id, roles)),
    setSentences: (id, sentences) => table((remote) => remote.setSentences(id, sentences)),
    setAsideRows: (id) => table((remote) => remote.setAsideRows(id)),

    proposePlan: (id, onProgress = () => undefined, signal = new AbortController().signal) => cancellable(signal, (remote, callId) => remote.proposePlan(id, callId, proxy((progress) => !signal.aborted && onProgress(progress)))),
    forecast: (id, plan) => guard((remote) => remote.forecast(id, plan)),
    budget: async (id): Promise<BudgetReport> => {
      const budget = await guard((remote) => remote.budget(id));
      if (!budget) throw noColumns();
      return budget;
    },
    setBudget: (id, epsilonLimit) => guard((remote) => remote.setBudget(id, epsilonLimit)),
    declareDisjoint: (id) => guard((remote) => remote.declareDisjoint(id)),

    startRun: (id, plan, onMessage) => run((remote, listen) => remote.startRun(id, plan, listen), onMessage),
    resumeRun: (id, runId, onMessage) => run((remote, listen) => remote.resumeRun(id, runId, listen), onMessage),
    results: (id, runId) => guard((remote) => remote.results(id, runId)),
    prices: (id, runId) => guard((remote) => remote.prices(id, runId)),
    trainOn: (id, runId) => guard((remote) => remote.trainOn(id, runId)),
    chargeScore: (id, runId) => guard((remote) => remote.chargeScore(id, runId)),

    audit: async (id, options, onProgress, signal) => {
      runsGoingOn++;
      try {
        return await cancellable(signal, (remote, callId) => remote.audit(id, options, callId, proxy((progress) => !signal.aborted && onProgress(progress))));
      } finally {
        runsGoingOn--;
      }
    },
    auditForecast: (id, options) => guard((remote) => remote.auditForecast(id, options)),
    pauseAudit: (isPaused) => guard((remote) => remote.pauseAudit(isPaused)),

    classify: (id, runId, text) => guard((remote) => remote.classify(id, runId, text)),
    classifyFile: async (id, runId, file, onProgress, signal) => {
      if (signal.aborted) throw cancelled();
      const callId = crypto.randomUUID();
      // What is labelled by then comes back, so the answer is waited for.
      const cancel = () => void guard((remote) => remote.cancel(callId));
      signal.addEventListener('abort', cancel, { once: true });
      try {
        return await guard((remote) => remote.classifyFile(id, runId, file, callId, proxy(onProgress)));
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
    exportModel: (id, runId) => guard((remote) => remote.exportModel(id, runId)),

    ledger: () => guard((remote) => remote.ledger()),
    eraseLedger: () => guard((remote) => remote.eraseLedger()),

    storage: async () => storageReport(await table((remote) => remote.storedBytes()), await guard((remote) => remote.ledgerBytes())),
    clearCaches,
    clearFeatures: () => table((remote) => remote.clearFeatures()),
    silence: async () => {
      const link = await guards.running();
      // A guard that dies now has told all but its last call.
      const bytes = await link?.call((remote) => remote.sentBytes()).catch(() => 0);
      if (link && bytes) keepSentBytes(link.lockName, bytes);
      return silenceOf([readRequestLog(), ...workerRequestLogs()], performance.timeOrigin, await isReadyOffline(encoder.name));
    },
    trySending,

    federation: federationOfPage({ guard: () => guards.get(), cancellable }),
  };
}
