import type { SessionRun } from './session-run.ts';
import type { TrainedModel } from './trained-model.ts';

/** How a run of any plan ended: the model, and how to score the held-out rows with it. */
export interface RunEnd {
  readonly run: SessionRun;
  readonly state: 'finished' | 'stopped';
  readonly reason: 'asked' | 'budget' | null;
  readonly stepsDone: number;
  readonly model: TrainedModel;
  readonly score: () => Promise<Float32Array>;
}
