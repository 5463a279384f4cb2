import { linkWorker, type WorkerLink } from './remote.ts';
import { startModuleWorker } from './start-worker.ts';
import type { TrainerHost } from './trainer-service.ts';
import trainerUrl from './trainer.worker.ts?worker&url';

/** A trainer that lives and has no device yet. */
export function startTrainer(): Promise<WorkerLink<TrainerHost>> {
  return linkWorker<TrainerHost>(startModuleWorker(trainerUrl, 'trainer'), 'training');
}
