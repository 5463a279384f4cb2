/** For tests: what several of them do with a service. */
import type { BedsideService, RunMessage } from '../bedside.service.ts';
import type { FullBatchHeadPlan } from '../../training/plan.ts';

export interface Listening {
  readonly messages: readonly RunMessage[];
  /** The message that ended the run. */
  readonly end: Promise<RunMessage>;
  next(kind: RunMessage['kind']): Promise<RunMessage>;
  /** Resolves once more than `steps` steps are done. */
  pastStep(steps: number): Promise<void>;
  readonly onMessage: (message: RunMessage) => void;
}

/** Collects a run's messages. */
export function listen(): Listening {
  const messages: RunMessage[] = [];
  let settle: (message: RunMessage) => void = () => undefined;
  const end = new Promise<RunMessage>((resolve) => (settle = resolve));
  let waiting: { readonly kind: RunMessage['kind']; readonly resolve: (message: RunMessage) => void }[] = [];
  const next = (kind: RunMessage['kind']) => new Promise<RunMessage>((resolve) => waiting.push({ kind, resolve }));
  return {
    messages,
    end,
    next,
    pastStep: async (steps) => {
      while (!messages.some((message) => message.kind === 'progress' && message.progress.step > steps)) await next('progress');
    },
    onMessage: (message) => {
      messages.push(message);
      const due = waiting.filter(({ kind }) => kind === message.kind);
      waiting = waiting.filter(({ kind }) => kind !== message.kind);
      for (const { resolve } of due) resolve(message);
      if (message.kind !== 'progress' && message.kind !== 'paused') settle(message);
    },
  };
}

/** The built-in sample with its guessed columns confirmed. */
export async function sampleProject(service: BedsideService): Promise<string> {
  const { id } = await service.openSample();
  const { columns } = await service.preview(id);
  await service.setColumns(id, Object.fromEntries(columns.map(({ name, role }) => [name, role])));
  return id;
}

/** The private plan proposed for a project. */
export async function proposedPlan(service: BedsideService, id: string): Promise<FullBatchHeadPlan> {
  const { plan } = await service.proposePlan(id);
  if (plan.kind !== 'full-batch-head') throw new Error(`expected a full-batch plan, found ${plan.kind}`);
  return plan;
}

/** Deletes every project and the ledger. */
export async function clearAll(service: BedsideService): Promise<void> {
  for (const { id } of await service.listProjects()) await service.deleteProject(id);
  await service.eraseLedger();
}

/** Keeps hold of every worker that is started from now on, by name, so that a test can kill one as the system would. */
export function watchWorkers(): ReadonlyMap<string, Worker[]> {
  const started = new Map<string, Worker[]>();
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      const name = options?.name ?? '';
      started.set(name, [...(started.get(name) ?? []), this]);
    }
  };
  return started;
}
