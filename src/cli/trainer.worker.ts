import { parentPort, workerData } from 'node:worker_threads';
import { createTrainer } from '../training/in-process-trainer.ts';
import type { Trainer } from '../training/trainer.ts';
import { openHeadProducts, openNodeModel } from './node-engine.ts';
import { answerCall, type TrainerCall } from './trainer-port.ts';

/** What the thread is started with. */
export interface TrainerWorkerData {
  readonly modelFolder: string;
}

const { modelFolder }: TrainerWorkerData = workerData;
const opening: Promise<Trainer> = openNodeModel(modelFolder).then(({ engine }) => createTrainer(engine, { openHeadProducts }));
// One call at a time, in order, as the trainer wants it.
let last: Promise<void> = Promise.resolve();
parentPort?.on('message', (call: TrainerCall) => {
  last = last.then(async () => answerCall(await opening, call));
});
