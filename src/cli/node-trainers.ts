import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Engine } from '../engine/engine.ts';
import { createTrainer } from '../training/in-process-trainer.ts';
import type { Trainer } from '../training/trainer.ts';
import { openHeadProducts } from './node-engine.ts';
import { connectWorkerTrainer } from './trainer-port.ts';
import type { TrainerWorkerData } from './trainer.worker.ts';

export interface NodeTrainers {
  readonly trainers: readonly Trainer[];
  close(): Promise<void>;
}

/** min(cores, 8), or BEDSIDE_WORKERS. */
export function workerCount(): number {
  const asked = Number(process.env['BEDSIDE_WORKERS']);
  return Number.isInteger(asked) && asked > 0 ? asked : Math.min(availableParallelism(), 8);
}

/** Data-parallel trainers: one in this thread over `engine`, which has the model open already, and the others in worker threads with memory of their own. */
export async function startNodeTrainers(modelFolder: string, engine: Engine, count = workerCount()): Promise<NodeTrainers> {
  const workers = Array.from({ length: count - 1 }, () => new Worker(new URL('./trainer-thread.mjs', import.meta.url), { workerData: { modelFolder } satisfies TrainerWorkerData }));
  // This thread's own last: it computes before it yields, and the others must have their calls by then.
  const trainers = [...(await Promise.all(workers.map(connectWorkerTrainer))), createTrainer(engine, { openHeadProducts })];
  return {
    trainers,
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
