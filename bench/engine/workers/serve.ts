import { expose } from 'comlink';
import { inLongest, type BenchWorker, type Measured, type Task, type WorkerOptions } from '../page/contract.ts';
import { loadModel, miniLmFolder, type LoadedModel } from '../workload/models.ts';
import { stepWork, type StepWork } from '../workload/step-work.ts';

/** A file beside the page. Workers lie in `assets/`. */
export async function fetchBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(`/${path}`);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** What a worker is opened with, loaded. */
export interface Opened extends WorkerOptions, LoadedModel {
  readonly step: StepWork;
}

/** The tasks that an engine can do; each answers with its values once they are in host memory. */
export interface BenchEngine {
  readonly device: string;
  readonly tasks: Readonly<Partial<Record<Task, () => Promise<Float32Array>>>>;
  /** Read after each task. */
  counts?(): Readonly<Record<string, number>>;
}

/** Serves an engine to the page: time is that of the task alone, here in the worker. */
export function serve(openEngine: (opened: Opened) => Promise<BenchEngine>): void {
  let engine: BenchEngine | null = null;
  const worker: BenchWorker = {
    async open(options) {
      const model = await loadModel(options.model, (file) => fetchBytes(miniLmFolder + file));
      engine = await openEngine({ ...options, ...model, step: stepWork(model.weights.shape, model.tokenizer, options.work) });
      return engine.device;
    },
    async measure(task): Promise<Measured> {
      const compute = engine?.tasks[task];
      if (!compute) throw new Error(`This engine has no task ${task}.`);
      const before = engine?.counts?.() ?? {};
      const start = performance.now();
      const values = await compute();
      const elapsedMs = performance.now() - start;
      const after = engine?.counts?.() ?? {};
      // Bytes are what is held now, times of operations and the longest submission those of the last call; the rest is counted from the start.
      const isAsItStands = (name: string) => name.endsWith('Bytes') || name.startsWith('ms ') || name.startsWith(inLongest);
      return { elapsedMs, values, counts: Object.fromEntries(Object.entries(after).map(([name, count]) => [name, isAsItStands(name) ? count : count - (before[name] ?? 0)])) };
    },
  };
  expose(worker);
}
